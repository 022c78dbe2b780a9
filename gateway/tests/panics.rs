//! A panicking engine: only the batch in hand fails, everybody gets one answer, the actor is back.

#![expect(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod harness;

use std::{collections::BTreeMap, sync::Arc};

use harness::{
    client::Connection,
    eventually,
    process::{Gateway, RECOMMEND, Setup, UNHURRIED},
    refusals::assert_refused,
    repository::{Repository, beside_home_feed},
};
use serde_json::{Value, json};

const CALLERS: usize = 64;
const EACH: usize = 40;
const EVERY: u64 = 50;
const PANICKED: &str = "MODEL.IO.PANICKED";

fn gateway(keys: &str, config: &str) -> Gateway {
    let repository = Repository::new().shipped().drill("drill", keys);
    let config = format!("{UNHURRIED}{config}{}", beside_home_feed(&["drill"]));
    Setup::new().repository(repository).config(&config).start()
}

/// The inference actors of a model.
async fn actors(gateway: &Gateway, model: &str) -> Vec<Value> {
    let page = gateway.admin("/admin/actors").await;
    let mut actors = page["inference"].as_array().unwrap().clone();
    actors.retain(|actor| {
        actor["id"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{model}-"))
    });
    actors
}

fn sum(actors: &[Value], key: &str) -> u64 {
    actors
        .iter()
        .map(|actor| actor[key].as_u64().unwrap())
        .sum()
}

/// Every actor of the model has a session again.
async fn all_ready(gateway: &Gateway, model: &str) -> Vec<Value> {
    eventually("every actor ready", async || {
        let actors = actors(gateway, model).await;
        let ready = actors.iter().all(|actor| actor["session_state"] == "ready");
        (ready && !actors.is_empty()).then_some(actors)
    })
    .await
}

fn counted(metrics: &str, code: &str) -> u64 {
    let start = format!("fusebox_requests_total{{code=\"{code}\",");
    let lines = metrics.lines().filter(|line| line.starts_with(&start));
    let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    lines.map(count).sum()
}

/// Many callers ask and ask again; gives how often each outcome came.
async fn storm(gateway: &Arc<Gateway>) -> BTreeMap<String, u64> {
    let callers = (0..CALLERS).map(|caller| {
        let gateway = Arc::clone(gateway);
        tokio::spawn(async move {
            let mut connection = Connection::open(gateway.http).await;
            let mut outcomes = Vec::new();
            for n in 0..EACH {
                // A mix of sizes: some fill a run by themselves, most share one.
                let candidates: Vec<String> = (1..=10 + 40 * (n % 3)).map(|id| id.to_string()).collect();
                let user = caller.to_string();
                let request = json!({"user_id": user, "scene": "drill", "candidates": candidates, "top_k": 1000});
                let answer = connection.post(RECOMMEND, &request).await;
                let outcome = match answer.status {
                    200 => {
                        let body = answer.json();
                        assert_eq!(body["user_id"], *user);
                        assert_eq!(body["items"].as_array().unwrap().len(), candidates.len());
                        "OK".to_owned()
                    }
                    _ => {
                        assert_refused(&answer, 500, PANICKED);
                        answer.code()
                    }
                };
                outcomes.push(outcome);
            }
            outcomes
        })
    });
    let mut count = BTreeMap::new();
    for caller in callers.collect::<Vec<_>>() {
        for outcome in caller.await.unwrap() {
            *count.entry(outcome).or_default() += 1;
        }
    }
    count
}

#[tokio::test]
async fn every_fiftieth_run_panics_under_64_callers_and_each_gets_one_answer() {
    let gateway = Arc::new(gateway(&format!("panic_every = {EVERY}"), ""));
    let outcomes = storm(&gateway).await;
    assert_eq!(outcomes.values().sum::<u64>(), (CALLERS * EACH) as u64);
    assert!(outcomes["OK"] > 0, "{outcomes:?}");

    // What the callers saw is what was counted: nobody was answered twice.
    let metrics = gateway.metrics().await;
    let failed = outcomes.get(PANICKED).copied().unwrap_or_default();
    assert_eq!(counted(&metrics, "OK"), outcomes["OK"]);
    assert_eq!(counted(&metrics, PANICKED), failed);

    // All the panics that the engine made show, no more and no fewer.
    let actors = all_ready(&gateway, "drill").await;
    let (runs, panics) = (sum(&actors, "runs"), sum(&actors, "panics"));
    assert!(panics > 0, "{actors:?}");
    assert_eq!(panics, (runs + panics) / EVERY, "{actors:?}");
    assert_eq!(sum(&actors, "restarts"), panics, "{actors:?}");
    let supervised = actors
        .iter()
        .map(|actor| actor["supervision"]["panics"].as_u64().unwrap());
    assert_eq!(supervised.sum::<u64>(), panics);
    let panicked = actors
        .iter()
        .find(|actor| actor["panics"].as_u64() > Some(0))
        .unwrap();
    let said = panicked["last_panic"]["message"].as_str().unwrap();
    assert!(said.contains("the drill engine panics on run"), "{said}");

    // Afterwards all works: of fewer requests than lie between two panics, at most one fails.
    let request = json!({"user_id": "1", "scene": "drill", "candidates": ["1", "2"]});
    let mut fine = 0;
    for _ in 0..EVERY - 1 {
        fine += u64::from(gateway.recommend(&request).await.status == 200);
        all_ready(&gateway, "drill").await;
    }
    assert!(fine >= EVERY - 2, "{fine}");
    assert_eq!(gateway.get("/v2/health/ready").await.status, 200);
    let other = json!({"user_id": "1"});
    assert_eq!(gateway.recommend(&other).await.status, 200);
}

#[tokio::test]
async fn a_panic_is_an_error_of_its_own_and_another_model_does_not_notice() {
    let gateway = gateway("panic_every = 1", "");
    let healthy = json!({"user_id": "1", "top_k": 5});
    let sick = json!({"user_id": "1", "scene": "drill"});
    let answer = gateway.recommend(&sick).await;
    assert_refused(&answer, 500, PANICKED);
    assert_eq!(answer.json()["retryable"], true);
    assert_eq!(gateway.recommend(&healthy).await.status, 200);
}

#[tokio::test]
async fn a_model_that_does_nothing_but_panic_is_parked_and_answers_503() {
    let gateway = gateway("panic_every = 1", "[supervision]\npark_after = 3\n");
    let sick = json!({"user_id": "1", "scene": "drill"});
    let parked = eventually("a parked model", async || {
        let answer = gateway.recommend(&sick).await;
        (answer.status != 500).then_some(answer)
    })
    .await;
    assert_refused(&parked, 503, "MODEL.CONFIG.UNAVAILABLE");
    let page = gateway.admin("/admin/actors").await;
    assert_eq!(page["unavailable_models"][0]["model"], "drill", "{page}");
    let healthy = json!({"user_id": "1", "top_k": 5});
    assert_eq!(gateway.recommend(&healthy).await.status, 200);
}
