//! What one arm of a split has done in the step at hand.

use crate::outcome::Report;
use crate::sketch::{Scale, Sketch, nth_largest_us};
use std::time::Duration;

/// Latencies below this are all the same to a judge of P99.
const FLOOR: Duration = Duration::from_micros(20);

/// Counts and latencies of one arm.
#[derive(Debug, Clone)]
pub(super) struct Arm {
    deadline: Duration,
    latencies: Sketch,
    requests: u64,
    failures: u64,
    not_finite: u64,
}

impl Arm {
    pub(super) fn new(deadline: Duration) -> Self {
        Self {
            deadline,
            latencies: Sketch::new(Scale::new(FLOOR, deadline * 2)),
            requests: 0,
            failures: 0,
            not_finite: 0,
        }
    }

    /// Takes what became of a request; what is no evidence to a breaker is none here.
    pub(super) fn record(&mut self, report: &Report) {
        let Some(evidence) = report.evidence(self.deadline) else {
            return;
        };
        self.requests += 1;
        self.failures += u64::from(evidence.failed);
        if let Some(latency) = evidence.latency {
            self.latencies.record(latency);
        }
    }

    /// An output held a value that is no number, or an infinite one.
    pub(super) fn record_not_finite(&mut self) {
        self.not_finite += 1;
    }

    pub(super) fn has_not_finite(&self) -> bool {
        self.not_finite > 0
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.deadline);
    }

    /// Requests that say something about the model.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures
    }

    pub(super) fn failure_share(&self) -> f64 {
        self.failures as f64 / self.requests.max(1) as f64
    }

    /// Requests whose latency is known.
    pub(super) fn timed(&self) -> u64 {
        self.latencies.total()
    }

    /// The point estimate of P99, microseconds.
    pub(super) fn p99_us(&self) -> Option<f64> {
        let rank = self.timed() / 100 + 1;
        nth_largest_us(std::iter::once(&self.latencies), rank).filter(|_| self.timed() > 0)
    }

    pub(super) fn count_above(&self, us: f64) -> f64 {
        self.latencies.count_above(us)
    }
}
