//! The highest Poisson rate that holds P99 within 11 ms, the generator on the same cores.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use crate::{
    bars::{Bar, Side},
    cli::Cli,
    process::{Server, beside},
};

/// What the search found.
#[derive(Debug, Serialize)]
pub(crate) struct Capacity {
    /// The highest rate that was confirmed; none where none was.
    pub rate_per_s: Option<f64>,
    /// Whether the generator, not the gateway, was the limit.
    pub generator_limited: bool,
}

impl Capacity {
    /// Searches, with the gateway's own defaults.
    pub(crate) fn measure(cli: &Cli) -> Result<Self> {
        let gateway = Server::gateway(&cli.models, "")?;
        let report = gateway.folder.path().join("search.json");
        let effort: &[&str] = if cli.quick {
            &[
                "--step",
                "2s",
                "--least-step",
                "1s",
                "--confirm",
                "1",
                "--precision",
                "0.3",
            ]
        } else {
            &["--step", "10s", "--precision", "0.02", "--confirm", "3"]
        };
        let status = Command::new(beside("loadtest")?)
            .args([
                "search",
                "--quiet",
                "--slo",
                "p99=11ms",
                "--candidates",
                "100",
            ])
            .args(["--seed", "20260101", "--start-rate", "1000", "--url"])
            .arg(format!("http://{}/v2/recommend/item", gateway.http))
            .arg("--json")
            .arg(&report)
            .args(effort)
            .stdout(Stdio::null())
            .status()?;
        let found =
            std::fs::read(&report).with_context(|| format!("the search ended with {status}"))?;
        let found: Value = serde_json::from_slice(&found)?;
        Ok(Self {
            rate_per_s: found["rate"].as_f64(),
            generator_limited: found["generator_limited"].as_bool().unwrap_or_default(),
        })
    }

    /// Its bar. A rate that only the generator limits is one the gateway can do.
    pub(crate) fn bar(&self) -> Bar {
        let what = "highest Poisson rate with P99 ≤ 11 ms, recommend, 100 candidates";
        Bar::new(what, self.rate_per_s, "/s", Side::AtLeast, 2040.0).aiming_at(4000.0)
    }
}
