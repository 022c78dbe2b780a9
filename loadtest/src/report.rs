//! A run as a document: the JSON that everything else is made from, and its other forms.

mod csv;
mod html;
mod machine;
mod plots;
mod prometheus;
mod search_page;
mod svg;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    clock,
    metrics::ServerMetrics,
    record::{Hist, Quantiles, Recording, Second},
    run::{Load, RunOutput, RunPlan},
    threshold::{Metric, Threshold, Verdict, parse_metric},
    units::micros,
    validity::{self, Evidence},
};

pub(crate) use csv::write_csv;
pub(crate) use html::{comparison_html, curves_picture, html};
pub use machine::{Machine, commit};
pub(crate) use prometheus::prometheus_text;
pub(crate) use search_page::search_html;
pub(crate) use text::summary;

/// Rises when a reader of the old form could misread the new one.
pub(crate) const FORMAT: u32 = 1;

/// A report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Version of this document's form.
    pub format: u32,
    /// Version of the program.
    pub tool_version: String,
    /// When the run ended, seconds since the Unix epoch.
    pub unix_time_s: u64,
    /// A name given to the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Commit of the working folder that the run was started in.
    pub commit: Option<String>,
    /// The machine that generated the load.
    pub machine: Machine,
    /// What was run; its seed repeats it.
    pub plan: RunPlan,
    /// The seed, once more where people look for it.
    pub seed: u64,
    /// False where the run says nothing about the server.
    pub valid: bool,
    /// Why it does not.
    pub invalid_reasons: Vec<String>,
    /// True where a worker was lost.
    pub partial: bool,
    /// Length of the measured window.
    pub duration_s: f64,
    /// Requests per second that the schedule asked for.
    pub offered_rate: f64,
    /// Answers per second.
    pub rate: f64,
    /// Failed over sent.
    pub error_rate: f64,
    /// Counts.
    pub counts: Counts,
    /// Answers by status.
    pub status: BTreeMap<u16, u64>,
    /// The beginning of one answer's body for each status from 400.
    #[serde(default)]
    pub samples: BTreeMap<u16, String>,
    /// Requests without an answer, by cause.
    pub errors: BTreeMap<String, u64>,
    /// From the scheduled time, every request sent.
    pub latency: Quantiles,
    /// From the scheduled time, answers below 400 only.
    pub latency_ok: Quantiles,
    /// From the scheduled time, by status.
    #[serde(default)]
    pub latency_by_status: BTreeMap<u16, Quantiles>,
    /// From the first byte written.
    pub service: Quantiles,
    /// From the scheduled time to the first byte written.
    pub send_lag: Quantiles,
    /// The thresholds and what became of them.
    pub thresholds: Vec<Verdict>,
    /// Stage by stage.
    pub stages: Vec<StageReport>,
    /// Second by second.
    pub timeline: Vec<TimelineRow>,
    /// The whole histograms, base64 of HdrHistogram's V2 format, in nanoseconds.
    pub histograms: Histograms,
    /// What the generator itself cost.
    pub generator: Generator,
    /// What the server said about itself before and after.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server: Option<ServerMetrics>,
}

/// Counts of the measured window.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    pub scheduled: u64,
    pub sent: u64,
    pub dropped: u64,
    pub answered: u64,
    pub ok: u64,
    pub failed: u64,
    pub warmup: u64,
    pub connections: u64,
    pub body_bytes: u64,
}

/// One stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageReport {
    pub name: String,
    pub start_s: f64,
    pub end_s: f64,
    pub scheduled: u64,
    pub sent: u64,
    pub errors: u64,
    pub latency: Quantiles,
}

/// One second: what was due in it and what became of that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TimelineRow {
    pub second: u64,
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub max_us: f64,
    #[serde(flatten)]
    pub cell: Second,
}

/// Whole histograms.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Histograms {
    pub latency: Hist,
    pub service: Hist,
    pub send_lag: Hist,
}

/// The generator's own cost.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Generator {
    pub cpu_s: f64,
    pub wall_s: f64,
    pub cpu_us_per_request: f64,
}

/// What a report is made from besides the recording.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    pub label: Option<String>,
    pub commit: Option<String>,
    pub machine: Machine,
    pub workers_lost: usize,
    pub server: Option<ServerMetrics>,
}

