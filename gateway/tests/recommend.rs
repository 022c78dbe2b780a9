//! The main job: what a request for recommendations is answered with.

mod harness;

use std::collections::{BTreeSet, HashMap};

use harness::{
    client::{empty, json_post, over_http2},
    lists::{assert_same, every_item, ids, list, rated_by},
    process::{RECOMMEND, Setup, Shared, UNHURRIED},
    repository::{Repository, scenes},
};
use serde_json::{Value, json};

static GATEWAY: Shared = Shared::new(|| {
    Setup::new()
        .repository(Repository::new().shipped().all_equal("all_equal"))
        .config(&format!("{UNHURRIED}{}{BUILT_IN}", scenes(&["all_equal"])))
});

/// The built-in scenes, which a file that names others has to name as well.
const BUILT_IN: &str = "[scenes.home_feed]\n[scenes.catalogue]\n[scenes.genre_comedy]\n";

#[tokio::test]
async fn an_answer_has_every_field_it_is_documented_with() {
    let gateway = GATEWAY.get();
    let mut call = json_post(RECOMMEND, json!({"user_id": "196", "top_k": 3}).to_string());
    call.headers_mut()
        .insert("x-request-id", "caller-7".parse().unwrap());
    let answer = harness::client::send(gateway.http, call).await;
    assert_eq!(list(&answer).len(), 3);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-request-id"), "caller-7");
    let body = answer.json();
    assert_eq!(body["request_id"], "caller-7");
    assert_eq!(
        (&body["user_id"], &body["scene"]),
        (&json!("196"), &json!("home_feed"))
    );
    assert_eq!(body["model"], "ml100k_din");
    assert_eq!(body["model_version"], "1");
    assert_eq!(body["unknown_candidates"], 0);
    assert_eq!(body["degraded"], false);
    let timing = body["timing_us"].as_object().unwrap();
    for phase in ["parse", "features", "queue", "batch", "run", "encode"] {
        assert!(timing[phase].is_u64(), "{phase}: {timing:?}");
    }
    assert!(
        timing["run"].as_u64() > Some(0),
        "the model ran: {timing:?}"
    );
}

#[tokio::test]
async fn requests_without_an_id_get_different_ones() {
    let gateway = GATEWAY.get();
    let mut made = BTreeSet::new();
    for _ in 0..20 {
        let answer = gateway
            .recommend(&json!({"user_id": "1", "top_k": 1}))
            .await;
        let id = answer.header("x-request-id").to_owned();
        assert_eq!(answer.json()["request_id"], *id);
        assert!(!id.is_empty() && made.insert(id));
    }
}

#[tokio::test]
async fn different_users_get_different_lists() {
    let gateway = GATEWAY.get();
    let mut seen = BTreeSet::new();
    for user in ["1", "196", "405", "655", "13"] {
        let request = json!({"user_id": user, "scene": "catalogue", "include_seen": true});
        let list = list(&gateway.recommend(&request).await);
        assert_eq!(list.len(), 20, "the default length");
        let order: Vec<String> = list.into_iter().map(|(id, _)| id).collect();
        assert!(seen.insert(order), "user {user} got another user's list");
    }
}

#[tokio::test]
async fn the_same_request_gets_the_same_list_again() {
    let gateway = GATEWAY.get();
    let request = json!({"user_id": "42", "top_k": 100});
    let first = list(&gateway.recommend(&request).await);
    assert_same(&first, &list(&gateway.recommend(&request).await));
}

#[tokio::test]
async fn ties_are_ordered_by_item_id() {
    let gateway = GATEWAY.get();
    let request = json!({"user_id": "1", "scene": "all_equal", "candidates": ["9", "100", "2", "10", "1000"]});
    let found = list(&gateway.recommend(&request).await);
    let expected = ["10", "100", "1000", "2", "9"].map(|id| (id.to_owned(), 0.5));
    assert_eq!(found, expected);
    // And where the end of the list cuts through a tie.
    let request =
        json!({"user_id": "1", "scene": "all_equal", "candidates": every_item(), "top_k": 3});
    let found = list(&gateway.recommend(&request).await);
    assert_eq!(found, ["1", "10", "100"].map(|id| (id.to_owned(), 0.5)));
}

#[tokio::test]
async fn only_the_candidates_of_the_request_are_ranked() {
    let gateway = GATEWAY.get();
    let request = json!({"user_id": "196", "candidates": ["50", "1", "1682", "300"]});
    let answer = gateway.recommend(&request).await;
    assert_eq!(
        ids(&list(&answer)),
        BTreeSet::from(["1", "1682", "300", "50"])
    );
    assert_eq!(answer.json()["unknown_candidates"], 0);
}

