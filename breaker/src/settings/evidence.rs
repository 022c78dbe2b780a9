//! Settings of the `evidence` preset.

use super::Checks;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvidenceSettings {
    /// Length of a slot and time between two samples.
    #[serde(with = "common::span")]
    pub slot: Duration,
    /// Slots of the fast window, judged wherever it holds enough.
    pub fast_slots: usize,
    /// Slots of the slow window, judged otherwise.
    pub slow_slots: usize,

    /// Requests that the judged window must hold before P99 is looked at.
    pub min_samples: u64,
    /// From here on the bound is taken at `confidence_alpha`, below at `sparse_alpha`.
    pub ample_samples: u64,
    pub confidence_alpha: f64,
    pub sparse_alpha: f64,

    /// Dispersion of the counts above the baseline before anything is learned, and its weight in
    /// samples.
    pub dispersion_prior: f64,
    pub dispersion_weight: f64,
    /// Samples held back before they are learned, so that a fault cannot excuse itself.
    pub dispersion_lag: usize,

    /// Relative threshold: this many times the baseline.
    pub multiplier: f64,
    /// Share of the deadline that P99 may not pass.
    pub ceiling_share: f64,
    /// Where the baseline itself comes near the ceiling: this many times the baseline, up to the
    /// deadline.
    pub ceiling_headroom: f64,
    /// Samples over the threshold, of the last `votes_of`, that trip.
    pub votes: u32,
    pub votes_of: u32,

    /// Share of requests over `ceiling_share` of the deadline, and the requests needed to say so.
    pub deadline_miss_share: f64,
    pub deadline_miss_min: u64,
    /// Share of failures that must be proven, the requests needed, and the error allowed.
    pub failure_share: f64,
    pub failure_min: u64,
    pub failure_alpha: f64,
    /// Consecutive failures, the time they must span, and the batches where those are known.
    pub consecutive_failures: u32,
    #[serde(with = "common::span")]
    pub consecutive_span: Duration,
    pub consecutive_batches: u32,
    /// Below this many requests in the slow window only consecutive failures and slow calls count.
    pub sparse_traffic: u64,
    /// Slow calls: this many of the last `slow_calls_of` over the ceiling.
    pub slow_calls: u32,
    pub slow_calls_of: u32,

    /// Samples whose mean is the first baseline.
    pub learning_samples: u32,
    pub alpha_up: f64,
    pub alpha_down: f64,
    /// The most the baseline may rise in a minute, as a share of itself.
    pub rise_per_minute: f64,
    /// Cleanness: the bound stays under this share of the ceiling and failures under that share.
    pub clean_ceiling_share: f64,
    pub clean_failure_share: f64,

    #[serde(with = "common::span")]
    pub open_min: Duration,
    #[serde(with = "common::span")]
    pub open_max: Duration,
    pub open_jitter: f64,
    /// Healthy time that takes one doubling back, and within which soft verdicts belong together.
    #[serde(with = "common::span")]
    pub healthy_time: Duration,
    /// Consecutive soft verdicts after which the baseline is learned anew.
    pub soft_verdicts: u32,

    pub probe_share: f64,
    pub probe_rate_per_s: f64,
    pub probes: u32,
    #[serde(with = "common::span")]
    pub probe_time: Duration,
    pub probe_concurrency: u32,
    /// Bad probes from which a verdict may come early.
    pub probe_early: u32,
    pub probe_alpha: f64,
    /// Tolerated shares: of failures (at least), and of probes over the threshold.
    pub probe_failure_share: f64,
    pub probe_slow_share: f64,

    /// Shares of the ramp, in percent, rising.
    pub ramp_percent: Vec<u32>,
    #[serde(with = "common::span")]
    pub ramp_step: Duration,
    /// Failed steps after which it opens instead of stepping back once more.
    pub ramp_failures: u32,
}

impl Default for EvidenceSettings {
    fn default() -> Self {
        Self {
            slot: Duration::from_secs(5),
            fast_slots: 3,
            slow_slots: 12,
            min_samples: 300,
            ample_samples: 1000,
            confidence_alpha: 0.05,
            sparse_alpha: 0.001,
            dispersion_prior: 4.0,
            dispersion_weight: 12.0,
            dispersion_lag: 6,
            multiplier: 1.4,
            ceiling_share: 0.75,
            ceiling_headroom: 1.2,
            votes: 2,
            votes_of: 3,
            deadline_miss_share: 0.05,
            deadline_miss_min: 100,
            failure_share: 0.10,
            failure_min: 50,
            failure_alpha: 0.01,
            consecutive_failures: 7,
            consecutive_span: Duration::from_secs(1),
            consecutive_batches: 3,
            sparse_traffic: 100,
            slow_calls: 5,
            slow_calls_of: 10,
            learning_samples: 12,
            alpha_up: 0.02,
            alpha_down: 0.05,
            rise_per_minute: 0.05,
            clean_ceiling_share: 0.8,
            clean_failure_share: 0.05,
            open_min: Duration::from_secs(30),
            open_max: Duration::from_secs(300),
            open_jitter: 0.2,
            healthy_time: Duration::from_secs(600),
            soft_verdicts: 3,
            probe_share: 0.05,
            probe_rate_per_s: 1.0,
            probes: 30,
            probe_time: Duration::from_secs(30),
            probe_concurrency: 10,
            probe_early: 2,
            probe_alpha: 0.05,
            probe_failure_share: 0.005,
            probe_slow_share: 0.01,
            ramp_percent: vec![5, 10, 25, 50],
            ramp_step: Duration::from_secs(5),
            ramp_failures: 3,
        }
    }
}

