//! Requests that are wrong: each gets its own refusal, and nothing else is disturbed.

mod harness;

use harness::{
    client::{Call, Connection, empty, json_post, post, send},
    lists::{List, assert_same, list},
    process::{Gateway, RECOMMEND, Setup, Shared, UNHURRIED},
    refusals::assert_refused,
};
use hyper::header::{HeaderName, HeaderValue};
use serde_json::json;

static GATEWAY: Shared = Shared::new(|| Setup::new().config(UNHURRIED));

const INVALID: &str = "BUSI.INPUT.INVALID";

fn with_header(mut call: Call, name: &'static str, value: &'static str) -> Call {
    let (name, value) = (
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    );
    call.headers_mut().insert(name, value);
    call
}

/// The list of a good request, for comparing with while bad ones come in.
async fn good(gateway: &Gateway) -> List {
    list(
        &gateway
            .recommend(&json!({"user_id": "196", "top_k": 50}))
            .await,
    )
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused_and_says_where() {
    let gateway = GATEWAY.get();
    for (body, told) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("nonsense", "line 1"),
        (r#"{"user_id":"7",}"#, "line 1"),
        (r#"{"user_id":"7"} {"user_id":"8"}"#, "trailing"),
        (r#"{"user_id":"7","user_id"}"#, "line 1"),
        (r#"["7"]"#, "object"),
        ("null", "object"),
        (r#"{}"#, "user_id"),
        (r#"{"scene":"home_feed"}"#, "user_id"),
        (r#"{"user_id":null}"#, "user_id"),
        ("{\"user_id\":\"\u{1}\"}", "user_id"),
    ] {
        let answer = send(gateway.http, json_post(RECOMMEND, body)).await;
        assert_refused(&answer, 400, INVALID);
        let message = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(message.contains(told), "{body}: {message}");
    }
    let not_text = json_post(RECOMMEND, &b"{\"user_id\":\"\xff\xfe\"}"[..]);
    assert_refused(&send(gateway.http, not_text).await, 400, INVALID);
}

#[tokio::test]
async fn every_field_of_the_wrong_type_is_refused_by_its_name() {
    let gateway = GATEWAY.get();
    for (field, wrong) in [
        (
            "user_id",
            vec![json!(7), json!(true), json!([]), json!({}), json!(null)],
        ),
        ("scene", vec![json!(7), json!(null), json!(["home_feed"])]),
        ("device_id", vec![json!(7), json!({})]),
        (
            "context",
            vec![json!("hour"), json!([]), json!(1), json!(null)],
        ),
        (
            "candidates",
            vec![
                json!("50"),
                json!({}),
                json!([50]),
                json!([null]),
                json!([["50"]]),
            ],
        ),
        (
            "top_k",
            vec![json!("5"), json!(1.5), json!(-1), json!([]), json!(null)],
        ),
        (
            "timeout_ms",
            vec![json!("5"), json!(1.5), json!([]), json!(true)],
        ),
        ("include_seen", vec![json!("yes"), json!(1), json!(null)]),
        (
            "include",
            vec![json!("title"), json!([1]), json!({}), json!(["plot"])],
        ),
    ] {
        for value in wrong {
            let mut request = json!({"user_id": "7"});
            request[field] = value.clone();
            let answer = gateway.recommend(&request).await;
            assert_refused(&answer, 400, INVALID);
            let message = answer.json()["error"].as_str().unwrap().to_owned();
            assert!(message.contains(field), "{field} = {value}: {message}");
        }
    }
}

#[tokio::test]
async fn values_out_of_range_are_refused() {
    let gateway = GATEWAY.get();
    let too_many: Vec<String> = (0..10_001).map(|n| n.to_string()).collect();
    for wrong in [
        json!({"user_id": "7", "top_k": 0}),
        json!({"user_id": "7", "top_k": 1001}),
        json!({"user_id": "7", "top_k": 1_000_000_000}),
        json!({"user_id": "7", "top_k": u64::MAX}),
        json!({"user_id": "7", "timeout_ms": 0}),
        json!({"user_id": "7", "timeout_ms": -800}),
        json!({"user_id": ""}),
        json!({"user_id": "u".repeat(100_000)}),
        json!({"user_id": "7", "context": {"hour": "24"}}),
        json!({"user_id": "7", "context": {"hour": "late"}}),
        json!({"user_id": "7", "context": {"weekday": "0"}}),
        json!({"user_id": "7", "candidates": too_many}),
        json!({"user_id": "7", "scene": "no_such_scene"}),
        json!({"user_id": "7", "scene": ""}),
    ] {
        assert_refused(&gateway.recommend(&wrong).await, 400, INVALID);
    }
    let answer = gateway
        .recommend(&json!({"user_id": "7", "scene": "nowhere"}))
        .await;
    let message = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(
        message.contains("nowhere") && message.contains("home_feed"),
        "{message}"
    );
}

#[tokio::test]
async fn nesting_a_hundred_thousand_deep_is_refused() {
    let gateway = GATEWAY.get();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for field in ["context", "candidates", "future"] {
            let deep = format!("{}0{}", open.repeat(100_000), close.repeat(100_000));
            let body = format!(r#"{{"user_id":"7","{field}":{deep}}}"#);
            let answer = send(gateway.http, json_post(RECOMMEND, body)).await;
            assert_refused(&answer, 400, INVALID);
        }
    }
    let bottomless = "[".repeat(1_000_000);
    let answer = send(gateway.http, json_post(RECOMMEND, bottomless)).await;
    assert_refused(&answer, 400, INVALID);
}

#[tokio::test]
async fn paths_methods_and_media_types_have_their_own_refusals() {
    let gateway = GATEWAY.get();
    let body = r#"{"user_id":"7"}"#;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = send(gateway.http, empty(method, RECOMMEND)).await;
        assert_refused(&answer, 405, "BUSI.INPUT.METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), "POST");
    }
    for path in ["/v2/health/live", "/v2/health/ready"] {
        let answer = send(gateway.http, empty("DELETE", path)).await;
        assert_refused(&answer, 405, "BUSI.INPUT.METHOD_NOT_ALLOWED");
        assert!(answer.header("allow").contains("GET"), "{answer:?}");
    }
    for path in [
        "/",
        "/v2/recommend",
        "/v2/recommend/item/",
        "/v1/recommend/item",
        "/%00",
        "/..",
    ] {
        let answer = send(gateway.http, json_post(path, body)).await;
        assert_refused(&answer, 404, "BUSI.INPUT.NOT_FOUND");
    }
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
    ] {
        let call = with_header(json_post(RECOMMEND, body), "content-type", media_type);
        let answer = send(gateway.http, call).await;
        assert_refused(&answer, 415, "BUSI.INPUT.MEDIA_TYPE");
    }
    let call = with_header(json_post(RECOMMEND, body), "content-encoding", "gzip");
    assert_refused(
        &send(gateway.http, call).await,
        415,
        "BUSI.INPUT.MEDIA_TYPE",
    );
    let mut call = json_post(RECOMMEND, body);
    call.headers_mut().remove("content-type");
    assert_refused(
        &send(gateway.http, call).await,
        415,
        "BUSI.INPUT.MEDIA_TYPE",
    );
    let call = json_post(RECOMMEND, body);
    let call = with_header(call, "content-type", "Application/JSON; charset=utf-8");
    assert_eq!(send(gateway.http, call).await.status, 200);
}

#[tokio::test]
async fn a_deadline_header_that_is_no_positive_number_is_refused() {
    let gateway = GATEWAY.get();
    for bad in ["0", "-1", "soon", "", "1.5", "99999999999999999999"] {
        let call = json_post(RECOMMEND, r#"{"user_id":"7"}"#);
        let call = with_header(call, "x-request-timeout-ms", bad);
        assert_refused(&send(gateway.http, call).await, 400, INVALID);
    }
}

#[tokio::test]
async fn a_refusal_carries_the_callers_id_and_otherwise_one_of_its_own() {
    let gateway = GATEWAY.get();
    for call in [
        json_post(RECOMMEND, "{"),
        json_post("/nowhere", "{}"),
        empty("GET", RECOMMEND),
    ] {
        let call = with_header(call, "x-request-id", "caller/42:a_b-c.d");
        let answer = send(gateway.http, call).await;
        assert_eq!(answer.header("x-request-id"), "caller/42:a_b-c.d");
        assert_eq!(answer.json()["request_id"], "caller/42:a_b-c.d");
    }
    let one = send(gateway.http, json_post(RECOMMEND, "{")).await;
    let other = send(gateway.http, json_post(RECOMMEND, "{")).await;
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

#[tokio::test]
async fn good_requests_beside_bad_ones_are_answered_as_ever() {
    let gateway = GATEWAY.get();
    let expected = good(&gateway).await;
    // One connection alternates between good and bad: a refusal leaves nothing behind on it.
    let mut kept = Connection::open(gateway.http).await;
    for round in 0..20 {
        let bad = match round % 5 {
            0 => json_post(RECOMMEND, "{"),
            1 => json_post(RECOMMEND, "[".repeat(100_000)),
            2 => json_post(RECOMMEND, r#"{"user_id":"7","top_k":0}"#),
            3 => empty("GET", RECOMMEND),
            _ => empty("POST", "/nowhere"),
        };
        let good_one = json!({"user_id": "196", "top_k": 50});
        let beside = post(gateway.http, RECOMMEND, &good_one);
        let (refused, beside) = tokio::join!(kept.send(bad), beside);
        assert!((400..500).contains(&refused.status), "{refused:?}");
        assert_same(&expected, &list(&beside));
        assert_same(&expected, &list(&kept.post(RECOMMEND, &good_one).await));
    }
}