#[tokio::test]
async fn unknown_candidates_are_left_out_and_counted() {
    let gateway = GATEWAY.get();
    let named = json!(["50", "1683", "no such film", "1", "", "0", "01"]);
    let answer = gateway
        .recommend(&json!({"user_id": "196", "candidates": named}))
        .await;
    assert_eq!(ids(&list(&answer)), BTreeSet::from(["1", "50"]));
    assert_eq!(answer.json()["unknown_candidates"], 5);

    let answer = gateway
        .recommend(&json!({"user_id": "196", "candidates": ["x"]}))
        .await;
    assert!(list(&answer).is_empty());
    assert_eq!(answer.json()["unknown_candidates"], 1);
}

#[tokio::test]
async fn a_candidate_named_twice_is_ranked_once() {
    let gateway = GATEWAY.get();
    let twice = json!({"user_id": "196", "candidates": ["50", "1", "50", "50", "1"]});
    let once = json!({"user_id": "196", "candidates": ["50", "1"]});
    let answer = gateway.recommend(&twice).await;
    assert_same(&list(&gateway.recommend(&once).await), &list(&answer));
    assert_eq!(answer.json()["unknown_candidates"], 0);
}

#[tokio::test]
async fn no_candidates_means_an_empty_list_and_not_the_scenes_own() {
    let gateway = GATEWAY.get();
    let answer = gateway
        .recommend(&json!({"user_id": "196", "candidates": []}))
        .await;
    assert!(list(&answer).is_empty());
    assert_eq!(answer.json()["degraded"], false);
}

#[tokio::test]
async fn an_unknown_user_is_a_cold_start_and_no_error() {
    let gateway = GATEWAY.get();
    let of = async |user: &str| {
        let request = json!({"user_id": user, "top_k": 50});
        let answer = gateway.recommend(&request).await;
        assert_eq!(answer.json()["user_id"], *user);
        assert_eq!(answer.json()["degraded"], false);
        list(&answer)
    };
    let stranger = of("nobody-ever-saw-me").await;
    assert_eq!(stranger.len(), 50);
    assert_same(&stranger, &of("日本語 \"quoted\" \\ user").await);
    assert_ne!(ids(&stranger), ids(&of("196").await));
}

#[tokio::test]
async fn what_a_user_has_rated_is_left_out_unless_asked_for() {
    let gateway = GATEWAY.get();
    let rated = rated_by("1");
    let rated: BTreeSet<&str> = rated.iter().map(String::as_str).collect();
    assert!(rated.len() > 100, "a user worth asking about");
    for scene in ["home_feed", "catalogue"] {
        let of = async |include_seen: bool| {
            let request = json!({
                "user_id": "1", "scene": scene, "top_k": 1000, "include_seen": include_seen
            });
            list(&gateway.recommend(&request).await)
        };
        let (unseen, all) = (of(false).await, of(true).await);
        assert!(ids(&unseen).is_disjoint(&rated), "{scene}");
        assert!(!ids(&all).is_disjoint(&rated), "{scene}");
    }
}

#[tokio::test]
async fn candidates_that_a_request_names_are_scored_even_if_seen() {
    let gateway = GATEWAY.get();
    let rated = rated_by("1");
    for include_seen in [false, true] {
        let request = json!({
            "user_id": "1", "candidates": rated, "top_k": 1000, "include_seen": include_seen
        });
        let found = list(&gateway.recommend(&request).await);
        assert_eq!(ids(&found), rated.iter().map(String::as_str).collect());
    }
}

#[tokio::test]
async fn another_context_gives_other_scores() {
    let gateway = GATEWAY.get();
    let of = async |context: Value| -> HashMap<String, f64> {
        let request =
            json!({"user_id": "196", "candidates": ["50", "1", "300"], "context": context});
        list(&gateway.recommend(&request).await)
            .into_iter()
            .collect()
    };
    let none = of(json!({})).await;
    let morning = of(json!({"hour": "7"})).await;
    let evening = of(json!({"hour": "21"})).await;
    let sunday = of(json!({"hour": "21", "weekday": "7"})).await;
    for item in ["50", "1", "300"] {
        let scores = [none[item], morning[item], evening[item], sunday[item]];
        for (at, score) in scores.iter().enumerate() {
            let others = scores[..at].iter();
            assert!(
                others.clone().all(|other| (other - score).abs() > 1e-6),
                "{item}: {scores:?}"
            );
        }
    }
    // A key that no model knows is no reason to refuse, and changes nothing.
    assert_eq!(of(json!({"abtest": "b", "future": "thing"})).await, none);
}

