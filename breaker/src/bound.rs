//! What the tail proves: a lower confidence bound of P99.

use crate::binomial::critical_count;
use crate::settings::EvidenceSettings;
use crate::window::View;

const TAIL: f64 = 0.01;

/// The judged window's tail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TailEstimate {
    pub(crate) samples: u64,
    /// Point estimate of P99, microseconds.
    pub(crate) p99_us: f64,
    /// P99 is at least this, microseconds; zero where the samples prove nothing.
    pub(crate) bound_us: f64,
    /// Samples above the baseline, where there is one.
    pub(crate) above_baseline: Option<f64>,
}

/// Judges the fast window where it holds enough, else the slow one, else nothing.
pub(crate) fn estimate(
    fast: View<'_>,
    slow: View<'_>,
    inflation: f64,
    baseline_us: Option<f64>,
    settings: &EvidenceSettings,
) -> Option<TailEstimate> {
    let judged = [fast, slow]
        .into_iter()
        .find(|view| view.samples() >= settings.min_samples)?;
    let above_baseline = baseline_us.map(|base| judged.count_above(base));
    let samples = judged.samples();
    let bound_us = judged.nth_largest_us(rank_of_bound(samples, inflation, settings));
    Some(TailEstimate {
        samples,
        p99_us: judged.p99_us()?,
        bound_us: bound_us.unwrap_or(0.0),
        above_baseline,
    })
}

/// How many of `samples` values must lie at or above a value to prove that P99 is at least that
/// value. Were requests independent, more than the binomial's critical count in the last percent
/// would be too many to be chance; requests come in clumps, so the excess over the mean is
/// multiplied by `inflation`, the root of the learned dispersion.
fn rank_of_bound(samples: u64, inflation: f64, settings: &EvidenceSettings) -> u64 {
    let alpha = if samples >= settings.ample_samples {
        settings.confidence_alpha
    } else {
        settings.sparse_alpha
    };
    let mean = samples as f64 * TAIL;
    let excess = critical_count(samples, TAIL, alpha) as f64 - mean;
    (mean + inflation * excess).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clumped_requests_need_more_evidence() {
        let settings = EvidenceSettings::default();
        assert_eq!(rank_of_bound(1_500, 1.0, &settings), 23);
        assert_eq!(rank_of_bound(1_500, 2.0, &settings), 31);
    }

    #[test]
    fn few_samples_must_be_surer() {
        let settings = EvidenceSettings::default();
        let sparse = rank_of_bound(999, 1.0, &settings);
        let ample = rank_of_bound(1_000, 1.0, &settings);
        assert!(sparse > ample, "{sparse} {ample}");
    }
}