impl EvidenceSettings {
    /// The longest time between two probes while requests keep coming.
    pub(crate) fn probe_interval(&self) -> Duration {
        let wanted = f64::from(self.probes) / self.probe_time.as_secs_f64();
        Duration::from_secs_f64(1.0 / wanted.max(self.probe_rate_per_s))
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        checks.duration(self.slot, "evidence.slot");
        checks.require(
            (1..=120).contains(&self.slow_slots) && self.fast_slots > 0,
            "evidence.slow_slots",
            "between 1 and 120",
        );
        checks.require(
            self.fast_slots <= self.slow_slots,
            "evidence.fast_slots",
            "at most slow_slots",
        );
        self.check_shares(checks);
        self.check_rules(checks);
        self.check_recovery(checks);
    }

    fn check_shares(&self, checks: &mut Checks) {
        checks.share(self.confidence_alpha, "evidence.confidence_alpha");
        checks.share(self.sparse_alpha, "evidence.sparse_alpha");
        checks.share(self.ceiling_share, "evidence.ceiling_share");
        checks.share(self.deadline_miss_share, "evidence.deadline_miss_share");
        checks.share(self.failure_share, "evidence.failure_share");
        checks.share(self.failure_alpha, "evidence.failure_alpha");
        checks.share(self.alpha_up, "evidence.alpha_up");
        checks.share(self.alpha_down, "evidence.alpha_down");
        checks.share(self.clean_ceiling_share, "evidence.clean_ceiling_share");
        checks.share(self.clean_failure_share, "evidence.clean_failure_share");
        checks.share(self.open_jitter, "evidence.open_jitter");
        checks.share(self.probe_share, "evidence.probe_share");
        checks.share(self.probe_alpha, "evidence.probe_alpha");
        checks.share(self.probe_failure_share, "evidence.probe_failure_share");
        checks.share(self.probe_slow_share, "evidence.probe_slow_share");
    }

    fn check_rules(&self, checks: &mut Checks) {
        checks.require(self.min_samples > 0, "evidence.min_samples", "at least 1");
        checks.require(self.multiplier > 1.0, "evidence.multiplier", "above 1");
        checks.require(
            self.ceiling_headroom > 1.0,
            "evidence.ceiling_headroom",
            "above 1",
        );
        checks.require(
            self.dispersion_prior >= 1.0,
            "evidence.dispersion_prior",
            "at least 1",
        );
        checks.require(
            self.dispersion_weight > 0.0,
            "evidence.dispersion_weight",
            "above 0",
        );
        checks.require(
            self.dispersion_lag <= 64,
            "evidence.dispersion_lag",
            "at most 64",
        );
        checks.require(
            self.votes > 0 && self.votes <= self.votes_of && self.votes_of <= 32,
            "evidence.votes",
            "between 1 and votes_of, which is at most 32",
        );
        checks.require(
            self.slow_calls > 0
                && self.slow_calls <= self.slow_calls_of
                && self.slow_calls_of <= 32,
            "evidence.slow_calls",
            "between 1 and slow_calls_of, which is at most 32",
        );
        checks.require(
            self.consecutive_failures > 0,
            "evidence.consecutive_failures",
            "at least 1",
        );
        checks.require(
            self.consecutive_batches <= 8,
            "evidence.consecutive_batches",
            "at most 8",
        );
        checks.require(
            self.learning_samples > 0,
            "evidence.learning_samples",
            "at least 1",
        );
        checks.require(
            self.rise_per_minute > 0.0,
            "evidence.rise_per_minute",
            "above 0",
        );
    }

    fn check_recovery(&self, checks: &mut Checks) {
        checks.duration(self.open_min, "evidence.open_min");
        checks.require(
            self.open_max >= self.open_min,
            "evidence.open_max",
            "at least open_min",
        );
        checks.duration(self.healthy_time, "evidence.healthy_time");
        checks.require(
            self.soft_verdicts > 0,
            "evidence.soft_verdicts",
            "at least 1",
        );
        checks.require(
            self.probe_rate_per_s > 0.0,
            "evidence.probe_rate_per_s",
            "above 0",
        );
        checks.require(self.probes > 0, "evidence.probes", "at least 1");
        checks.duration(self.probe_time, "evidence.probe_time");
        checks.require(
            self.probe_concurrency > 0,
            "evidence.probe_concurrency",
            "at least 1",
        );
        let rising = self.ramp_percent.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = self
            .ramp_percent
            .iter()
            .all(|percent| (1..100).contains(percent));
        checks.require(
            rising && inside && !self.ramp_percent.is_empty(),
            "evidence.ramp_percent",
            "a rising list of percentages between 1 and 99",
        );
        checks.duration(self.ramp_step, "evidence.ramp_step");
    }
}
