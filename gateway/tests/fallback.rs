//! A scene with a fallback answers while its model may not be asked, and never with items that the
//! caller did not name.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod harness;

use std::{collections::BTreeSet, sync::Arc};

use harness::{
    client::{Answer, Connection},
    lists::{ids, list},
    process::{Gateway, RECOMMEND, Setup, UNHURRIED},
    repository::Repository,
};
use serde_json::{Value, json};
use tokio::sync::Barrier;

const CALLERS: usize = 32;

/// Several worker threads share one actor with a short queue: each lets requests in, and the actor
/// sheds most of them after they were let in.
fn overloaded(scenes: &str) -> Arc<Gateway> {
    let model = "placement = \"dedicated\"\ninstances = 1";
    let repository = Repository::new().drill_with("slow", model, "latency = \"100ms\"");
    let config = format!(
        "{UNHURRIED}[http]\nworkers = 4\n[models]\nqueue = 2\ndedicated_threads = 1\n{scenes}"
    );
    Arc::new(Setup::new().repository(repository).config(&config).start())
}

/// The answers to as many callers at once, each on a connection of its own.
async fn at_once(gateway: &Arc<Gateway>, request: Value) -> Vec<Answer> {
    let barrier = Arc::new(Barrier::new(CALLERS));
    let callers = (0..CALLERS).map(|_| {
        let (gateway, barrier) = (Arc::clone(gateway), Arc::clone(&barrier));
        let request = request.clone();
        tokio::spawn(async move {
            let mut connection = Connection::open(gateway.http).await;
            barrier.wait().await;
            connection.post(RECOMMEND, &request).await
        })
    });
    let mut answers = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        answers.push(caller.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn a_fallback_lists_only_the_candidates_that_the_request_names() {
    let scene = |name: &str| {
        format!(
            "[scenes.{name}]\nmodel = \"slow\"\ncandidates = \"popular\"\npool = 100\nfallback = \"{name}\"\n"
        )
    };
    let gateway = overloaded(&format!("{}{}", scene("popular"), scene("last_list")));
    let named = BTreeSet::from(["1500", "1600", "1682"]);
    for scene in ["popular", "last_list"] {
        let candidates = json!(["1500", "1600", "no such film", "1682"]);
        let request = json!({"user_id": "1", "scene": scene, "candidates": candidates});
        let answers = at_once(&gateway, request).await;
        let degraded = |answer: &&Answer| answer.json()["degraded"] == true;
        let fell_back: Vec<_> = answers.iter().filter(degraded).collect();
        assert!(!fell_back.is_empty(), "{scene}: nothing was shed");
        for answer in fell_back {
            let body = answer.json();
            assert_eq!(body["degraded_reason"], "INFRA.IO.OVERLOADED");
            assert_eq!(ids(&list(answer)), named, "{scene}");
            assert_eq!(body["unknown_candidates"], 1, "{scene}");
        }
    }
}

#[tokio::test]
async fn without_named_candidates_a_fallback_lists_the_scenes_own() {
    let gateway = overloaded(
        "[scenes.popular]\nmodel = \"slow\"\ncandidates = \"popular\"\npool = 5\nfallback = \"popular\"\n",
    );
    let request = json!({"user_id": "nobody", "scene": "popular"});
    let answers = at_once(&gateway, request).await;
    let lists: BTreeSet<Vec<String>> = answers
        .iter()
        .filter(|answer| answer.json()["degraded"] == true)
        .map(|answer| list(answer).into_iter().map(|(id, _)| id).collect())
        .collect();
    assert_eq!(lists.len(), 1, "one list for all: {lists:?}");
    assert!(lists.iter().all(|list| list.len() == 5), "{lists:?}");
}

#[tokio::test]
async fn a_users_last_list_is_found_whichever_thread_answers() {
    let gateway = overloaded(
        "[scenes.last_list]\nmodel = \"slow\"\ncandidates = \"popular\"\npool = 100\nfallback = \"last_list\"\n",
    );
    let request = json!({"user_id": "7", "scene": "last_list"});
    let last = list(&gateway.recommend(&request).await);
    let answers = at_once(&gateway, request).await;
    let degraded = |answer: &&Answer| answer.json()["degraded"] == true;
    let fell_back: Vec<_> = answers.iter().filter(degraded).map(list).collect();
    assert!(!fell_back.is_empty(), "nothing was shed");
    assert!(fell_back.iter().all(|list| *list == last), "{fell_back:?}");
}
