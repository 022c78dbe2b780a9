//! Driving a gateway with the load test and reading its report.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::process::loadtest;

/// A load that runs.
pub(crate) struct Load {
    child: Child,
    report: PathBuf,
}

/// What a load reported.
pub(crate) struct Report(Value);

impl Load {
    /// Starts a load; `arguments` follow `loadtest run --url URL --json FILE`.
    pub(crate) fn start(url: &str, folder: &Path, name: &str, arguments: &[&str]) -> Result<Self> {
        let report = folder.join(name).with_extension("json");
        let child = Command::new(loadtest()?)
            .args(["run", "--url", url, "--json"])
            .arg(&report)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, report })
    }

    /// Waits for its end. An INVALID run still has a report; whoever reads it decides.
    pub(crate) fn finish(mut self) -> Result<Report> {
        self.child.wait()?;
        let text = std::fs::read_to_string(&self.report).context("the load test left no report")?;
        Ok(Report(serde_json::from_str(&text)?))
    }
}

impl Report {
    /// Mean rate of good answers due in these seconds of the run.
    pub(crate) fn good_per_second(&self, seconds: std::ops::Range<u64>) -> Result<f64> {
        let count = |row: &Value, key: &str| row[key].as_f64().unwrap_or(0.0);
        let rows = self.rows(&seconds)?;
        let good: f64 = rows
            .iter()
            .map(|r| count(r, "sent") - count(r, "errors"))
            .sum();
        Ok(good / rows.len().max(1) as f64)
    }

    /// Share of the requests due in these seconds that were answered well.
    pub(crate) fn good_share(&self, seconds: std::ops::Range<u64>) -> Result<f64> {
        let rows = self.rows(&seconds)?;
        let sum = |key: &str| rows.iter().filter_map(|r| r[key].as_f64()).sum::<f64>();
        Ok((sum("sent") - sum("errors")) / sum("scheduled").max(1.0))
    }

    /// The longest latency of these seconds, in milliseconds.
    pub(crate) fn longest_ms(&self, seconds: std::ops::Range<u64>) -> Result<f64> {
        let longest = self
            .rows(&seconds)?
            .iter()
            .filter_map(|r| r["max_us"].as_f64())
            .fold(0.0, f64::max);
        Ok(longest / 1000.0)
    }

    fn rows(&self, seconds: &std::ops::Range<u64>) -> Result<Vec<&Value>> {
        let timeline = self.0["timeline"]
            .as_array()
            .context("the report has no timeline")?;
        let within = |row: &&Value| row["second"].as_u64().is_some_and(|s| seconds.contains(&s));
        Ok(timeline.iter().filter(within).collect())
    }
}
