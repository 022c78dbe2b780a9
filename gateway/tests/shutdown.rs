//! Stopping as an orchestrator expects: nobody who was read is left without an answer.

mod harness;

use harness::{
    client::{self, Connection},
    eventually,
    lists::list,
    process::{Gateway, RECOMMEND, Setup, UNHURRIED},
    raw::Raw,
    within,
};
use serde_json::json;
use tokio::{io::AsyncReadExt, net::TcpStream};

const BODY: &[u8] = br#"{"user_id":"196","top_k":5}"#;

fn gateway() -> Gateway {
    let config = format!("[http]\nbody_timeout = \"20s\"\n{UNHURRIED}");
    Setup::new().config(&config).start()
}

async fn listens(gateway: &Gateway) -> bool {
    TcpStream::connect(gateway.http).await.is_ok()
}

async fn until_unready(gateway: &Gateway) {
    eventually("readiness says no", async || {
        // Over a connection of its own each time: the listener is open still.
        let answer = gateway.get("/v2/health/ready").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
}

#[tokio::test]
async fn readiness_says_no_while_requests_are_still_answered() {
    let gateway = gateway();
    let mut kept = Connection::open(gateway.http).await;
    assert_eq!(gateway.get("/v2/health/ready").await.status, 200);
    gateway.terminate();
    until_unready(&gateway).await;
    let live = gateway.get("/v2/health/live").await;
    assert_eq!(
        (live.status, live.json()),
        (200, json!({"live": true, "ready": false}))
    );
    let request = json!({"user_id": "196", "top_k": 5});
    assert_eq!(list(&gateway.recommend(&request).await).len(), 5);
    assert_eq!(list(&kept.post(RECOMMEND, &request).await).len(), 5);
    let ended = gateway.end();
    assert_eq!(ended.status, Some(0), "{ended:#?}");
}

#[tokio::test]
async fn what_is_in_flight_when_the_listener_closes_is_finished() {
    let gateway = gateway();
    let mut in_flight = Raw::open(gateway.http).await;
    in_flight
        .head(&format!("Content-Length: {}", BODY.len()))
        .await;
    in_flight.write(&BODY[..10]).await;
    gateway.terminate();
    until_unready(&gateway).await;
    eventually("the listener closes", async || {
        (!listens(&gateway).await).then_some(())
    })
    .await;
    in_flight.write(&BODY[10..]).await;
    let answer = in_flight.answer().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let ended = gateway.end();
    assert_eq!(ended.status, Some(0), "{ended:#?}");
}

#[tokio::test]
async fn the_admin_port_can_be_watched_to_the_end() {
    let gateway = gateway();
    let mut in_flight = Raw::open(gateway.http).await;
    in_flight
        .head(&format!("Content-Length: {}", BODY.len()))
        .await;
    gateway.terminate();
    eventually("the listener closes", async || {
        (!listens(&gateway).await).then_some(())
    })
    .await;
    assert!(gateway.metrics().await.contains("fusebox_ready 0\n"));
    in_flight.write(BODY).await;
    assert_eq!(in_flight.answer().await.status, 200);
    assert_eq!(gateway.end().status, Some(0));
}

#[tokio::test]
async fn an_idle_connection_holds_the_end_up_no_longer_than_the_grace() {
    let drain = "[drain]\ndelay = \"200ms\"\ngrace = \"2s\"\n";
    let gateway = Setup::new().config(drain).start();
    let idle = TcpStream::connect(gateway.http).await.unwrap();
    let mut kept = Connection::open(gateway.http).await;
    let health = client::empty("GET", "/v2/health/live");
    assert_eq!(kept.send(health).await.status, 200);
    gateway.terminate();
    // Both connections stay open on this side until the gateway has ended by itself.
    let ended = gateway.end();
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    let logged = |text: &str| ended.stderr.iter().any(|line| line.contains(text));
    // One of them has never asked anything: the grace is what ended the wait for it.
    assert!(logged("the grace time is over"), "{ended:#?}");
    closed_by_peer(idle).await;
    drop(kept);
}

/// The other side closed the connection without having written anything.
async fn closed_by_peer(mut connection: TcpStream) {
    let mut byte = [0];
    let read = within(connection.read(&mut byte)).await;
    // A reset closes as well.
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}
