//! What happened to each request, kept so that parts can be merged and nothing is averaged.
//!
//! Times are counted from the start of the run. A request belongs to the second and to the stage
//! it was *scheduled* in: a stall then shows where it hurt, not where it ended.

mod hist;
mod recorder;
mod second;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

pub use hist::{Hist, Quantiles};
pub(crate) use recorder::{Layout, Recorder};
pub(crate) use second::Second;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// An answer with this status was read to its end.
    Status(u16),
    /// No whole answer.
    Failed(ErrorKind),
}

impl Outcome {
    /// True for an answer below 400.
    pub(crate) fn is_ok(self) -> bool {
        matches!(self, Self::Status(status) if status < 400)
    }
}

/// Why there was no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Nobody listens there.
    ConnectRefused,
    /// No connection within the request's time limit.
    ConnectTimeout,
    /// Any other failure to connect.
    ConnectFailed,
    /// This process may not open more files; the request never left.
    OpenFiles,
    /// This machine has no local port left towards the target; the request never left.
    LocalPorts,
    /// No whole answer within the request's time limit.
    Timeout,
    /// The connection ended before the answer did.
    Closed,
    /// What came back is not HTTP as asked for.
    Protocol,
}

impl ErrorKind {
    /// What this machine lacks, where it and not the target is the cause.
    pub(crate) fn own_limit(self) -> Option<&'static str> {
        match self {
            Self::OpenFiles => Some(
                "this process ran out of open files (each connection is one): raise the hard limit \
                 with `ulimit -Hn`, or lower --max-in-flight and --rate",
            ),
            Self::LocalPorts => Some(
                "this machine ran out of local ports towards the target: widen \
                 net.ipv4.ip_local_port_range, or keep connections open",
            ),
            _ => None,
        }
    }

    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::OpenFiles => "open_files",
            Self::LocalPorts => "local_ports",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
        }
    }
}

/// One finished request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it was due.
    pub due: Duration,
    /// When the generator acted on it: wrote its first byte, or began the connection it needs.
    pub sent: Duration,
    /// When its answer had been read, or when it was given up.
    pub done: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

impl Sample {
    /// From the schedule to the end: what a user would have waited.
    pub(crate) fn latency(&self) -> Duration {
        self.done.saturating_sub(self.due)
    }
}

/// One stage's share.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StageRecord {
    /// Requests of the schedule.
    pub scheduled: u64,
    /// Requests sent.
    pub sent: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Latency from the scheduled time.
    pub latency: Hist,
}

/// Everything recorded in the measured window, by one part of a run or by all of them together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Recording {
    /// Requests of the schedule that were due.
    pub scheduled: u64,
    /// Of these, sent.
    pub sent: u64,
    /// Of these, not sent because too many were in flight.
    pub dropped: u64,
    /// Requests before the measured window, counted and otherwise left out.
    pub warmup_requests: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Scheduled time to end, by status.
    #[serde(default)]
    pub latency_by_status: BTreeMap<u16, Hist>,
    /// The beginning of one answer's body for each status from 400.
    #[serde(default)]
    pub samples: BTreeMap<u16, String>,
    /// Requests without an answer, by cause.
    pub errors: BTreeMap<ErrorKind, u64>,
    /// Scheduled time to end, every request sent.
    pub latency: Hist,
    /// Scheduled time to end, answers below 400 only.
    pub latency_ok: Hist,
    /// First byte written to end.
    pub service: Hist,
    /// Scheduled time to first byte written: the generator's own lateness.
    pub send_lag: Hist,
    /// The measured window second by second.
    pub seconds: Vec<Second>,
    /// The measured window stage by stage.
    pub stages: Vec<StageRecord>,
    /// When the last request ended, since the start of the measured window, in seconds.
    pub last_done_s: f64,
    /// Connections opened.
    pub connections: u64,
    /// Bytes of answer bodies.
    pub body_bytes: u64,
}

impl Recording {
    /// Adds another part of the same run.
    pub fn merge(&mut self, other: &Self) {
        self.scheduled += other.scheduled;
        self.sent += other.sent;
        self.dropped += other.dropped;
        self.warmup_requests += other.warmup_requests;
        self.connections += other.connections;
        self.body_bytes += other.body_bytes;
        self.last_done_s = self.last_done_s.max(other.last_done_s);
        for (&status, &count) in &other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (&status, hist) in &other.latency_by_status {
            self.latency_by_status
                .entry(status)
                .or_default()
                .merge(hist);
        }
        for (&status, sample) in &other.samples {
            self.samples.entry(status).or_insert_with(|| sample.clone());
        }
        for (&kind, &count) in &other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        self.latency.merge(&other.latency);
        self.latency_ok.merge(&other.latency_ok);
        self.service.merge(&other.service);
        self.send_lag.merge(&other.send_lag);
        if self.seconds.len() < other.seconds.len() {
            self.seconds
                .resize_with(other.seconds.len(), Second::default);
        }
        for (mine, theirs) in self.seconds.iter_mut().zip(&other.seconds) {
            mine.merge(theirs);
        }
        if self.stages.len() < other.stages.len() {
            self.stages
                .resize_with(other.stages.len(), StageRecord::default);
        }
        for (mine, theirs) in self.stages.iter_mut().zip(&other.stages) {
            mine.scheduled += theirs.scheduled;
            mine.sent += theirs.sent;
            mine.errors += theirs.errors;
            mine.latency.merge(&theirs.latency);
        }
    }

    /// Answers of any status.
    pub fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Requests without an answer below 400.
    pub fn failed(&self) -> u64 {
        let refused = self.statuses.iter().filter(|(status, _)| **status >= 400);
        refused
            .map(|(_, count)| count)
            .chain(self.errors.values())
            .sum()
    }

    /// Requests that never left because of this machine's own limits, by the limit.
    pub(crate) fn own_limits(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.errors.iter();
        counts.filter_map(|(kind, count)| Some((kind.own_limit()?, *count)))
    }

    /// Failed requests over sent requests.
    pub fn error_rate(&self) -> f64 {
        if self.sent == 0 {
            0.0
        } else {
            self.failed() as f64 / self.sent as f64
        }
    }

    /// Answers per second, over the window or until the last answer, whichever ended later: a
    /// server that needs longer than the schedule was slower than the schedule.
    pub fn rate(&self, measured: Duration) -> f64 {
        let seconds = measured.as_secs_f64().max(self.last_done_s);
        if seconds > 0.0 {
            self.answered() as f64 / seconds
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests;
