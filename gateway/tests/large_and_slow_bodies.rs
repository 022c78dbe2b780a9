//! Bodies beyond what the configuration takes: refused with an answer that the client gets to read.

mod harness;

use harness::{
    lists::{assert_same, list},
    process::{Gateway, Setup, Shared, UNHURRIED},
    raw::{Raw, RawAnswer},
};
use serde_json::json;

/// Room enough for 80 MB over loopback on a busy machine; how long it takes is not the question.
static PATIENT: Shared =
    Shared::new(|| Setup::new().config(&format!("[http]\nbody_timeout = \"20s\"\n{UNHURRIED}")));

static HASTY: Shared =
    Shared::new(|| Setup::new().config(&format!("[http]\nbody_timeout = \"200ms\"\n{UNHURRIED}")));

const CHUNK: usize = 1 << 20;
const HUGE: usize = 80 * CHUNK;

fn assert_refused(answer: &RawAnswer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{answer:?}"
    );
    assert!(answer.head.contains("x-request-id: "), "{answer:?}");
}

async fn works(gateway: &Gateway) {
    let request = json!({"user_id": "196", "top_k": 5});
    assert_eq!(list(&gateway.recommend(&request).await).len(), 5);
}

#[tokio::test]
async fn a_body_of_80_mb_is_refused_after_it_was_sent() {
    let gateway = PATIENT.get();
    let mut client = Raw::open(gateway.http).await;
    client.head(&format!("Content-Length: {HUGE}")).await;
    let chunk = vec![b' '; CHUNK];
    for _ in 0..HUGE / CHUNK {
        client.write(&chunk).await;
    }
    assert_refused(&client.answer().await, 413, "BUSI.INPUT.TOO_LARGE");
    works(&gateway).await;
}

#[tokio::test]
async fn a_chunked_body_of_80_mb_is_refused_although_it_announces_no_length() {
    let gateway = PATIENT.get();
    let mut client = Raw::open(gateway.http).await;
    client.head("Transfer-Encoding: chunked").await;
    let mut chunk = format!("{CHUNK:x}\r\n").into_bytes();
    chunk.extend(vec![b' '; CHUNK]);
    chunk.extend(b"\r\n");
    for _ in 0..HUGE / CHUNK {
        client.write(&chunk).await;
    }
    client.write(b"0\r\n\r\n").await;
    assert_refused(&client.answer().await, 413, "BUSI.INPUT.TOO_LARGE");
    works(&gateway).await;
}

#[tokio::test]
async fn a_client_that_asked_first_reads_its_refusal_too() {
    let gateway = PATIENT.get();
    let mut client = Raw::open(gateway.http).await;
    let framing = format!("Content-Length: {HUGE}\r\nExpect: 100-continue");
    client.head(&framing).await;
    // The HTTP library says so before anything of ours is asked.
    assert_eq!(client.answer_head().await.0, 100);
    let chunk = vec![b' '; CHUNK];
    for _ in 0..HUGE / CHUNK {
        client.write(&chunk).await;
    }
    assert_refused(&client.answer().await, 413, "BUSI.INPUT.TOO_LARGE");
    works(&gateway).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_so_however_slowly_it_comes() {
    let gateway = HASTY.get();
    for framing in [
        format!("Content-Length: {HUGE}"),
        format!("Content-Length: {HUGE}\r\nExpect: 100-continue"),
    ] {
        let mut client = Raw::open(gateway.http).await;
        client.head(&framing).await;
        if framing.contains("Expect") {
            assert_eq!(client.answer_head().await.0, 100);
        }
        // Not a byte of it is sent.
        assert_refused(&client.answer().await, 413, "BUSI.INPUT.TOO_LARGE");
    }
    works(&gateway).await;
}

#[tokio::test]
async fn the_largest_body_is_taken_and_one_byte_more_is_not() {
    let gateway = PATIENT.get();
    let most = 1 << 20;
    let request = json!({"user_id": "196", "top_k": 5});
    let expected = list(&gateway.recommend(&request).await);
    for chunked in [false, true] {
        for (bytes, status) in [(most, 200), (most + 1, 413)] {
            let padding = " ".repeat(bytes - request.to_string().len());
            let body = format!("{request}{padding}");
            assert_eq!(body.len(), bytes);
            let mut client = Raw::open(gateway.http).await;
            if chunked {
                client.head("Transfer-Encoding: chunked").await;
                let framed = format!("{bytes:x}\r\n{body}\r\n0\r\n\r\n");
                client.write(framed.as_bytes()).await;
            } else {
                client.head(&format!("Content-Length: {bytes}")).await;
                client.write(body.as_bytes()).await;
            }
            let answer = client.answer().await;
            assert_eq!(answer.status, status, "{answer:?}");
        }
    }
    assert_same(&expected, &list(&gateway.recommend(&request).await));
}

#[tokio::test]
async fn a_body_that_stops_arriving_is_refused() {
    let gateway = HASTY.get();
    for framing in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let mut client = Raw::open(gateway.http).await;
        client.head(framing).await;
        if framing.starts_with("Transfer") {
            client.write(b"10\r\n").await;
        }
        client.write(b"{\"user_id\":").await;
        let answer = client.answer().await;
        assert_refused(&answer, 408, "INFRA.INPUT.SLOW_REQUEST");
        // Although the client would go on: it does not keep its connection.
        client.closed().await;
    }
    works(&gateway).await;
}

#[tokio::test]
async fn many_slow_clients_do_not_hold_up_a_quick_one() {
    let gateway = PATIENT.get();
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut client = Raw::open(gateway.http).await;
        client.head("Content-Length: 15").await;
        client.write(b"{\"user_id\"").await;
        slow.push(client);
    }
    works(&gateway).await;
    // And they are answered once they have sent the rest.
    for mut client in slow {
        client.write(b":\"7\"}").await;
        assert_eq!(client.answer().await.status, 200);
    }
}

#[tokio::test]
async fn clients_that_hang_up_in_the_middle_disturb_nobody() {
    let gateway = PATIENT.get();
    for cut in [0, 1, 10, 40] {
        let body = br#"{"user_id":"7","candidates":["1","2","3","4"]}"#;
        let mut client = Raw::open(gateway.http).await;
        client
            .head(&format!("Content-Length: {}", body.len()))
            .await;
        client.write(&body[..cut]).await;
        drop(client);
    }
    let mut client = Raw::open(gateway.http).await;
    client.write(b"\x16\x03\x01 not HTTP at all\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 400);
    works(&gateway).await;
}
