//! Deadlines: whoever gives the least time is obeyed, and too late is an error, not an answer.

#![expect(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod harness;

use harness::{
    client::{json_post, send},
    process::{Gateway, RECOMMEND, Setup, Shared},
    refusals::assert_refused,
    repository::{Repository, scenes},
};
use serde_json::json;

/// Each run takes 150 ms: longer than every short limit below, and by a factor of more than a
/// hundred shorter than every long one.
fn slow_model(deadline: &str) -> Setup {
    let repository = Repository::new().drill("slow", "latency = \"150ms\"");
    let config = format!("[limits]\ndeadline = \"{deadline}\"\n{}", scenes(&["slow"]));
    Setup::new().repository(repository).config(&config)
}

static GENEROUS: Shared = Shared::new(|| slow_model("30s"));
static STRICT: Shared = Shared::new(|| slow_model("20ms"));

const LATE: &str = "INFRA.IO.DEADLINE";

async fn ask(
    gateway: &Gateway,
    header_ms: Option<&'static str>,
    body_ms: Option<u64>,
) -> harness::client::Answer {
    let mut body = json!({"user_id": "1", "scene": "slow"});
    if let Some(ms) = body_ms {
        body["timeout_ms"] = json!(ms);
    }
    let mut call = json_post(RECOMMEND, body.to_string());
    if let Some(ms) = header_ms {
        let value = ms.parse().unwrap();
        call.headers_mut().insert("x-request-timeout-ms", value);
    }
    send(gateway.http, call).await
}

#[tokio::test]
async fn time_enough_everywhere_is_time_enough() {
    let gateway = GENEROUS.get();
    for (header, body) in [
        (None, None),
        (Some("20000"), Some(20_000)),
        (None, Some(u32::MAX.into())),
    ] {
        let answer = ask(&gateway, header, body).await;
        assert_eq!(answer.status, 200, "{header:?} {body:?}: {answer:?}");
    }
}

#[tokio::test]
async fn the_bodys_limit_holds_where_it_is_the_smallest() {
    let gateway = GENEROUS.get();
    assert_refused(&ask(&gateway, None, Some(20)).await, 504, LATE);
    assert_refused(&ask(&gateway, Some("20000"), Some(20)).await, 504, LATE);
}

#[tokio::test]
async fn the_headers_limit_holds_where_it_is_the_smallest() {
    let gateway = GENEROUS.get();
    assert_refused(&ask(&gateway, Some("20"), None).await, 504, LATE);
    assert_refused(&ask(&gateway, Some("20"), Some(20_000)).await, 504, LATE);
}

#[tokio::test]
async fn the_configured_limit_cannot_be_exceeded() {
    let gateway = STRICT.get();
    assert_refused(&ask(&gateway, None, None).await, 504, LATE);
    assert_refused(&ask(&gateway, Some("20000"), Some(20_000)).await, 504, LATE);
}

#[tokio::test]
async fn a_late_request_leaves_the_model_to_the_next() {
    let gateway = GENEROUS.get();
    for _ in 0..3 {
        assert_eq!(ask(&gateway, None, Some(20)).await.status, 504);
        assert_eq!(ask(&gateway, None, None).await.status, 200);
    }
}