#[tokio::test]
async fn titles_come_when_asked_for() {
    let gateway = GATEWAY.get();
    let mut request = json!({"user_id": "196", "candidates": ["50", "313"]});
    let plain = gateway.recommend(&request).await.json();
    assert!(plain["items"][0].get("title").is_none(), "{plain}");
    request["include"] = json!(["title"]);
    let answer = gateway.recommend(&request).await.json();
    let titles = answer["items"].as_array().unwrap().iter().map(|item| {
        let text = |key: &str| item[key].as_str().unwrap().to_owned();
        (text("item_id"), text("title"))
    });
    let titles: HashMap<_, _> = titles.collect();
    assert!(titles["50"].contains("Star Wars"), "{titles:?}");
    assert!(titles["313"].contains("Titanic"), "{titles:?}");
}

#[tokio::test]
async fn top_k_cuts_the_list_and_changes_nothing_else() {
    let gateway = GATEWAY.get();
    let of = async |top_k: usize| {
        let request = json!({"user_id": "7", "candidates": every_item(), "top_k": top_k});
        list(&gateway.recommend(&request).await)
    };
    let longest = of(1000).await;
    assert_eq!(longest.len(), 1000);
    for top_k in [1, 2, 20, 999] {
        assert_same(&longest[..top_k].to_vec(), &of(top_k).await);
    }
    let few = json!({"user_id": "7", "candidates": ["1", "2"], "top_k": 1000});
    assert_eq!(list(&gateway.recommend(&few).await).len(), 2);
}

#[tokio::test]
async fn the_whole_catalogue_is_ranked_in_one_request() {
    let gateway = GATEWAY.get();
    let own = json!({"user_id": "7", "scene": "catalogue", "include_seen": true, "top_k": 1000});
    let whole = list(&gateway.recommend(&own).await);
    assert_eq!(whole.len(), 1000);
    let named =
        json!({"user_id": "7", "scene": "catalogue", "candidates": every_item(), "top_k": 1000});
    assert_same(&whole, &list(&gateway.recommend(&named).await));
    // Piece by piece every item gets the score it gets in the whole, so all 1682 were ranked.
    let mut pieces = Vec::new();
    for piece in every_item().chunks(100) {
        let request =
            json!({"user_id": "7", "scene": "catalogue", "candidates": piece, "top_k": 1000});
        pieces.extend(list(&gateway.recommend(&request).await));
    }
    assert_eq!(pieces.len(), 1682);
    pieces.sort_by(|(a, x), (b, y)| y.total_cmp(x).then_with(|| a.cmp(b)));
    pieces.truncate(1000);
    assert_same(&pieces, &whole);
}

#[tokio::test]
async fn http_2_without_tls_is_served_on_the_same_port() {
    let gateway = GATEWAY.get();
    let request = |user: u32| json!({"user_id": user.to_string(), "top_k": 10});
    let call = |user| json_post(RECOMMEND, request(user).to_string());
    let mut calls: Vec<_> = (1..=16).map(call).collect();
    calls.push(empty("GET", "/v2/health/ready"));
    let mut answers = over_http2(gateway.http, calls).await;
    assert_eq!(answers.pop().unwrap().status, 200);
    for (user, answer) in (1..).zip(&answers) {
        assert!(!answer.header("x-request-id").is_empty());
        assert_same(
            &list(&gateway.recommend(&request(user)).await),
            &list(answer),
        );
    }
    let wrong = over_http2(
        gateway.http,
        vec![json_post(RECOMMEND, "{"), empty("GET", RECOMMEND)],
    )
    .await;
    assert_eq!((wrong[0].status, wrong[1].status), (400, 405));
}

#[tokio::test]
async fn fields_of_the_interface_may_come_in_any_order_and_unknown_ones_are_ignored() {
    let gateway = GATEWAY.get();
    let plain = json!({"user_id": "9", "scene": "home_feed", "top_k": 5});
    let rich = r#"{"future": {"deep": [1, {"a": null}]}, "top_k": 5, "device_id": "d-1",
        "context": {}, "timeout_ms": 20000, "include": [], "scene": "home_feed", "user_id": "9"}"#;
    let answer = harness::client::send(gateway.http, json_post(RECOMMEND, rich)).await;
    assert_same(&list(&gateway.recommend(&plain).await), &list(&answer));
}
