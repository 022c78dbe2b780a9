//! Canaries on the real process, played by drill engines: bad ones are taken back, users stay with
//! the version they were given, and an operator's word is carried out.

#![expect(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod harness;

use harness::{
    client::{Answer, Connection, empty, json_post},
    eventually,
    process::{Gateway, RECOMMEND, Setup, UNHURRIED},
    repository::{Repository, scenes},
};
use serde_json::{Value, json};

/// A model whose version 1 serves and whose version 2 lies beside it; the keys of `[drill]` hold for
/// version 2.
fn gateway(keys: &str) -> Gateway {
    let keys = format!("only_version = 2\n{keys}");
    let repository = Repository::new().shipped();
    let repository = repository.drill_with("drill", "versions = [1]\n", &keys);
    repository.write("drill/2/README", "the drill engine needs no graph");
    let config = format!("{UNHURRIED}{}", scenes(&["drill"]));
    Setup::new().repository(repository).config(&config).start()
}

async fn post(gateway: &Gateway, command: &str, body: Value) -> Answer {
    let mut connection = Connection::open(gateway.admin).await;
    let path = format!("/admin/canary/{command}");
    connection.send(json_post(&path, body.to_string())).await
}

async fn start(gateway: &Gateway, percent: u8) -> Value {
    let plan = json!([{"percent": percent, "for": "10m"}]);
    let answer = post(
        gateway,
        "start",
        json!({"model": "drill", "version": 2, "plan": plan}),
    )
    .await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.json()
}

async fn shown(gateway: &Gateway) -> Value {
    gateway.admin("/admin/canary").await[0].clone()
}

/// The version that answered this user; 0 for a failure.
async fn version_of(connection: &mut Connection, user: u32) -> u64 {
    let body = json!({"user_id": user.to_string(), "scene": "drill", "candidates": ["1", "2"]});
    let answer = connection
        .send(json_post(RECOMMEND, body.to_string()))
        .await;
    let version = &answer.json()["model_version"];
    version
        .as_u64()
        .or_else(|| version.as_str()?.parse().ok())
        .unwrap_or(0)
}

/// The split takes effect a moment after the start was answered.
async fn split_is_seen(gateway: &Gateway) {
    let mut connection = Connection::open(gateway.http).await;
    eventually("somebody answered by version 2", async || {
        for user in 1..200 {
            if version_of(&mut connection, user).await != 1 {
                return Some(());
            }
        }
        None
    })
    .await;
}

/// Sends requests of many users until the canary has ended; gives how it did.
async fn ended(gateway: &Gateway) -> Value {
    let mut connection = Connection::open(gateway.http).await;
    let mut user = 0;
    eventually("the canary's end", async || {
        for _ in 0..200 {
            user += 1;
            version_of(&mut connection, user).await;
        }
        let release = shown(gateway).await;
        let state = release["state"].as_str().unwrap().to_owned();
        ["promoted", "rolled_back"]
            .contains(&state.as_str())
            .then_some(release)
    })
    .await
}

async fn assert_rolled_back(keys: &str, reasons: &[&str]) {
    let gateway = gateway(keys);
    let started = start(&gateway, 50).await;
    assert_eq!(started["state"], "running", "{started}");
    assert_eq!(
        (&started["stable"], &started["canary"]),
        (&json!(1), &json!(2))
    );
    let release = ended(&gateway).await;
    assert_eq!(release["state"], "rolled_back", "{release}");
    let reason = release["reason"].as_str().unwrap();
    assert!(reasons.contains(&reason), "{release}");
    // And nobody meets it any more.
    let mut connection = Connection::open(gateway.http).await;
    eventually("everyone at version 1", async || {
        for user in 1..100 {
            if version_of(&mut connection, user).await != 1 {
                return None;
            }
        }
        Some(())
    })
    .await;
    let metrics = gateway.metrics().await;
    let counted =
        format!("fusebox_canary_decisions_total{{decision=\"{reason}\",model=\"drill\"}} 1");
    assert!(metrics.contains(&counted), "{counted}");
}

#[actix_web::test]
async fn a_slow_canary_is_rolled_back() {
    let slow = "latency = \"1ms\"\nslow_from = \"0s\"\nslow_for = \"1h\"\nslow_factor = 40";
    assert_rolled_back(slow, &["p99_over_stable"]).await;
}

#[actix_web::test]
async fn a_failing_canary_is_rolled_back() {
    assert_rolled_back("error_every = 2", &["more_failures", "breaker_open"]).await;
}

#[actix_web::test]
async fn a_canary_that_scores_nan_is_rolled_back_at_its_first_one() {
    assert_rolled_back("nan_every = 1", &["not_finite"]).await;
}

#[actix_web::test]
async fn users_stay_with_their_version_and_an_operator_has_the_last_word() {
    let gateway = gateway("");
    assert_eq!(gateway.admin("/admin/canary").await, json!([]));
    start(&gateway, 30).await;
    split_is_seen(&gateway).await;
    let mut connection = Connection::open(gateway.http).await;
    let mut first = Vec::new();
    for user in 0..1_000 {
        first.push(version_of(&mut connection, user).await);
    }
    let on_canary = first.iter().filter(|version| **version == 2).count();
    assert!((220..380).contains(&on_canary), "{on_canary}");
    for (user, version) in (0..).zip(&first) {
        assert_eq!(
            version_of(&mut connection, user).await,
            *version,
            "user {user}"
        );
    }

    let again = json!({"model": "drill", "version": 2});
    assert_eq!(post(&gateway, "start", again.clone()).await.status, 409);
    let model = json!({"model": "drill"});
    let paused = post(&gateway, "pause", model.clone()).await.json();
    assert_eq!(
        (&paused["state"], &paused["percent"]),
        (&json!("paused"), &json!(30))
    );
    let resumed = post(&gateway, "start", again).await.json();
    assert_eq!(resumed["state"], "running");

    for (command, state, version) in [("promote", "promoted", 2), ("rollback", "rolled_back", 1)] {
        let answer = post(&gateway, command, model.clone()).await.json();
        assert_eq!(answer["state"], state);
        eventually("the route follows", async || {
            for user in 0..50 {
                if version_of(&mut connection, user).await != version {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }
    assert_eq!(post(&gateway, "promote", model).await.status, 409);
}

#[actix_web::test]
async fn what_cannot_be_tried_says_why_and_changes_nothing() {
    let gateway = gateway("");
    let cases = [
        ("start", json!({"model": "drill", "version": 1}), 409),
        ("start", json!({"model": "drill", "version": 0}), 400),
        ("start", json!({"model": "drill", "version": 9}), 400),
        (
            "start",
            json!({"model": "drill", "version": 2, "plan": "boldly"}),
            400,
        ),
        ("start", json!({"model": "nothing", "version": 2}), 409),
        ("promote", json!({"model": "drill"}), 404),
        ("dance", json!({"model": "drill"}), 404),
    ];
    for (command, body, status) in cases {
        let answer = post(&gateway, command, body.clone()).await;
        assert_eq!(answer.status, status, "{command} {body}: {:?}", answer.body);
    }
    let mut connection = Connection::open(gateway.admin).await;
    let get = connection.send(empty("GET", "/admin/canary/start")).await;
    assert_eq!(get.status, 405);
    let mut connection = Connection::open(gateway.http).await;
    for user in 0..20 {
        assert_eq!(version_of(&mut connection, user).await, 1);
    }
}
