//! What an operator can see of one breaker.

use crate::transition::{Reason, State};
use serde::Serialize;

/// What a rule has learned and measured. Times in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Learned {
    pub threshold_us: Option<f64>,
    pub ceiling_us: Option<f64>,
    /// The baseline is so near the deadline that it sets the ceiling: the promise is in danger and
    /// the breaker has given way.
    pub ceiling_raised: bool,
    pub baseline_us: Option<f64>,
    pub p99_us: Option<f64>,
    /// What P99 is proven to be at least, at the last sample.
    pub p99_bound_us: Option<f64>,
    /// Requests in the slow window.
    pub samples: u64,
    pub dispersion: Option<f64>,
    pub background_failure_share: f64,
    pub cautious: bool,
}

/// One breaker at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakerSnapshot {
    /// `model:version:scene`, or `process`.
    pub key: String,
    pub state: State,
    pub era: u32,
    /// Share of the requests that is let in. For the process: 1, because its breaker turns nothing
    /// away; while it is not closed, `admitted_at_once` says what each key lets in.
    pub admitted_share: f64,
    /// Requests of one key in flight at most, while a widespread fault limits concurrency: of an
    /// open key, that many are let in although its share is 0.
    pub admitted_at_once: Option<u32>,
    /// Time until probing begins, while open and not forced.
    pub open_remaining_ms: Option<u64>,
    pub transitions: u64,
    pub last_reason: Option<Reason>,
    /// Reports of requests admitted in an earlier era, and not counted.
    pub late_reports: u64,
    #[serde(flatten)]
    pub learned: Learned,
}
