//! The gateway from outside, for tests and benches: the built binary as a process of its own, and
//! clients for its ports.
//!
//! ```text
//! process    any program that prints a `listening` line: its output, its end
//! gateway    an asynchronous test's gateway: Setup ► Gateway, over a Repository
//! rig        a blocking test's gateway over drill models
//! client     HTTP/1.1 and HTTP/2 (asynchronous);  raw  bytes;  rig::call  blocking;  thrift
//! lists, refusals   what an answer must look like
//! ```
//!
//! It never names a crate of the workspace: what it knows of the gateway is what a user can see.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "test code: what is not as expected fails the test, and a process is waited for in real time"
)]

pub mod client;
pub mod gateway;
pub mod lists;
mod onnx;
pub mod process;
pub mod raw;
pub mod refusals;
pub mod repository;
pub mod rig;
pub mod thrift;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The longest any single step may take. Nothing measures how fast a step was; this only turns a
/// hang into a failure.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap().to_owned()
}

/// The gateway binary that cargo built for the tests of its own crate. A test or bench of another
/// crate passes the path of the binary it means.
pub fn gateway_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("CARGO_BIN_EXE_gateway") {
        return path.into();
    }
    // Run without cargo: tests lie in `deps`, the binary beside that folder.
    let own = std::env::current_exe().unwrap();
    own.parent().unwrap().with_file_name("gateway")
}

/// What `step` gives, if it ends at all.
pub async fn within<T>(step: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(STEP_TIMEOUT, step).await;
    ended.expect("every step ends within the step timeout")
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
    let ended = tokio::time::timeout(STEP_TIMEOUT, asking).await;
    ended.unwrap_or_else(|_| panic!("never came: {what}"))
}

/// The same without a runtime.
pub fn eventually_blocking<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + STEP_TIMEOUT;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
