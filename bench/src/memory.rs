//! Memory under mixed shapes: does it stay, and how much of it is lost inside its blocks.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use common::metric_names as names;
use serde::Serialize;

use crate::{
    bars::{Bar, Side},
    cases::{Bodies, Form},
    cli::Cli,
    cost::sum,
    floor::ROOMY,
    load::{Load, Request},
    process::Server,
};

/// Share of the time after which memory is looked at first.
const FIRST_LOOK: f64 = 0.1;
/// Each kind of request has a generator of its own.
const RATE_PER_S: &str = "100";
/// The share of leased blocks that their tensors do not fill, among the arena's shares.
const LOST: &str = "kind=\"internal_fragmentation\"";

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Memory {
    /// How long the shapes were mixed.
    pub seconds: f64,
    /// Resident memory after a tenth of it.
    pub early_mib: f64,
    /// At its end.
    pub late_mib: f64,
    /// Share of leased blocks that their requests do not fill; none where it is not exported.
    pub internal_fragmentation: Option<f64>,
}

impl Memory {
    /// Two runs of the same mixture, one after the other.
    pub(crate) fn measure(cli: &Cli) -> Result<Self> {
        let gateway = Server::gateway(&cli.models, ROOMY)?;
        let requests = mixture(&Bodies::of(&cli.models)?)?;
        let time = cli.memory_time();
        eprintln!("memory: {} s of mixed shapes", time.as_secs());
        let early = mixed(&gateway, &requests, time.mul_f64(FIRST_LOOK))?;
        let late = mixed(&gateway, &requests, time.mul_f64(1.0 - FIRST_LOOK))?;
        let resident = |series| sum(series, names::PROCESS_RESIDENT_BYTES, "") / f64::from(1 << 20);
        Ok(Self {
            seconds: time.as_secs_f64(),
            early_mib: resident(&early),
            late_mib: resident(&late),
            internal_fragmentation: fragmentation(&late),
        })
    }

    /// Its bars.
    pub(crate) fn bars(&self) -> Vec<Bar> {
        let minutes = self.seconds / 60.0;
        let what = format!(
            "resident memory after {minutes:.1} min of mixed shapes ÷ after {:.1} min",
            minutes * FIRST_LOOK
        );
        let growth = self.late_mib / self.early_mib;
        let lost = self.internal_fragmentation.map(|share| share * 100.0);
        vec![
            Bar::new(what, Some(growth), "", Side::AtMost, 1.05).aiming_at(1.0),
            Bar::new(
                "internal fragmentation of the arena",
                lost,
                "%",
                Side::AtMost,
                15.0,
            )
            .aiming_at(8.0),
        ]
    }
}

/// From ten rows to four hundred, in every form.
fn mixture(bodies: &Bodies<'_>) -> Result<Vec<Request>> {
    let mut requests: Vec<Request> = [10, 100, 400].map(Request::recommend).into();
    for (model, form, rows) in [
        ("deepfm", Form::Json, 100),
        ("deepfm", Form::Binary, 10),
        ("din_plain", Form::Json, 10),
        ("din_plain", Form::Binary, 100),
    ] {
        requests.push(bodies.request(model, form, rows)?);
    }
    Ok(requests)
}

/// Sends all of them at once for so long, and reads the metrics.
fn mixed(gateway: &Server, requests: &[Request], time: Duration) -> Result<BTreeMap<String, f64>> {
    let time = format!("{}ms", time.as_millis());
    let loads: Vec<Load> = requests
        .iter()
        .enumerate()
        .map(|(index, request)| {
            let arguments = ["--rate", RATE_PER_S, "--duration", &time];
            Load::start(gateway, &format!("mixed-{index}"), request, &arguments)
        })
        .collect::<Result<_>>()?;
    for load in loads {
        load.finish()?;
    }
    Ok(loadtest::fetch_metrics(&gateway.metrics_url())?)
}

fn fragmentation(series: &BTreeMap<String, f64>) -> Option<f64> {
    let of_arena = |key: &str| key.starts_with(names::ARENA_RATIO) && key.contains(LOST);
    let found = series.iter().find(|(key, _)| of_arena(key));
    found.map(|(_, share)| *share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragmentation_is_one_of_the_shares_and_not_zero_where_it_is_not_told() {
        let mut series = BTreeMap::new();
        for (kind, share) in [("hit", 0.9), ("external_fragmentation", 0.3)] {
            series.insert(format!("{}{{kind=\"{kind}\"}}", names::ARENA_RATIO), share);
        }
        assert_eq!(fragmentation(&series), None);
        series.insert(format!("{}{{{LOST}}}", names::ARENA_RATIO), 0.12);
        assert_eq!(fragmentation(&series), Some(0.12));
    }
}
