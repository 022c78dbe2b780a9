//! Is this build slower? Two reports, the difference of their quantiles, and how sure it is.
//!
//! Differences are ratios: of two runs whose P99s are 10 ms and 11 ms the second is 10 % slower.
//! The uncertainty comes from resampling whole seconds, because neighbouring requests share their
//! fate; from three pairs of interleaved runs on, also from how much the pairs differ among each
//! other, because two runs of one build differ by more than either of them shows inside.

mod bootstrap;
mod student;

use serde::{Deserialize, Serialize};

use crate::{record::Hist, report::Report};

pub(crate) use bootstrap::Side;

use bootstrap::{MIN_BLOCKS, ratio_spread};

/// The quantiles that are compared.
pub(crate) const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")];

/// From so many pairs on the difference among pairs counts.
const PAIRS_FOR_SPREAD: usize = 3;

/// How to compare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompareOptions {
    /// Probability of calling equal runs different, over all quantiles together.
    pub alpha: f64,
    /// Bootstrap resamples.
    pub resamples: u32,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            resamples: 1_000,
            seed: 1,
        }
    }
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Finding {
    /// The second is faster at one quantile at least and slower at none.
    Faster,
    /// The second is slower at one quantile at least.
    Slower,
    /// Neither was shown. That is not the same as equal: the intervals say how much may hide.
    NoDifferenceShown,
    /// A run was INVALID: what its generator did would be taken for the server's doing.
    NotComparable,
}

impl Finding {
    /// For people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::NoDifferenceShown => "no difference shown",
            Self::NotComparable => "not comparable: a run is INVALID",
        }
    }
}

/// One quantile's difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Difference {
    /// Its name.
    pub quantile: String,
    /// In the first report.
    pub before_us: f64,
    /// In the second.
    pub after_us: f64,
    /// Second over first, less 1; 0.1 is 10 % slower.
    pub change: f64,
    /// Lower end of its interval.
    pub change_low: f64,
    /// Upper end.
    pub change_high: f64,
}

/// A comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// The verdict.
    pub finding: Finding,
    /// Confidence of all intervals together.
    pub confidence: f64,
    /// Pairs of runs.
    pub pairs: usize,
    /// Quantile by quantile.
    pub differences: Vec<Difference>,
    /// What a reader should know before believing it.
    pub notes: Vec<String>,
}

/// Compares reports taken in pairs: first, second, first, second.
pub(crate) fn compare_reports(pairs: &[(Report, Report)], options: CompareOptions) -> Comparison {
    let side = |report: &Report| {
        Side::new(
            report
                .timeline
                .iter()
                .map(|row| row.cell.latency.unpack())
                .collect(),
        )
    };
    let sides: Vec<(Side, Side)> = pairs.iter().map(|(a, b)| (side(a), side(b))).collect();
    let mut comparison = compare(&sides, options);
    comparison.notes.extend(notes(pairs));
    if pairs.iter().any(|(a, b)| !a.valid || !b.valid) {
        comparison.finding = Finding::NotComparable;
    }
    comparison
}

/// Compares latency histograms second by second.
pub(crate) fn compare(pairs: &[(Side, Side)], options: CompareOptions) -> Comparison {
    // Shared out among the quantiles, so that all of them together keep the promise.
    let alpha = options.alpha / QUANTILES.len() as f64;
    let differences: Vec<Difference> = QUANTILES
        .iter()
        .map(|&(quantile, name)| difference(pairs, quantile, name, alpha, options))
        .collect();
    let finding = if differences.iter().any(|d| d.change_low > 0.0) {
        Finding::Slower
    } else if differences.iter().any(|d| d.change_high < 0.0) {
        Finding::Faster
    } else {
        Finding::NoDifferenceShown
    };
    let notes = Vec::new();
    Comparison {
        finding,
        confidence: 1.0 - options.alpha,
        pairs: pairs.len(),
        differences,
        notes,
    }
}

