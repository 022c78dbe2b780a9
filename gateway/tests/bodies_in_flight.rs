//! The memory of all bodies together is bounded: who finds no room is refused with a word on when to
//! come back, and there is room again as soon as others are done.

#![expect(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod harness;

use harness::{
    eventually,
    lists::list,
    process::{Gateway, Setup, UNHURRIED},
    raw::Raw,
};
use serde_json::json;

const MIB: usize = 1 << 20;

/// Two bodies of a MiB find room, over all paths and threads.
fn gateway() -> Gateway {
    let (head, rest) = UNHURRIED.split_once("[limits]").unwrap();
    let config = format!(
        "{head}[http]\nworkers = 2\nbody_timeout = \"20s\"\n\
         [limits]\ninfer_body = \"1MiB\"\nbodies_in_flight = \"2MiB\"\n{rest}"
    );
    Setup::new().config(&config).start()
}

async fn held_bytes(gateway: &Gateway) -> usize {
    let text = gateway.metrics().await;
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix("fusebox_bodies_in_flight_bytes "));
    value.unwrap().parse().unwrap()
}

async fn until_held(gateway: &Gateway, bytes: usize) {
    eventually("bodies to hold so much", async || {
        (held_bytes(gateway).await == bytes).then_some(())
    })
    .await;
}

async fn begin(gateway: &Gateway, path: &str) -> Raw {
    let mut client = Raw::open(gateway.http).await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {MIB}\r\n\r\n"
    );
    client.write(head.as_bytes()).await;
    client.write(&vec![b' '; MIB - 1024]).await;
    client
}

#[tokio::test]
async fn bodies_beyond_the_budget_are_refused_and_served_once_there_is_room() {
    let gateway = gateway();
    let request = json!({"user_id": "196", "top_k": 5});
    assert_eq!(list(&gateway.recommend(&request).await).len(), 5);
    until_held(&gateway, 0).await;

    let mut first = begin(&gateway, "/v2/models/ml100k_din/infer").await;
    let second = begin(&gateway, "/v2/recommend/item").await;
    until_held(&gateway, 2 * MIB).await;
    for path in ["/v2/recommend/item", "/v2/models/ml100k_din/infer"] {
        let mut third = begin(&gateway, path).await;
        third.write(&[b' '; 1024]).await;
        let answer = third.answer().await;
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.code(), "INFRA.IO.OVERLOADED");
        assert!(answer.head.contains("retry-after: "), "{answer:?}");
    }
    assert_eq!(gateway.recommend(&request).await.status, 503);

    // One ends well read, though it means nothing; the other is cut.
    first.write(&[b' '; 1024]).await;
    assert_eq!(first.answer().await.status, 400);
    until_held(&gateway, MIB).await;
    drop(second);
    until_held(&gateway, 0).await;
    assert_eq!(list(&gateway.recommend(&request).await).len(), 5);
}

#[tokio::test]
async fn an_announced_length_takes_no_room() {
    let gateway = gateway();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = Raw::open(gateway.http).await;
        client.head(&format!("Content-Length: {MIB}")).await;
        clients.push(client);
    }
    let request = json!({"user_id": "196", "top_k": 5});
    assert_eq!(list(&gateway.recommend(&request).await).len(), 5);
}
