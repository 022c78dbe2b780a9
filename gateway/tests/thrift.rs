//! `POST /v2/thrift` from outside: the same answers and errors as REST has, and what bytes that are
//! no call are answered with.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod harness;

use harness::{
    client::{self, Answer, Call},
    process::{Gateway, Setup, Shared, UNHURRIED},
    thrift::{Header, field, message, recommend, reply, text_field, texts},
};
use http_body_util::Full;
use hyper::{Request, header::CONTENT_TYPE};
use serde_json::{Value, json};

static GATEWAY: Shared = Shared::new(|| Setup::new().config(UNHURRIED));

fn post(body: Vec<u8>) -> Call {
    let call = Request::post("/v2/thrift").header(CONTENT_TYPE, "application/x-thrift");
    call.body(Full::new(body.into())).unwrap()
}

async fn send(gateway: &Gateway, body: Vec<u8>) -> Answer {
    client::send(gateway.http, post(body)).await
}

/// The answer's items as REST has them.
fn items(reply: &Value) -> Vec<Value> {
    let items = reply["0"]["2"].as_array().unwrap().iter();
    items
        .map(|item| json!({"item_id": item["1"], "score": item["2"], "title": item["3"]}))
        .collect()
}

#[tokio::test]
async fn the_list_is_that_of_rest_under_both_headers_and_over_both_versions_of_http() {
    let gateway = GATEWAY.get();
    for user in ["1", "196", "943", "nobody"] {
        let asked = json!({"user_id": user, "top_k": 7, "include": ["title"]});
        let rest = gateway.recommend(&asked).await.json();
        let fields = [
            text_field(1, user),
            field(8, 6, &7_i32.to_be_bytes()),
            field(15, 9, &texts(&["title"])),
            // A field that the IDL does not have.
            field(13, 99, &[11, 11, 0, 0, 0, 0]),
        ];
        let bodies = [Header::Strict, Header::Old].map(|header| recommend(header, &fields));
        let mut answers =
            client::over_http2(gateway.http, bodies.iter().cloned().map(post).collect()).await;
        for body in bodies {
            answers.push(send(&gateway, body).await);
        }
        for answer in answers {
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("content-type"), "application/x-thrift");
            let (kind, reply) = reply(&answer.body);
            assert_eq!(kind, 2);
            assert_eq!(json!(items(&reply)), rest["items"], "user {user}");
            let found = &reply["0"];
            assert_eq!(found["1"], answer.header("x-request-id"));
            assert_eq!(
                [&found["3"], &found["4"], &found["5"], &found["6"]],
                [
                    &rest["user_id"],
                    &rest["scene"],
                    &rest["model"],
                    &rest["model_version"]
                ]
            );
            assert_eq!([&found["7"], &found["8"]], [&json!(0), &json!(false)]);
            assert_eq!(found["10"].as_object().unwrap().len(), 6, "{found}");
        }
    }
}

#[tokio::test]
async fn bad_requests_are_the_errors_that_rest_has() {
    let gateway = GATEWAY.get();
    let top_k = |n: i32| field(8, 6, &n.to_be_bytes());
    let user = || text_field(1, "196");
    let cases: [(Value, Vec<Vec<u8>>); 7] = [
        (json!({}), vec![]),
        (json!({"user_id": ""}), vec![text_field(1, "")]),
        (
            json!({"user_id": "196", "top_k": 0}),
            vec![user(), top_k(0)],
        ),
        (
            json!({"user_id": "196", "top_k": 1001}),
            vec![user(), top_k(1001)],
        ),
        (
            json!({"user_id": "196", "scene": "none"}),
            vec![user(), text_field(2, "none")],
        ),
        (
            json!({"user_id": "196", "timeout_ms": -1}),
            vec![user(), field(10, 7, &(-1_i64).to_be_bytes())],
        ),
        (
            json!({"user_id": "196", "include": ["x"]}),
            vec![user(), field(15, 9, &texts(&["x"]))],
        ),
    ];
    for (asked, fields) in cases {
        let rest = gateway.recommend(&asked).await.json();
        let answer = send(&gateway, recommend(Header::Strict, &fields)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let (kind, reply) = reply(&answer.body);
        let error = &reply["1"];
        assert_eq!(
            kind, 2,
            "declared, so no exception of Thrift's own: {reply}"
        );
        let found = ["2", "3", "4", "5", "6", "7"].map(|number| error[number].clone());
        let expected = [
            "code",
            "layer",
            "retryable",
            "recoverability",
            "impact",
            "source",
        ];
        assert_eq!(
            found,
            expected.map(|name| rest[name].clone()),
            "{asked}: {reply}"
        );
        assert_eq!(error["8"], answer.header("x-request-id"));
    }
    let wrong_type = [text_field(1, "196"), text_field(6, "5")];
    let answer = send(&gateway, recommend(Header::Strict, &wrong_type)).await;
    let (_, told) = reply(&answer.body);
    assert_eq!(told["1"]["2"], "BUSI.INPUT.INVALID", "{told}");
    assert!(
        told["1"]["1"].as_str().unwrap().contains("`TopK`"),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_no_call_gets_an_exception_or_a_refusal_and_the_port_lives_on() {
    let gateway = GATEWAY.get();
    let call = recommend(Header::Strict, &[text_field(1, "196")]);
    for cut in 0..call.len() {
        let answer = send(&gateway, call[..cut].to_vec()).await;
        // The header ends behind its 21 bytes; before, there is nothing to answer to.
        match answer.status {
            200 => assert_eq!(reply(&answer.body).1["2"], 7, "a protocol error"),
            status => assert_eq!(
                (status, answer.code().as_str()),
                (400, "BUSI.INPUT.INVALID")
            ),
        }
        assert_eq!(answer.status == 200, cut >= 21, "cut at {cut}");
    }
    let exception = |body: Vec<u8>| {
        let gateway = &gateway;
        async move {
            let answer = send(gateway, body).await;
            let (kind, exception) = reply(&answer.body);
            assert_eq!((answer.status, kind), (200, 3), "{exception}");
            exception["2"].as_i64().unwrap()
        }
    };
    assert_eq!(exception(message(Header::Strict, "Rank", &[0])).await, 1);
    assert_eq!(
        exception(message(Header::Old, "Other:Recommend", &[0])).await,
        1
    );
    let nested = [12, 0, 1].repeat(100_000);
    assert_eq!(
        exception(message(Header::Strict, "Recommend", &nested)).await,
        7
    );
    for length in [i32::MAX, -1, i32::MIN] {
        let huge = field(12, 1, &field(11, 1, &length.to_be_bytes()));
        assert_eq!(exception(message(Header::Old, "Recommend", &huge)).await, 7);
    }
    let named = message(Header::Strict, "RecommendService:Recommend", &[0]);
    let answer = send(&gateway, named).await;
    assert_eq!(
        reply(&answer.body).1["1"]["2"],
        "BUSI.INPUT.INVALID",
        "no argument"
    );
    let json = client::send(gateway.http, client::json_post("/v2/thrift", call)).await;
    assert_eq!(
        (json.status, json.code().as_str()),
        (415, "BUSI.INPUT.MEDIA_TYPE")
    );
    let metrics = gateway.metrics().await;
    assert!(metrics.contains("protocol=\"thrift\""), "{metrics}");
}
