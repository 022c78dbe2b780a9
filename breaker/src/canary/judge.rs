//! Is the canary as good as the version beside it?

use super::arm::Arm;
use super::sequential::Share;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// P99 is passed by this share of an arm's own requests.
const TAIL: f64 = 0.01;

/// When a canary is good enough, and when it is bad.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CanarySettings {
    /// Canary requests that a step needs before it can be promoted.
    pub min_samples: u64,
    /// Requests of each arm before P99 is compared at all.
    pub min_compared: u64,
    /// A step is promoted when the canary's P99 is proven to be below this times the stable one's.
    pub promote_ratio: f64,
    /// The canary is rolled back when its P99 is proven to be above this times the stable one's.
    pub rollback_ratio: f64,
    /// How much larger the canary's share of failures may be, as a share of its requests.
    pub error_delta: f64,
    /// Probability that a canary as good as the stable version is ever rolled back for its P99, and
    /// the same for its failures.
    pub alpha: f64,
    /// Share of the deadline that P99 may not pass.
    pub ceiling_share: f64,
    /// The ceiling where the stable version's P99 is itself near it: this many times that P99.
    pub ceiling_headroom: f64,
}

impl Default for CanarySettings {
    fn default() -> Self {
        Self {
            min_samples: 4_500,
            min_compared: 500,
            promote_ratio: 1.15,
            rollback_ratio: 1.25,
            error_delta: 0.001,
            alpha: 0.005,
            ceiling_share: 0.75,
            ceiling_headroom: 1.2,
        }
    }
}

/// Why a canary was taken back. The name is also the metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackReason {
    /// An output was NaN or infinite.
    NotFinite,
    /// The canary's own breaker opened.
    BreakerOpen,
    /// P99 is proven to be above the ceiling.
    P99OverCeiling,
    /// P99 is proven to be above the stable version's by the configured ratio.
    P99OverStable,
    /// Failures are proven to be more than the stable version's.
    MoreFailures,
    /// A step was held for as long as it may be.
    HeldTooLong,
    /// An operator asked for it.
    Operator,
}

impl RollbackReason {
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFinite => "not_finite",
            Self::BreakerOpen => "breaker_open",
            Self::P99OverCeiling => "p99_over_ceiling",
            Self::P99OverStable => "p99_over_stable",
            Self::MoreFailures => "more_failures",
            Self::HeldTooLong => "held_too_long",
            Self::Operator => "operator",
        }
    }
}

/// What the evidence says now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanaryVerdict {
    /// Proven bad.
    Bad(RollbackReason),
    /// Proven good enough for the next step.
    Good,
    /// Neither yet, for this reason.
    Open(&'static str),
}

/// Judges the step at hand. `steps` share `alpha`, so that it holds for the whole plan.
pub(super) fn judge(
    stable: &Arm,
    canary: &Arm,
    deadline: Duration,
    steps: usize,
    settings: &CanarySettings,
) -> CanaryVerdict {
    let alpha = settings.alpha / steps.max(1) as f64;
    if canary.has_not_finite() {
        return CanaryVerdict::Bad(RollbackReason::NotFinite);
    }
    if fails_more(stable, canary, alpha, settings) {
        return CanaryVerdict::Bad(RollbackReason::MoreFailures);
    }
    if is_over_ceiling(stable, canary, deadline, alpha, settings) {
        return CanaryVerdict::Bad(RollbackReason::P99OverCeiling);
    }
    if stable.timed().min(canary.timed()) < settings.min_compared {
        return CanaryVerdict::Open("too few requests to compare P99");
    }
    let Some(stable_p99_us) = stable.p99_us() else {
        return CanaryVerdict::Open("the stable version has no P99 yet");
    };
    let above = |ratio: f64| exceedance(stable, canary, ratio * stable_p99_us);
    if above(settings.rollback_ratio).is_above(TAIL, alpha) {
        return CanaryVerdict::Bad(RollbackReason::P99OverStable);
    }
    if canary.requests() < settings.min_samples {
        return CanaryVerdict::Open("fewer canary requests than min_samples");
    }
    if canary.failure_share() - stable.failure_share() >= settings.error_delta {
        return CanaryVerdict::Open("more failures than the stable version, not yet proven");
    }
    match above(settings.promote_ratio).is_below(TAIL, alpha) {
        true => CanaryVerdict::Good,
        false => CanaryVerdict::Open("P99 is not yet proven to be as good as the stable version's"),
    }
}

/// The share of the canary's requests above `us`, a value taken from the stable arm's requests.
fn exceedance(stable: &Arm, canary: &Arm, us: f64) -> Share {
    Share {
        requests: canary.timed() as f64,
        hits: canary.count_above(us),
    }
    .against_estimate(stable.timed() as f64)
}

fn is_over_ceiling(
    stable: &Arm,
    canary: &Arm,
    deadline: Duration,
    alpha: f64,
    settings: &CanarySettings,
) -> bool {
    let deadline_us = deadline.as_secs_f64() * 1e6;
    let by_stable = stable
        .p99_us()
        .map_or(0.0, |p99| deadline_us.min(settings.ceiling_headroom * p99));
    let ceiling_us = by_stable.max(settings.ceiling_share * deadline_us);
    let above = Share {
        requests: canary.timed() as f64,
        hits: canary.count_above(ceiling_us),
    };
    above.is_above(TAIL, alpha)
}

fn fails_more(stable: &Arm, canary: &Arm, alpha: f64, settings: &CanarySettings) -> bool {
    let failures = Share {
        requests: canary.requests() as f64,
        hits: canary.failures() as f64,
    };
    // Before the stable arm has answered anything its share is unknown, and nothing is proven.
    stable.requests() > 0
        && failures
            .against_estimate(stable.requests() as f64)
            .is_above(stable.failure_share() + settings.error_delta, alpha)
}
