//! Settings of the `classic` preset: the plain rule as it is most often written down.

use super::Checks;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whether a sample is compared with the average before or after it has moved the average.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    CompareThenUpdate,
    UpdateThenCompare,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassicSettings {
    #[serde(with = "common::span")]
    pub window: Duration,
    #[serde(with = "common::span")]
    pub interval: Duration,
    /// Weight of a new sample in the average.
    pub alpha: f64,
    pub multiplier: f64,
    /// Samples in a row over `multiplier` times the average.
    pub streak: u32,
    pub order: Order,
    /// Share of the requests let through while half-open.
    pub probe_share: f64,
    /// Probes to wait for.
    pub probes: u32,
    /// Share of them that must succeed.
    pub probe_success: f64,
    #[serde(with = "common::span")]
    pub open_time: Duration,
}

impl Default for ClassicSettings {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(60),
            interval: Duration::from_secs(5),
            alpha: 0.3,
            multiplier: 1.8,
            streak: 3,
            order: Order::CompareThenUpdate,
            probe_share: 0.05,
            probes: 20,
            probe_success: 0.995,
            open_time: Duration::from_secs(120),
        }
    }
}

impl ClassicSettings {
    pub(crate) fn slots(&self) -> usize {
        let slots = self.window.as_nanos() / self.interval.as_nanos().max(1);
        usize::try_from(slots).unwrap_or(usize::MAX).max(1)
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        checks.duration(self.window, "classic.window");
        checks.duration(self.interval, "classic.interval");
        checks.require(
            self.window.is_zero() || self.interval.is_zero() || (1..=120).contains(&self.slots()),
            "classic.interval",
            "between a 120th of the window and the window",
        );
        checks.share(self.alpha, "classic.alpha");
        checks.require(self.multiplier > 1.0, "classic.multiplier", "above 1");
        checks.require(self.streak > 0, "classic.streak", "at least 1");
        checks.share(self.probe_share, "classic.probe_share");
        checks.require(self.probes > 0, "classic.probes", "at least 1");
        let success = self.probe_success;
        checks.require(
            success > 0.0 && success <= 1.0,
            "classic.probe_success",
            "above 0 and at most 1",
        );
        checks.duration(self.open_time, "classic.open_time");
    }
}
