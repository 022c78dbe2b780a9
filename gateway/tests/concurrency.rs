//! Many callers at once: what runs together in one batch must not show in any answer.

#![expect(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod harness;

use std::sync::Arc;

use harness::{
    client::{Connection, json_post, over_http2},
    lists::{List, assert_same, every_item, list},
    process::{Gateway, RECOMMEND, Setup, Shared, UNHURRIED},
};
use serde_json::{Value, json};

static GATEWAY: Shared = Shared::new(|| Setup::new().config(UNHURRIED));

const CALLERS: usize = 64;

/// What the `n`th caller asks; every third asks the same.
fn request_of(n: usize) -> Value {
    let user = if n.is_multiple_of(3) {
        196
    } else {
        1 + n * 13 % 943
    };
    match n % 4 {
        0 => json!({"user_id": user.to_string(), "top_k": 100}),
        1 => json!({"user_id": user.to_string(), "candidates": ["50", "1", "300", "17"]}),
        2 => json!({"user_id": user.to_string(), "candidates": every_item()[n..n + 30]}),
        _ => json!({"user_id": user.to_string(), "top_k": 30, "context": {"hour": "21"}}),
    }
}

/// Every caller's request by itself.
async fn alone(gateway: &Gateway, requests: &[Value]) -> Vec<List> {
    let mut lists = Vec::new();
    for request in requests {
        lists.push(list(&gateway.recommend(request).await));
    }
    lists
}

/// Every caller on a connection of its own, all at once, `rounds` times one after the other.
async fn together(gateway: &Arc<Gateway>, requests: &[Value], expected: &[List], rounds: usize) {
    let barrier = Arc::new(tokio::sync::Barrier::new(requests.len()));
    let callers = requests.iter().zip(expected).map(|(request, expected)| {
        let (request, expected) = (request.clone(), expected.clone());
        let (gateway, barrier) = (Arc::clone(gateway), Arc::clone(&barrier));
        tokio::spawn(async move {
            let mut connection = Connection::open(gateway.http).await;
            barrier.wait().await;
            for _ in 0..rounds {
                let answer = connection.post(RECOMMEND, &request).await;
                assert_same(&expected, &list(&answer));
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

#[tokio::test]
async fn a_request_gets_the_same_list_alone_and_among_64_callers() {
    let gateway = GATEWAY.get();
    let requests: Vec<Value> = (0..CALLERS).map(request_of).collect();
    let expected = alone(&gateway, &requests).await;
    together(&gateway, &requests, &expected, 10).await;
}

#[tokio::test]
async fn requests_of_all_sizes_at_once_each_get_their_own_answer() {
    let gateway = GATEWAY.get();
    let everything = every_item();
    let sizes = [1, 10, 100, 300, 1682];
    let request = |n: usize| {
        let size = sizes[n % sizes.len()];
        let start = (n * 29) % (everything.len() - size + 1);
        json!({
            "user_id": (1 + n * 7 % 943).to_string(),
            "candidates": everything[start..start + size],
            "top_k": 1000
        })
    };
    let requests: Vec<Value> = (0..20).map(request).collect();
    let expected = alone(&gateway, &requests).await;
    for (n, list) in expected.iter().enumerate() {
        assert_eq!(list.len(), sizes[n % sizes.len()].min(1000));
    }
    together(&gateway, &requests, &expected, 5).await;
}

#[tokio::test]
async fn streams_of_one_http_2_connection_do_not_mix() {
    let gateway = GATEWAY.get();
    let requests: Vec<Value> = (0..CALLERS).map(request_of).collect();
    let expected = alone(&gateway, &requests).await;
    let calls = requests.iter().map(|r| json_post(RECOMMEND, r.to_string()));
    let answers = over_http2(gateway.http, calls.collect()).await;
    for (expected, answer) in expected.iter().zip(&answers) {
        assert_same(expected, &list(answer));
    }
}

#[tokio::test]
async fn callers_that_go_away_take_nobody_with_them() {
    let gateway = GATEWAY.get();
    let stays = json!({"user_id": "196", "top_k": 50});
    let expected = list(&gateway.recommend(&stays).await);
    for n in 0..CALLERS {
        let mut leaver = Connection::open(gateway.http).await;
        let call = json!({"user_id": n.to_string(), "candidates": every_item(), "top_k": 1000});
        let going = tokio::spawn(async move { leaver.post(RECOMMEND, &call).await.status });
        tokio::task::yield_now().await;
        going.abort();
        if n.is_multiple_of(8) {
            assert_same(&expected, &list(&gateway.recommend(&stays).await));
        }
    }
    assert_same(&expected, &list(&gateway.recommend(&stays).await));
}
