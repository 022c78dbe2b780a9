//! The ports as strangers use them: both versions of HTTP at a stop, slow and forgetful clients.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod harness;

use std::time::Duration;

use harness::{
    client::{self, Connection, empty, over_http2},
    eventually,
    lists::list,
    process::{Gateway, RECOMMEND, Setup, UNHURRIED},
    raw::Raw,
    within,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const GOAWAY: u8 = 7;
const HASTY: &str =
    "[http]\nheader_timeout = \"1s\"\nwrite_timeout = \"1s\"\nkeep_alive = \"3s\"\n";

fn gateway(settings: &str) -> Gateway {
    Setup::new()
        .config(&format!("{settings}{UNHURRIED}"))
        .start()
}

/// Reads frames to the end of the connection: their kinds.
async fn kinds(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset ends it as well.
    let _ = within(stream.read_to_end(&mut bytes)).await;
    let (mut rest, mut kinds) = (&bytes[..], Vec::new());
    while rest.len() >= 9 {
        let length = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
        kinds.push(rest[3]);
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    kinds
}

async fn begin_http2(gateway: &Gateway) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.http).await.unwrap();
    stream
        .write_all(&[PREFACE, SETTINGS].concat())
        .await
        .unwrap();
    stream
}

/// `GET /v2/health/live` on this stream, without HPACK's table.
fn health(stream: u8) -> Vec<u8> {
    let mut head = vec![0x82, 0x86, 0x04, 15];
    head.extend(b"/v2/health/live");
    head.extend([0x01, 4]);
    head.extend(b"test");
    let length = u8::try_from(head.len()).unwrap();
    [vec![0, 0, length, 1, 5, 0, 0, 0, stream], head].concat()
}

#[tokio::test]
async fn a_stop_says_goodbye_on_http2_and_does_not_wait_for_the_idle() {
    let gateway = gateway("[drain]\ndelay = \"500ms\"\ngrace = \"20s\"\n");
    let mut idle = begin_http2(&gateway).await;
    idle.write_all(&health(1)).await.unwrap();
    gateway.terminate();
    let kinds = kinds(&mut idle).await;
    assert!(kinds.contains(&GOAWAY), "{kinds:?}");
    let ended = within(async { gateway.end() }).await;
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    let log = ended.stderr.join("\n");
    assert!(!log.contains("grace time is over"), "{log}");
}

#[tokio::test]
async fn requests_on_http2_are_answered_through_a_stop() {
    let gateway = gateway("[drain]\ndelay = \"300ms\"\ngrace = \"20s\"\n");
    gateway.terminate();
    let body = json!({"user_id": "196", "top_k": 5}).to_string();
    let calls = (0..8).map(|_| client::json_post(RECOMMEND, body.clone()));
    for answer in over_http2(gateway.http, calls.collect()).await {
        assert_eq!(answer.status, 200);
        assert!(!answer.header("date").is_empty());
    }
    assert_eq!(gateway.end().status, Some(0));
}

#[tokio::test]
async fn http2_connections_that_ask_nothing_are_closed() {
    let gateway = gateway(HASTY);
    let mut connections = Vec::new();
    for half in [&b""[..], &health(1)[..12]] {
        let mut stream = begin_http2(&gateway).await;
        stream.write_all(half).await.unwrap();
        connections.push(stream);
    }
    for mut stream in connections {
        kinds(&mut stream).await;
    }
    let text = gateway.metrics().await;
    assert!(
        text.contains("fusebox_connections_ended_total{reason=\"slow_head\"} 2"),
        "{text}"
    );
}