fn difference(
    pairs: &[(Side, Side)],
    quantile: f64,
    name: &str,
    alpha: f64,
    options: CompareOptions,
) -> Difference {
    let ratios: Vec<f64> = pairs
        .iter()
        .map(|(a, b)| (b.quantile_us(quantile) / a.quantile_us(quantile)).ln())
        .filter(|ratio| ratio.is_finite())
        .collect();
    let pooled = |pick: fn(&(Side, Side)) -> &Side| {
        let mut all = Hist::default();
        pairs.iter().for_each(|pair| all.merge(pick(pair).whole()));
        all.quantile_us(quantile)
    };
    let (before_us, after_us) = (pooled(|pair| &pair.0), pooled(|pair| &pair.1));
    if ratios.is_empty() {
        let quantile = name.to_owned();
        let (change_low, change_high) = (-1.0, f64::MAX);
        return Difference {
            quantile,
            before_us,
            after_us,
            change: 0.0,
            change_low,
            change_high,
        };
    }
    let n = ratios.len() as f64;
    let mean = ratios.iter().sum::<f64>() / n;
    let inside = inside_half_width(pairs, quantile, alpha, options);
    let among = (ratios.len() >= PAIRS_FOR_SPREAD).then(|| {
        let variance = ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
        student::quantile(1.0 - alpha / 2.0, n - 1.0) * (variance / n).sqrt()
    });
    let half = inside.max(among.unwrap_or(0.0));
    Difference {
        quantile: name.to_owned(),
        before_us,
        after_us,
        change: mean.exp_m1(),
        change_low: (mean - half).exp_m1(),
        change_high: (mean + half).exp_m1(),
    }
}

/// Half of the interval that the runs' own seconds give for the mean log ratio.
fn inside_half_width(
    pairs: &[(Side, Side)],
    quantile: f64,
    alpha: f64,
    options: CompareOptions,
) -> f64 {
    let (mut variance, mut least_blocks) = (0.0, usize::MAX);
    for (index, (a, b)) in pairs.iter().enumerate() {
        let seed = options.seed.wrapping_add(index as u64);
        variance += ratio_spread(a, b, quantile, options.resamples, seed).powi(2);
        least_blocks = least_blocks.min(a.blocks()).min(b.blocks());
    }
    // Few blocks know their own spread badly; Student's factor and n/(n−1) make up for it.
    let n = least_blocks.max(3) as f64;
    let deviation = variance.sqrt() / pairs.len() as f64 * (n / (n - 1.0)).sqrt();
    student::quantile(1.0 - alpha / 2.0, n - 1.0) * deviation
}

/// What a reader should know besides the verdict.
fn notes(pairs: &[(Report, Report)]) -> Vec<String> {
    let mut notes = Vec::new();
    for (number, (a, b)) in pairs.iter().enumerate() {
        let mut note = |text: String| notes.push(format!("pair {}: {text}", number + 1));
        for (report, which) in [(a, "first"), (b, "second")] {
            if !report.valid {
                note(format!(
                    "the {which} run is INVALID: {}",
                    report.invalid_reasons.join("; ")
                ));
            }
        }
        if a.duration_s.min(b.duration_s) < MIN_BLOCKS as f64 {
            note(format!(
                "too short to compare: {MIN_BLOCKS} s each are needed at least"
            ));
        }
        if a.machine.cpu != b.machine.cpu || a.machine.cores != b.machine.cores {
            note(format!(
                "different machines: {} × {} against {} × {}",
                a.machine.cores, a.machine.cpu, b.machine.cores, b.machine.cpu
            ));
        }
        if (a.offered_rate / b.offered_rate - 1.0).abs() > 0.05 {
            let (a, b) = (a.offered_rate, b.offered_rate);
            note(format!("different rates: {a:.1}/s against {b:.1}/s"));
        }
        if a.plan.workload != b.plan.workload {
            note("different requests were sent".to_owned());
        }
        if b.error_rate > a.error_rate + 0.001 {
            let (a, b) = (a.error_rate * 100.0, b.error_rate * 100.0);
            note(format!(
                "errors rose from {a:.3} % to {b:.3} %: fast failures flatter latency"
            ));
        }
    }
    if pairs.len() < PAIRS_FOR_SPREAD {
        notes.push(
            "one pair cannot tell a build from a mood of the machine; three or more interleaved \
             pairs can (compare a1.json b1.json a2.json b2.json a3.json b3.json)"
                .to_owned(),
        );
    }
    notes
}

#[cfg(test)]
mod tests;
