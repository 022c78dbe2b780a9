//! The page of the admin port, and what it reads.

mod harness;

use harness::{
    client::{get, post},
    eventually,
    process::{Setup, Shared},
};
use serde_json::{Value, json};

static GATEWAY: Shared = Shared::new(Setup::new);

const TOKEN: &str = "a-token-of-32-characters-0123456";

static GUARDED: Shared =
    Shared::new(|| Setup::new().config(&format!("[admin]\ntoken = \"{TOKEN}\"\n")));

#[tokio::test]
async fn the_page_is_served_without_a_token_under_a_strict_policy() {
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = get(GUARDED.get().admin, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, kind));
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    }
}

#[tokio::test]
async fn what_the_page_reads_needs_the_token() {
    for path in ["/admin/history", "/admin/live", "/admin/events"] {
        assert_eq!(get(GUARDED.get().admin, path).await.status, 401, "{path}");
    }
    let request = json!({"user_id": "1"});
    assert_eq!(
        post(GUARDED.get().admin, "/admin/try", &request)
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn the_history_shows_what_was_answered() {
    let gateway = Setup::new().start();
    for user in 0..20 {
        let request = json!({"user_id": user.to_string()});
        assert_eq!(gateway.recommend(&request).await.status, 200);
    }
    assert_eq!(gateway.recommend(&json!({})).await.status, 400);
    let shown = eventually("a sample with all requests", async || {
        let samples = gateway.admin("/admin/history").await;
        let samples = samples.as_array().unwrap().clone();
        let requests = |s: &Value| s["requests_per_s"].as_f64().unwrap();
        let invalid = |s: &Value| s["errors"]["BUSI.INPUT.INVALID"].as_u64().unwrap_or(0);
        let all = samples.iter().map(requests).sum::<f64>() > 19.0;
        let failed = samples.iter().map(invalid).sum::<u64>() == 1;
        (all && failed).then_some(samples)
    })
    .await;
    let latencies = shown.iter().filter_map(|s| s["p99_us"].as_u64());
    assert!(latencies.max().unwrap() > 0);
}

#[tokio::test]
async fn a_request_is_tried_from_the_page_as_a_caller_would_send_it() {
    let gateway = GATEWAY.get();
    let request = json!({"user_id": "196", "top_k": 3, "include": ["title"]});
    let tried = post(gateway.admin, "/admin/try", &request).await;
    assert_eq!(tried.status, 200);
    assert_eq!(
        tried.json()["items"],
        gateway.recommend(&request).await.json()["items"]
    );
    let refused = post(gateway.admin, "/admin/try", &json!({"top_k": 3})).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "BUSI.INPUT.INVALID")
    );
}

#[tokio::test]
async fn a_forced_breaker_is_among_the_events() {
    let gateway = Setup::new().start();
    let forced = post(gateway.admin, "/admin/breakers/process/open", &json!({})).await;
    assert_eq!(forced.status, 200);
    eventually("the event", async || {
        let events = gateway.admin("/admin/events").await;
        let mut events = events.as_array().unwrap().iter();
        events
            .any(|e| e["text"].as_str().unwrap().contains("forced_open"))
            .then_some(())
    })
    .await;
}
