//! Runs the real command against servers of known behaviour.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use loadtest_stub::{Behaviour, Stub};
use serde_json::Value;

/// A latency in question so long that no machine is too slow to be valid: these tests are about
/// behaviour, and judge no time.
pub(crate) const PATIENT: [&str; 2] = ["--fail-if", "p99>1h"];

/// A stub on a free port.
pub(crate) fn stub(behaviour: Behaviour) -> Stub {
    Stub::start(behaviour, 0).expect("a stub on a free port")
}

/// Runs `loadtest` with these arguments.
pub(crate) fn loadtest(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(args)
        .output()
        .expect("the command runs")
}

/// Its exit status.
pub(crate) fn status(output: &Output) -> i32 {
    output.status.code().expect("a status, not a signal")
}

/// A folder of its own for one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).expect("a folder for the test");
    path
}

/// Reads a JSON document.
pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("the report")).expect("JSON")
}

/// Runs `loadtest run` quietly and patiently; returns its status and report.
pub(crate) fn run(name: &str, stub: &Stub, args: &[&str]) -> (i32, Value) {
    run_seeded(name, "1", stub, args)
}

/// The same with the schedule of this seed.
pub(crate) fn run_seeded(name: &str, seed: &str, stub: &Stub, args: &[&str]) -> (i32, Value) {
    let path = folder(name).join("report.json");
    let (url, file) = (stub.url(), path.display().to_string());
    let mut all = vec![
        "run", "--quiet", "--url", &url, "--json", &file, "--seed", seed,
    ];
    all.extend(PATIENT);
    all.extend(args);
    let output = loadtest(&all);
    (status(&output), json(&path))
}
