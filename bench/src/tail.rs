//! P99 over P50 in an open loop at half of the gateway's own peak: of the highest rate that holds its P99
//! in such a loop, generator included. Half of a closed loop's would be more than half of what this
//! machine can do in an open one, whose generator takes a larger part of the same cores.

use anyhow::Result;
use serde::Serialize;

use crate::{
    bars::{Bar, Side},
    cli::Cli,
    load::{Load, Request},
    process::Server,
    spread::Spread,
};

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Tail {
    /// The highest rate that holds P99 within 11 ms.
    pub peak_per_s: f64,
    /// Median latency from the scheduled time, at half of it.
    pub p50_us: Spread,
    /// 99th percentile likewise.
    pub p99_us: Spread,
    /// The latter over the former, in each round.
    pub ratio: Spread,
}

impl Tail {
    /// At half of this peak.
    pub(crate) fn measure(cli: &Cli, peak_per_s: f64) -> Result<Option<Self>> {
        let gateway = Server::gateway(&cli.models, "")?;
        let request = Request::recommend(100);
        let half = format!("{:.0}", peak_per_s / 2.0);
        let time = format!("{}ms", (cli.case_time() * 3).as_millis());
        let arguments = ["--rate", &half, "--duration", &time, "--warmup", "500ms"];
        let mut rounds = Vec::new();
        for round in 0..cli.rounds() {
            eprintln!("tail: round {} of {}", round + 1, cli.rounds());
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
            rounds.push((report.latency.p50_us, report.latency.p99_us));
        }
        let of = |one: fn(&(f64, f64)) -> f64| Spread::of(rounds.iter().map(one));
        let all = (of(|r| r.0), of(|r| r.1), of(|r| r.1 / r.0));
        let (Some(p50_us), Some(p99_us), Some(ratio)) = all else {
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
    pub(crate) fn bar(tail: Option<&Self>) -> Bar {
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
