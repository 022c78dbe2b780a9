//! What the generator can do: 20 000 requests/s from one core's worth of time, and how punctual it
//! is at 5 000/s.

use loadtest_stub::Behaviour;

use crate::{
    process::{StubProcess, run},
    table::{Bound, Table, rounds},
};

pub(crate) fn check_rate(table: &mut Table) {
    let (mut rates, mut costs, mut closed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds() {
        let stub = StubProcess::start(Behaviour::default());
        let body = ["--candidates", "0"];
        let args = ["--rate", "22000", "--duration", "5s", "--warmup", "1s"];
        let report = run(&stub, "rate", &[&args[..], &body].concat());
        // A run that the generator spoilt has reached no rate.
        rates.push(if report.valid { report.rate } else { 0.0 });
        costs.push(report.generator.cpu_us_per_request);
        let args = ["--closed", "--duration", "5s", "--connections", "8"];
        closed.push(run(&stub, "rate-closed", &args).rate);
    }
    table.median(
        "rate: answered in a valid run, /s",
        rates,
        Bound::AtLeast(20_000.0),
    );
    // 50 µs each at 20 000/s is one core.
    table.median("rate: own CPU per request, µs", costs, Bound::AtMost(50.0));
    table.median(
        "rate: closed loop, 8 connections, /s",
        closed,
        Bound::AtLeast(20_000.0),
    );
}

pub(crate) fn check_lag(table: &mut Table) {
    let mut lags = Vec::new();
    for _ in 0..3 {
        let stub = StubProcess::start(Behaviour::default());
        let args = ["--rate", "5000", "--duration", "10s", "--warmup", "1s"];
        lags.push(run(&stub, "lag", &args).send_lag.p99_us / 1e3);
    }
    table.least("lag: send lag P99 at 5000/s, ms", lags, Bound::AtMost(0.2));
}
