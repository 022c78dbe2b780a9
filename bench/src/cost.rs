//! What a run cost, from what the server said of itself before and after.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use common::metric_names as names;
use loadtest::Report;
use serde::Serialize;

/// Figures of one run of one case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Cost {
    /// Processor time of the whole process for each request.
    pub cpu_us: f64,
    /// Of it inside `session.run`.
    pub floor_us: f64,
    /// Answers a second.
    pub rate_per_s: f64,
    /// Median latency.
    pub p50_us: f64,
    /// And its 99th percentile.
    pub p99_us: f64,
    /// Candidate rows of a mean run.
    pub rows_per_run: f64,
    /// Requests of a mean run.
    pub requests_per_run: f64,
    /// Resident memory afterwards.
    pub resident_bytes: f64,
}

impl Cost {
    /// What the gateway adds.
    #[must_use]
    pub(crate) fn overhead_us(&self) -> f64 {
        self.cpu_us - self.floor_us
    }

    /// Of a run against the gateway.
    pub(crate) fn of(report: &Report) -> Result<Self> {
        let server = report.server.as_ref().context("no metrics were read")?;
        let of = Figures {
            grown: &server.delta,
            after: &server.after,
        };
        Self::from_figures(&of, report)
    }

    fn from_figures(of: &Figures<'_>, report: &Report) -> Result<Self> {
        let requests = of.requests();
        ensure!(requests > 0.0, "the server counted no request");
        let (runs, rows) = (of.grown(names::RUNS), of.grown(names::ROWS));
        let per_run = |count: f64| if runs > 0.0 { count / runs } else { 0.0 };
        Ok(Self {
            cpu_us: of.grown(names::PROCESS_CPU_SECONDS) / requests * 1e6,
            floor_us: of.grown(names::RUN_CPU_SECONDS) / requests * 1e6,
            rate_per_s: report.rate,
            p50_us: report.service.p50_us,
            p99_us: report.service.p99_us,
            rows_per_run: per_run(rows),
            requests_per_run: per_run(requests),
            resident_bytes: of.after(names::PROCESS_RESIDENT_BYTES),
        })
    }
}

/// Of a run against a plain server, which counts nothing but processor time.
pub(crate) fn plain(report: &Report) -> Result<PlainCost> {
    let server = report.server.as_ref().context("no metrics were read")?;
    let sent = (report.counts.sent + report.counts.warmup) as f64;
    let of = |name| sum(&server.delta, name, "") / sent * 1e6;
    Ok(PlainCost {
        cpu_us: of(names::PROCESS_CPU_SECONDS),
        run_us: of(names::RUN_CPU_SECONDS),
    })
}

/// What a request costs a plain server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainCost {
    /// Processor time of the whole process.
    pub cpu_us: f64,
    /// Of it inside `session.run`, where it has a model.
    pub run_us: f64,
}

/// Series of a scrape, or of the difference of two.
struct Figures<'r> {
    grown: &'r BTreeMap<String, f64>,
    after: &'r BTreeMap<String, f64>,
}

impl Figures<'_> {
    fn grown(&self, name: &str) -> f64 {
        sum(self.grown, name, "")
    }

    fn after(&self, name: &str) -> f64 {
        sum(self.after, name, "")
    }

    fn requests(&self) -> f64 {
        sum(self.grown, names::REQUESTS, "code=\"OK\"")
    }
}

/// All series of a name, whatever their labels, that contain `label`.
pub(crate) fn sum(series: &BTreeMap<String, f64>, name: &str, label: &str) -> f64 {
    let of_name =
        |key: &str| key == name || key.strip_prefix(name).is_some_and(|l| l.starts_with('{'));
    let found = series
        .iter()
        .filter(|(key, _)| of_name(key) && key.contains(label));
    found.map(|(_, value)| value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_over_labels_and_not_over_longer_names() {
        let series = BTreeMap::from([
            ("fusebox_runs_total{actor=\"a\"}".to_owned(), 2.0),
            ("fusebox_runs_total{actor=\"b\"}".to_owned(), 3.0),
            ("fusebox_runs_total_more".to_owned(), 100.0),
            ("process_cpu_seconds_total".to_owned(), 1.5),
        ]);
        assert_eq!(sum(&series, "fusebox_runs_total", ""), 5.0);
        assert_eq!(sum(&series, "fusebox_runs_total", "actor=\"b\""), 3.0);
        assert_eq!(sum(&series, "process_cpu_seconds_total", ""), 1.5);
    }
}