/// The head of a recommend request on this stream, whose body is still to come.
fn begun(stream: u8) -> Vec<u8> {
    let mut head = vec![0x83, 0x86, 0x04, 18];
    head.extend(RECOMMEND.as_bytes());
    head.extend([0x01, 4]);
    head.extend(b"test");
    // content-type, by its place in HPACK's static table.
    head.extend([0x0f, 0x10, 16]);
    head.extend(b"application/json");
    let length = u8::try_from(head.len()).unwrap();
    [vec![0, 0, length, 1, 4, 0, 0, 0, stream], head].concat()
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused_and_the_others_answered() {
    const RST_STREAM: u8 = 3;
    const HEADERS: u8 = 1;
    let settings = format!("{HASTY}http2_streams = 2\nbody_timeout = \"1s\"\n");
    let gateway = gateway(&settings);
    let mut stream = begin_http2(&gateway).await;
    let requests: Vec<u8> = (0..8).flat_map(|n| begun(2 * n + 1)).collect();
    stream.write_all(&requests).await.unwrap();
    let kinds = kinds(&mut stream).await;
    let count = |kind| kinds.iter().filter(|found| **found == kind).count();
    assert_eq!(count(HEADERS), 2, "{kinds:?}");
    assert!(count(RST_STREAM) >= 6, "{kinds:?}");
}

#[tokio::test]
async fn a_head_beyond_its_bound_is_431_on_http2() {
    let gateway = gateway("[http]\nhttp2_head = \"4KiB\"\n");
    let mut call = empty("GET", "/v2/health/live");
    let long = "x".repeat(5000).parse().unwrap();
    call.headers_mut().insert("x-long", long);
    let answers = over_http2(gateway.http, vec![call, empty("GET", "/v2/health/live")]).await;
    assert_eq!((answers[0].status, answers[1].status), (431, 200));
}

#[tokio::test]
async fn an_offer_to_upgrade_is_declined_and_the_connection_kept() {
    let gateway = gateway("");
    let mut kept = Connection::open(gateway.http).await;
    for _ in 0..50 {
        let mut call =
            client::json_post(RECOMMEND, json!({"user_id": "196", "top_k": 5}).to_string());
        let headers = call.headers_mut();
        headers.insert("connection", "Upgrade, HTTP2-Settings".parse().unwrap());
        headers.insert("upgrade", "h2c".parse().unwrap());
        headers.insert("http2-settings", "AAEAAEAAAAIAAAAB".parse().unwrap());
        let answer = kept.send(call).await;
        assert_eq!(list(&answer).len(), 5);
        assert_eq!(answer.header("connection"), "");
    }
}

#[tokio::test]
async fn half_a_second_head_is_not_waited_for() {
    let gateway = gateway(HASTY);
    let whole = b"GET /v2/health/live HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut together = Raw::open(gateway.http).await;
    together.write(&[&whole[..], &whole[..20]].concat()).await;
    let mut apart = Raw::open(gateway.http).await;
    apart.write(whole).await;
    for connection in [&mut together, &mut apart] {
        assert_eq!(connection.answer().await.status, 200);
    }
    apart.write(&whole[..20]).await;
    together.closed().await;
    apart.closed().await;
}

#[tokio::test]
async fn an_answer_that_is_not_read_ends_the_connection_and_gives_its_memory_back() {
    let gateway = gateway(HASTY);
    let body = json!({"user_id": "196", "scene": "catalogue", "top_k": 1000, "include": ["title"]});
    let body = body.to_string();
    let ask = format!(
        "POST {RECOMMEND} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut reader = within(socket.connect(gateway.http)).await.unwrap();
    let asking = async {
        // Until the gateway takes no more, its answers having nowhere to go.
        while tokio::time::timeout(Duration::from_secs(1), reader.write_all(ask.as_bytes()))
            .await
            .is_ok_and(|written| written.is_ok())
        {}
    };
    within(asking).await;
    eventually("the reader's end", async || {
        let text = gateway.metrics().await;
        text.contains("fusebox_connections_ended_total{reason=\"slow_reader\"} 1")
            .then_some(())
    })
    .await;
    eventually("the budget's return", async || {
        let text = gateway.metrics().await;
        text.contains("fusebox_answers_in_flight_bytes 0\n")
            .then_some(())
    })
    .await;
    assert_eq!(gateway.get("/v2/health/live").await.status, 200);
}

#[tokio::test]
async fn head_is_answered_where_get_is_without_a_body() {
    let gateway = gateway("");
    for path in ["/v2/health/live", "/v2/health/ready", "/openapi.json"] {
        let answer = client::send(gateway.http, empty("HEAD", path)).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
    for path in ["/metrics", "/admin/config", "/admin/pool"] {
        let answer = client::send(gateway.admin, empty("HEAD", path)).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
    let wrong = client::send(gateway.http, empty("DELETE", "/v2/health/live")).await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn the_admin_port_answers_no_foreign_page() {
    let gateway = gateway("[admin]\nhosts = [\"fusebox.internal\"]\n");
    let change = "/admin/breakers/process/open";
    let ask = async |call: client::Call| client::send(gateway.admin, call).await.status;
    let with = |method: &str, path: &str, name: &'static str, value: &str| {
        let mut call = empty(method, path);
        call.headers_mut().insert(name, value.parse().unwrap());
        call
    };
    assert_eq!(
        ask(with("POST", change, "origin", "http://evil.example")).await,
        403
    );
    assert_eq!(
        ask(with("POST", change, "sec-fetch-site", "cross-site")).await,
        403
    );
    let mut simple = client::json_post(change, "{}");
    simple
        .headers_mut()
        .insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(ask(simple).await, 415);
    for (host, status) in [
        ("evil.example", 403),
        ("fusebox.internal:8002", 200),
        ("localhost", 200),
    ] {
        let mut raw = Raw::open(gateway.admin).await;
        let head = format!("GET /admin/config HTTP/1.1\r\nHost: {host}\r\n\r\n");
        raw.write(head.as_bytes()).await;
        assert_eq!(raw.answer().await.status, status, "{host}");
    }
}

#[tokio::test]
async fn half_a_body_to_the_admin_port_is_not_waited_for() {
    let gateway = gateway("[http]\nbody_timeout = \"1s\"\n");
    let mut raw = Raw::open(gateway.admin).await;
    let head = "POST /admin/breakers/process/reset HTTP/1.1\r\nHost: 127.0.0.1\r\n\
                Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    raw.write(head.as_bytes()).await;
    assert_eq!(raw.answer().await.status, 408);
}

#[tokio::test]
async fn pretty_works_on_every_page_of_the_admin_port() {
    let gateway = gateway("");
    for page in ["config", "breakers", "pool", "actors", "arena"] {
        let answer = client::get(gateway.admin, &format!("/admin/{page}?pretty")).await;
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(
            text.starts_with("{\n") || text.starts_with("[\n"),
            "{page}: {text}"
        );
    }
}
