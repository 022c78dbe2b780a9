//! A stub with one server and a fixed service time, against Lindley's recursion.

use std::time::Duration;

use loadtest::{Arrival, Hist, Load, Quantiles, ScheduleSpec};
use loadtest_stub::Behaviour;

use crate::{
    lindley::latencies,
    process::{StubProcess, loadtest, run},
    table::{Bound, Table, rounds},
};

/// Long against a loopback exchange, so that 5 % of it is more than the exchange costs.
const SERVICE: Duration = Duration::from_millis(20);

pub(crate) fn check_quantiles(table: &mut Table) {
    for (load, rate) in [(50, "25"), (70, "35"), (90, "45")] {
        let mut worst = Vec::new();
        for round in 0..rounds() {
            let stub = StubProcess::start(Behaviour::single_server(SERVICE));
            let seed = (100 + round).to_string();
            let args = [
                "--rate",
                rate,
                "--duration",
                "30s",
                "--warmup",
                "2s",
                "--seed",
                &seed,
            ];
            let report = run(&stub, "queue", &args);
            let Load::Open(schedule) = &report.plan.load else {
                continue;
            };
            let computed = latencies(schedule.arrivals(), SERVICE, schedule.warmup).quantiles();
            worst.push(furthest_off(&report.latency, &computed));
        }
        let name = format!("queue at {load} %: quantile furthest off, %");
        table.median(name, worst, Bound::AtMost(5.0));
    }
}

/// Of all quantiles of a report, how far the furthest lies off, in percent.
fn furthest_off(measured: &Quantiles, computed: &Quantiles) -> f64 {
    let pairs = [
        (measured.p50_us, computed.p50_us),
        (measured.p75_us, computed.p75_us),
        (measured.p90_us, computed.p90_us),
        (measured.p95_us, computed.p95_us),
        (measured.p99_us, computed.p99_us),
        (measured.p999_us, computed.p999_us),
        (measured.max_us, computed.max_us),
    ];
    pairs
        .iter()
        .map(|(m, c)| (m / c - 1.0).abs() * 100.0)
        .fold(0.0, f64::max)
}

/// `search` finds the capacity of a server with 1 ms per request for P99 within 15 ms.
pub(crate) fn check_search(table: &mut Table) {
    let (service, limit_us) = (Duration::from_millis(1), 15_000.0);
    let capacity = computed_capacity(service, limit_us);
    let mut found = Vec::new();
    for round in 0..rounds() {
        let stub = StubProcess::start(Behaviour::single_server(service));
        let seed = (200 + round * 1_000).to_string();
        let args = [
            "search", "--slo", "p99=15ms", "--url", &stub.url, "--seed", &seed,
        ];
        let text = loadtest(&[&args[..], &["--start-rate", "400"]].concat());
        let rate = text
            .strip_prefix("capacity ")
            .and_then(|rest| rest.split("/s").next());
        found.push(rate.and_then(|rate| rate.parse().ok()).unwrap_or(0.0));
        eprint!("{text}");
    }
    table.median(
        "search: capacity, /s",
        found,
        Bound::Within {
            wanted: capacity,
            share: 0.03,
        },
    );
}

/// The rate at which exactly a hundredth of two million requests misses.
fn computed_capacity(service: Duration, limit_us: f64) -> f64 {
    let saturation = 1.0 / service.as_secs_f64();
    // Arrivals at rate 1, stretched to each rate tried: the same randomness for all of them.
    let unit: Vec<f64> = unit_schedule()
        .arrivals()
        .map(|a| a.due.as_secs_f64())
        .collect();
    let (mut low, mut high) = (saturation * 0.3, saturation);
    for _ in 0..25 {
        let rate = f64::midpoint(low, high);
        let arrivals = unit.iter().enumerate().map(|(index, at)| {
            let due = Duration::from_secs_f64(at * 1_000.0 / rate);
            Arrival {
                index: index as u64,
                due,
            }
        });
        let hist: Hist = latencies(arrivals, service, Duration::ZERO);
        if hist.quantile_us(0.99) <= limit_us {
            low = rate
        } else {
            high = rate
        }
    }
    low
}

/// Two million Poisson arrivals at 1000/s.
fn unit_schedule() -> ScheduleSpec {
    let text = r#"{"arrivals": {"kind": "poisson"}, "warmup_s": 0.0, "seed": 9,
        "stages": [{"name": "unit", "length_s": 2000.0,
                    "shape": {"linear": {"from": 1000.0, "to": 1000.0}}}]}"#;
    serde_json::from_str(text).expect("a schedule")
}