impl Report {
    /// Judges a run and writes it up.
    pub fn new(
        plan: &RunPlan,
        output: &RunOutput,
        thresholds: &[Threshold],
        around: Circumstances,
    ) -> Self {
        let recording = &output.recording;
        let measured = plan.load.measured();
        let latency_us = validity::latency_in_question(thresholds);
        let invalid_reasons = validity::faults(&Evidence {
            scheduled: recording.scheduled,
            sent: recording.sent,
            send_lag_p99_us: recording.send_lag.quantile_us(0.99),
            latency_us,
            own_limits: recording.own_limits().collect(),
            stopped_at_s: output.stopped_at.map(|at| at.as_secs_f64()),
            workers_lost: around.workers_lost,
        });
        let judge =
            |threshold: &Threshold| threshold.judge(measure(recording, threshold.metric(), plan));
        let errors = recording
            .errors
            .iter()
            .map(|(kind, n)| (kind.name().to_owned(), *n));
        Self {
            format: FORMAT,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            unix_time_s: clock::unix_time().as_secs(),
            label: around.label,
            commit: around.commit,
            machine: around.machine,
            plan: without_secrets(plan),
            seed: plan.seed,
            valid: invalid_reasons.is_empty(),
            invalid_reasons,
            partial: around.workers_lost > 0,
            duration_s: measured.as_secs_f64(),
            offered_rate: recording.scheduled as f64 / measured.as_secs_f64(),
            rate: recording.rate(measured),
            error_rate: recording.error_rate(),
            counts: counts(recording),
            status: recording.statuses.clone(),
            samples: recording.samples.clone(),
            errors: errors.collect(),
            latency: recording.latency.quantiles(),
            latency_ok: recording.latency_ok.quantiles(),
            latency_by_status: by_status(recording),
            service: recording.service.quantiles(),
            send_lag: recording.send_lag.quantiles(),
            thresholds: thresholds.iter().map(judge).collect(),
            stages: stages(recording, &plan.load),
            timeline: timeline(recording),
            histograms: Histograms {
                latency: recording.latency.clone(),
                service: recording.service.clone(),
                send_lag: recording.send_lag.clone(),
            },
            generator: generator(output),
            server: around.server,
        }
    }

    /// True where a threshold failed, or every request did.
    pub fn has_failed(&self) -> bool {
        self.nothing_succeeded() || self.thresholds.iter().any(|verdict| verdict.failed)
    }

    /// True where requests were sent and none was answered below 400: no latency of such a run
    /// says anything, whatever the thresholds.
    pub fn nothing_succeeded(&self) -> bool {
        self.counts.sent > 0 && self.counts.ok == 0
    }
}

fn by_status(recording: &Recording) -> BTreeMap<u16, Quantiles> {
    let all = recording.latency_by_status.iter();
    all.map(|(status, hist)| (*status, hist.quantiles()))
        .collect()
}

/// Headers whose values let their reader in somewhere.
const SECRET_HEADERS: [&str; 4] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
];

/// The plan as a report may keep it: reports are passed around.
fn without_secrets(plan: &RunPlan) -> RunPlan {
    let mut plan = plan.clone();
    for header in &mut plan.target.headers {
        let name = header.split(':').next().unwrap_or_default().trim();
        if SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            *header = format!("{name}: (hidden)");
        }
    }
    plan
}

/// The measured value of a metric, in the unit of [`Verdict::actual`].
fn measure(recording: &Recording, metric: &Metric, plan: &RunPlan) -> f64 {
    match *metric {
        Metric::Quantile(quantile) => recording.latency.quantile_us(quantile),
        Metric::Max => recording.latency.max_us(),
        Metric::Mean => recording.latency.mean_us(),
        Metric::ErrorRate => recording.error_rate(),
        Metric::Rate => recording.rate(plan.load.measured()),
    }
}

/// True for a verdict whose value is a time.
pub(crate) fn is_latency(verdict: &Verdict) -> bool {
    let name = verdict
        .expression
        .split(['<', '>'])
        .next()
        .unwrap_or_default();
    !matches!(
        parse_metric(name.trim()),
        Some(Metric::ErrorRate | Metric::Rate)
    )
}

fn counts(recording: &Recording) -> Counts {
    let (answered, failed) = (recording.answered(), recording.failed());
    Counts {
        scheduled: recording.scheduled,
        sent: recording.sent,
        dropped: recording.dropped,
        answered,
        ok: recording.latency_ok.len(),
        failed,
        warmup: recording.warmup_requests,
        connections: recording.connections,
        body_bytes: recording.body_bytes,
    }
}

fn stages(recording: &Recording, load: &Load) -> Vec<StageReport> {
    let warmup = load.warmup().as_secs_f64();
    let windows = match load {
        Load::Open(schedule) => schedule.windows(),
        Load::Closed {
            warmup, duration, ..
        } => {
            vec![("closed loop".to_owned(), *warmup, *warmup + *duration)]
        }
    };
    let row = |(window, record): ((String, std::time::Duration, std::time::Duration), &_)| {
        let (name, start, end) = window;
        let record: &crate::record::StageRecord = record;
        StageReport {
            name,
            start_s: start.as_secs_f64() - warmup,
            end_s: end.as_secs_f64() - warmup,
            scheduled: record.scheduled,
            sent: record.sent,
            errors: record.errors,
            latency: record.latency.quantiles(),
        }
    };
    windows
        .into_iter()
        .zip(&recording.stages)
        .map(row)
        .collect()
}

fn timeline(recording: &Recording) -> Vec<TimelineRow> {
    let row = |(second, cell): (usize, &Second)| {
        let quantiles = cell.latency.unpack().quantiles();
        TimelineRow {
            second: second as u64,
            p50_us: quantiles.p50_us,
            p90_us: quantiles.p90_us,
            p99_us: quantiles.p99_us,
            max_us: quantiles.max_us,
            cell: cell.clone(),
        }
    };
    recording.seconds.iter().enumerate().map(row).collect()
}

fn generator(output: &RunOutput) -> Generator {
    let requests = output.recording.sent + output.recording.warmup_requests;
    Generator {
        cpu_s: output.cpu.as_secs_f64(),
        wall_s: output.wall.as_secs_f64(),
        cpu_us_per_request: if requests == 0 {
            0.0
        } else {
            micros(output.cpu) / requests as f64
        },
    }
}
