//! Agreement with an independent generator, `oha`, at low load.

use std::{process::Command, time::Duration};

use loadtest_stub::Behaviour;
use serde_json::Value;

use crate::{
    process::{StubProcess, run},
    table::{Bound, Table, rounds},
};

/// Long against what waking a thread costs on an idle virtual machine, a millisecond at times: both
/// generators are to be judged by what they measure, not by when each was woken.
const SERVICE: Duration = Duration::from_millis(20);
const RATE: &str = "20";
const LASTS: &str = "30s";

pub(crate) fn check(table: &mut Table) {
    let program = std::env::var("OHA").unwrap_or_else(|_| "oha".to_owned());
    let mut ratios = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds() {
        let stub = StubProcess::start(Behaviour::single_server(SERVICE));
        let args = [
            "--rate",
            RATE,
            "--duration",
            LASTS,
            "--arrivals",
            "constant",
        ];
        let ours = run(&stub, "agreement", &args).latency;
        let theirs = oha(&program, &stub.url);
        let pairs = [
            (ours.p50_us, "p50"),
            (ours.p90_us, "p90"),
            (ours.p99_us, "p99"),
        ];
        for (ratios, (ours, name)) in ratios.iter_mut().zip(pairs) {
            let seconds = theirs["latencyPercentiles"][name]
                .as_f64()
                .expect("oha's percentile");
            ratios.push(ours / (seconds * 1e6));
        }
    }
    for (ratios, name) in ratios.into_iter().zip(["P50", "P90", "P99"]) {
        let bound = Bound::Within {
            wanted: 1.0,
            share: 0.05,
        };
        table.median(format!("agreement: {name}, ours over oha's"), ratios, bound);
    }
}

fn oha(program: &str, url: &str) -> Value {
    let args = [
        "-z",
        LASTS,
        "-q",
        RATE,
        "-c",
        "8",
        "--latency-correction",
        "--no-tui",
    ];
    let output = Command::new(program)
        .args(args)
        .args(["--output-format", "json", "-m", "POST", "-d", "{}", url])
        .output()
        .expect("oha on the path, or named by OHA=…");
    serde_json::from_slice(&output.stdout).expect("oha's JSON")
}
