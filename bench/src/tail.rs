//! P99 over P50 in an open loop at half of the gateway's own peak.

use anyhow::Result;
use serde::Serialize;

use crate::{
    bars::{Bar, Side},
    cli::Cli,
    load::{Load, Request, closed},
    process::Server,
    spread::Spread,
};

/// Callers of the closed loop that finds the peak.
const CALLERS: usize = 32;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Tail {
    /// Answers a second in a closed loop.
    pub peak_per_s: Spread,
    /// Median latency from the scheduled time, at half of it.
    pub p50_us: Spread,
    /// 99th percentile likewise.
    pub p99_us: Spread,
    /// The latter over the former, in each round.
    pub ratio: Spread,
}

impl Tail {
    /// Each round finds the peak anew, since the machine's speed may change.
    pub fn measure(cli: &Cli) -> Result<Option<Self>> {
        let gateway = Server::gateway(&cli.models, "")?;
        let request = Request::recommend(100);
        let time = cli.case_time();
        let open_time = format!("{}ms", (time * 3).as_millis());
        let mut rounds = Vec::new();
        for round in 0..cli.rounds() {
            eprintln!("tail: round {} of {}", round + 1, cli.rounds());
            let peak = closed(&gateway, "peak", &request, CALLERS, time)?.rate;
            let half = format!("{:.0}", peak / 2.0);
            let arguments = [
                "--rate",
                &half,
                "--duration",
                &open_time,
                "--warmup",
                "500ms",
            ];
            // Requests are refused where the machine stands still for a while at half of a peak that it
            // no longer has; that round says nothing of P99.
            let report = match Load::start(&gateway, "half", &request, &arguments)?.finish() {
                Ok(report) => report,
                Err(error) => {
                    eprintln!("tail: this round is left out: {error:#}");
                    continue;
                }
            };
            if !report.valid {
                eprintln!("tail: the generator was late: {:?}", report.invalid_reasons);
                continue;
            }
            rounds.push((peak, report.latency.p50_us, report.latency.p99_us));
        }
        let of = |one: fn(&(f64, f64, f64)) -> f64| Spread::of(rounds.iter().map(one));
        let all = (of(|r| r.0), of(|r| r.1), of(|r| r.2), of(|r| r.2 / r.1));
        let (Some(peak_per_s), Some(p50_us), Some(p99_us), Some(ratio)) = all else {
            return Ok(None);
        };
        Ok(Some(Self {
            peak_per_s,
            p50_us,
            p99_us,
            ratio,
        }))
    }

    /// Its bar.
    pub fn bar(tail: Option<&Self>) -> Bar {
        let what = "P99 ÷ P50, open loop at half of the peak, recommend, 100 candidates";
        Bar::new(
            what,
            tail.map(|tail| tail.ratio.median),
            "",
            Side::AtMost,
            4.0,
        )
    }
}
