//! What is claimed of the rules, as checks with a bar. Tests run them with little effort, the
//! detection table with all of it; both run the same code.

mod detection;
mod health;
mod recovery;

use crate::settings::{BreakerSettings, KeyProfile};
use std::time::Duration;

/// How much to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Seeds of a detection trial at 100 requests/s.
    pub seeds: u64,
    /// Days of healthy traffic for one key.
    pub key_days: f64,
    /// Seeds of a trial that is longer.
    pub long_seeds: u64,
}

impl Effort {
    /// Everything that the claims name.
    pub const FULL: Self = Self {
        seeds: 1_000,
        key_days: 30.0,
        long_seeds: 200,
    };
    /// A sample of it, for the tests of every day.
    pub const QUICK: Self = Self {
        seeds: 100,
        key_days: 1.0,
        long_seeds: 20,
    };
}

#[derive(Debug, Clone)]
pub struct Finding {
    pub measured: String,
    /// Whether the bar was held; true where there is none.
    pub holds: bool,
}

/// One line of the table.
pub struct Check {
    pub name: String,
    /// What must hold for `evidence`; `None` where it is only measured.
    pub bar: Option<&'static str>,
    measure: Box<dyn Fn(&BreakerSettings, Effort) -> Finding + Send + Sync>,
}

impl Check {
    fn new(
        name: impl Into<String>,
        bar: Option<&'static str>,
        measure: impl Fn(&BreakerSettings, Effort) -> Finding + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            bar,
            measure: Box::new(measure),
        }
    }

    pub fn measure(&self, settings: &BreakerSettings, effort: Effort) -> Finding {
        (self.measure)(settings, effort)
    }
}

/// Every check, in the order of the table.
pub fn all() -> Vec<Check> {
    let mut checks = detection::checks();
    checks.extend(recovery::checks());
    checks.extend(health::checks());
    checks
}

/// The key of every check: P99 of 30 ms at level 1, so that neither the promise of 11 ms nor the
/// ceiling of 600 ms is near.
const P99_MS: f64 = 30.0;

fn profile() -> KeyProfile {
    KeyProfile::default()
}

fn secs(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

/// Never ends.
const FOREVER_S: f64 = 1e12;
