//! A gateway as its users meet it: the built binary, its ports, and clients for them.

#![allow(
    dead_code,
    reason = "each file of tests uses a part of the harness and compiles all of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code; clippy only knows the functions marked so"
)]

pub mod client;
pub mod lists;
pub mod onnx;
pub mod process;
pub mod raw;
pub mod refusals;
pub mod repository;

use std::time::Duration;

/// The longest any single step may take. Nothing measures how fast a step was; this only turns a
/// hang into a failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What `step` gives, if it ends at all.
pub async fn within<T>(step: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(PATIENCE, step).await;
    ended.expect("every step ends within the harness' patience")
}

/// Asks again and again until `probe` gives something.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, asking).await;
    ended.unwrap_or_else(|_| panic!("never came: {what}"))
}
