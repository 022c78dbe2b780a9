//! One case of the floor comparison.

use serde::Serialize;

use crate::{cases::Case, cost::Cost, spread::Spread};

/// A case over all rounds.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The case.
    #[serde(flatten)]
    pub case: Case,
    /// Processor time of the process.
    pub cpu_us: Spread,
    /// Of it inside `session.run`.
    pub floor_us: Spread,
    /// The same, round by round.
    #[serde(skip)]
    pub floors_us: Vec<f64>,
    /// The difference, taken in each round.
    pub overhead_us: Spread,
    /// Process over floor.
    pub ratio: Spread,
    /// Answers a second.
    pub rate_per_s: Spread,
    /// Median latency.
    pub p50_us: Spread,
    /// 99th percentile.
    pub p99_us: Spread,
    /// Rows of a mean run.
    pub rows_per_run: f64,
    /// Requests of a mean run.
    pub requests_per_run: f64,
    /// Resident memory.
    pub resident_mib: f64,
}

impl Row {
    /// The case over the costs of its rounds; none where a figure is missing.
    pub(crate) fn of(case: Case, costs: &[Cost]) -> Option<Self> {
        let spread = |of: &dyn Fn(&Cost) -> f64| Spread::of(costs.iter().map(of));
        let median = |of: &dyn Fn(&Cost) -> f64| spread(of).map(|spread| spread.median);
        Some(Self {
            case,
            cpu_us: spread(&|c| c.cpu_us)?,
            floor_us: spread(&|c| c.floor_us)?,
            floors_us: costs.iter().map(|c| c.floor_us).collect(),
            overhead_us: spread(&Cost::overhead_us)?,
            ratio: spread(&|c| c.cpu_us / c.floor_us)?,
            rate_per_s: spread(&|c| c.rate_per_s)?,
            p50_us: spread(&|c| c.p50_us)?,
            p99_us: spread(&|c| c.p99_us)?,
            rows_per_run: median(&|c| c.rows_per_run)?,
            requests_per_run: median(&|c| c.requests_per_run)?,
            resident_mib: median(&|c| c.resident_bytes)? / f64::from(1 << 20),
        })
    }
}
