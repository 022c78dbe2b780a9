//! Connections that say nothing: closed in their time, and nobody beside them notices.

mod harness;

use harness::{
    lists::list,
    process::{Setup, UNHURRIED},
    raw::Raw,
};
use serde_json::json;

const SILENT: usize = 200;

#[tokio::test]
async fn two_hundred_silent_connections_are_closed_while_others_are_served() {
    let config = format!("[http]\nheader_timeout = \"1s\"\nworkers = 2\n{UNHURRIED}");
    let gateway = Setup::new().config(&config).start();
    let mut silent = Vec::with_capacity(SILENT);
    for _ in 0..SILENT {
        silent.push(Raw::open(gateway.http).await);
    }
    let request = json!({"user_id": "196", "top_k": 5});
    for _ in 0..20 {
        assert_eq!(list(&gateway.recommend(&request).await).len(), 5);
    }
    for mut connection in silent {
        connection.closed().await;
    }
    let text = gateway.metrics().await;
    let counted = format!("fusebox_silent_connections_total {SILENT}");
    assert!(text.contains(&counted), "{text}");
    assert_eq!(list(&gateway.recommend(&request).await).len(), 5);
}

#[tokio::test]
async fn half_a_first_line_is_no_way_round_the_deadline() {
    let config = format!("[http]\nheader_timeout = \"1s\"\n{UNHURRIED}");
    let gateway = Setup::new().config(&config).start();
    for begun in [&b"P"[..], b"PRI * HTTP", b"POST /v2/rec"] {
        let mut connection = Raw::open(gateway.http).await;
        connection.write(begun).await;
        assert_eq!(connection.answer_head().await.0, 408);
    }
}
