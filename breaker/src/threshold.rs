//! Where too slow begins.

use crate::baseline::Baseline;
use crate::settings::{EvidenceSettings, KeyProfile};

/// The limits of one moment, microseconds. The threshold never passes the ceiling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Threshold {
    pub(crate) threshold_us: f64,
    pub(crate) ceiling_us: f64,
    /// The baseline is so near the deadline that it, not the deadline, sets the ceiling.
    pub(crate) ceiling_raised: bool,
}

/// `min(ceiling, max(floor, multiplier × baseline))`. The floor is what was promised: a step that
/// keeps the promise is nobody's business. The ceiling is absolute and holds without a baseline.
///
/// While the baseline is learned, its mean so far sets the ceiling's second term, and before the
/// first sample that term is as high as it can ever be: the deadline. A key that has always been
/// near its deadline is thus learned before it is judged by its P99. The rule of shares, which
/// looks at three quarters of the deadline, needs no baseline and holds all the while.
pub(crate) fn threshold(
    baseline: &Baseline,
    profile: &KeyProfile,
    settings: &EvidenceSettings,
) -> Threshold {
    let deadline_us = profile.deadline.as_secs_f64() * 1e6;
    let by_deadline = settings.ceiling_share * deadline_us;
    let by_baseline = baseline.provisional_us().map_or(deadline_us, |base| {
        deadline_us.min(settings.ceiling_headroom * base)
    });
    let ceiling_us = by_deadline.max(by_baseline);
    let floor_us = profile.slo.as_secs_f64() * 1e6;
    let threshold_us = baseline
        .p99_us()
        .map_or(ceiling_us, |base| floor_us.max(settings.multiplier * base))
        .min(ceiling_us);
    Threshold {
        threshold_us,
        ceiling_us,
        ceiling_raised: baseline.provisional_us().is_some() && by_baseline > by_deadline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn at(baseline_us: Option<f64>, deadline_ms: u64, slo_ms: u64) -> Threshold {
        let known = baseline_us.map(|us| Duration::from_secs_f64(us / 1e6));
        of(&Baseline::new(known), deadline_ms, slo_ms)
    }

    fn of(baseline: &Baseline, deadline_ms: u64, slo_ms: u64) -> Threshold {
        let profile = KeyProfile {
            deadline: Duration::from_millis(deadline_ms),
            slo: Duration::from_millis(slo_ms),
            release_p99: None,
        };
        threshold(baseline, &profile, &EvidenceSettings::default())
    }

    #[test]
    fn relative_between_floor_and_ceiling() {
        assert_eq!(at(Some(5_000.0), 800, 11).threshold_us, 11_000.0);
        assert_eq!(at(Some(20_000.0), 800, 11).threshold_us, 28_000.0);
        assert_eq!(at(Some(500_000.0), 800, 11).threshold_us, 600_000.0);
    }

    #[test]
    fn only_the_ceiling_without_a_baseline_and_the_deadline_before_the_first_sample() {
        let unknown = at(None, 800, 11);
        assert_eq!(
            (unknown.threshold_us, unknown.ceiling_raised),
            (800_000.0, false)
        );
        let mut learning = Baseline::new(None);
        learning.observe(20_000.0, &EvidenceSettings::default());
        assert_eq!(of(&learning, 800, 11).threshold_us, 600_000.0);
        let mut near = Baseline::new(None);
        near.observe(600_000.0, &EvidenceSettings::default());
        assert_eq!(of(&near, 800, 11).threshold_us, 720_000.0);
    }

    #[test]
    fn a_baseline_near_the_deadline_raises_the_ceiling_up_to_it() {
        let near = at(Some(600_000.0), 800, 11);
        assert_eq!((near.ceiling_us, near.ceiling_raised), (720_000.0, true));
        assert_eq!(at(Some(790_000.0), 800, 11).ceiling_us, 800_000.0);
    }

    proptest! {
        #[test]
        fn never_above_the_ceiling(
            baseline in prop::option::of(0.0..1e7f64), deadline in 1u64..5_000, slo in 1u64..5_000,
        ) {
            let t = at(baseline, deadline, slo);
            prop_assert!(t.threshold_us <= t.ceiling_us);
            prop_assert!(t.ceiling_us <= deadline as f64 * 1e3 * (1.0 + 1e-9));
        }
    }
}
