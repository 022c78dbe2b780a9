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

pub(crate) mod client;
pub(crate) mod lists;
pub(crate) mod onnx;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod refusals;
pub(crate) mod repository;

use std::time::Duration;

/// The longest any single step may take. Nothing measures how fast a step was; this only turns a
/// hang into a failure.
pub(crate) const STEP_TIMEOUT: Duration = Duration::from_secs(30);

/// What `step` gives, if it ends at all.
pub(crate) async fn within<T>(step: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(STEP_TIMEOUT, step).await;
    ended.expect("every step ends within the harness' step timeout")
}

/// Asks again and again until `probe` gives something.
pub(crate) async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(STEP_TIMEOUT, asking).await;
    ended.unwrap_or_else(|_| panic!("never came: {what}"))
}
