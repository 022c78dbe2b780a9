//! A server that stands still for 400 ms every 5 s, asked 400 times a second.
//!
//! In 20 s four stalls catch 160 requests each, which wait 400, 397.5, 395 … ms. The slowest
//! hundredth of 8000 requests is 80 of them, 20 from each stall: P99 is 350 ms.

use std::time::Duration;

use loadtest_stub::Behaviour;

use crate::{
    process::{StubProcess, run},
    table::{Bound, Table, rounds},
};

const COMPUTED_P99_MS: f64 = 350.0;

pub(crate) fn check(table: &mut Table) {
    let behaviour = Behaviour::stalling(Duration::from_millis(400), Duration::from_secs(5));
    let (mut open, mut closed) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        let stub = StubProcess::start(behaviour);
        let args = [
            "--rate",
            "400",
            "--duration",
            "20s",
            "--arrivals",
            "constant",
        ];
        open.push(run(&stub, "stall", &args).latency.p99_us / 1e3);
        let stub = StubProcess::start(behaviour);
        let args = ["--closed", "--connections", "4", "--duration", "20s"];
        closed.push(run(&stub, "stall-closed", &args).latency.p99_us / 1e3);
    }
    let bound = Bound::Within {
        wanted: COMPUTED_P99_MS,
        share: 0.05,
    };
    table.median("stall: open loop P99, ms", open, bound);
    // Blind to the stall: the closed loop shows not even a tenth of it.
    table.median(
        "stall: closed loop P99, ms",
        closed,
        Bound::AtMost(COMPUTED_P99_MS / 10.0),
    );
}
