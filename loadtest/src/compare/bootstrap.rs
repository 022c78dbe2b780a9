//! Resampling whole blocks of a run.

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

use crate::record::Hist;

/// Fewer seconds than this say nothing about how much seconds differ.
pub(super) const MIN_BLOCKS: usize = 5;

/// One run as blocks of neighbouring requests: its seconds.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    whole: Hist,
    /// Each block's values: (place among all distinct values, count).
    blocks: Vec<Vec<(usize, u64)>>,
    /// Distinct values, microseconds, ascending.
    values: Vec<f64>,
}

impl Side {
    /// A run by its seconds; seconds without requests are left out.
    pub(crate) fn new(seconds: Vec<Hist>) -> Self {
        let mut whole = Hist::default();
        seconds.iter().for_each(|second| whole.merge(second));
        let values: Vec<f64> = whole.values().map(|(value, _)| value).collect();
        let place = |value: f64| values.partition_point(|known| *known < value);
        let blocks = seconds
            .iter()
            .filter(|second| !second.is_empty())
            .map(|second| {
                second
                    .values()
                    .map(|(value, count)| (place(value), count))
                    .collect()
            })
            .collect();
        Self {
            whole,
            blocks,
            values,
        }
    }

    /// The whole run.
    pub(crate) fn whole(&self) -> &Hist {
        &self.whole
    }

    /// Number of blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The run's own quantile in microseconds.
    pub(crate) fn quantile_us(&self, quantile: f64) -> f64 {
        self.whole.quantile_us(quantile)
    }

    /// The quantile of as many blocks drawn with replacement.
    fn resampled_us(&self, quantile: f64, counts: &mut Vec<u64>, rng: &mut ChaCha8Rng) -> f64 {
        counts.clear();
        counts.resize(self.values.len(), 0);
        let mut total = 0;
        for _ in 0..self.blocks.len() {
            for &(place, count) in &self.blocks[rng.random_range(0..self.blocks.len())] {
                counts[place] += count;
                total += count;
            }
        }
        let rank = (quantile * total as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        for (place, count) in counts.iter().enumerate() {
            below += count;
            if below >= rank {
                return self.values[place];
            }
        }
        self.whole.max_us()
    }
}

/// Standard deviation of the logarithm of `b`'s quantile over `a`'s, by resampling both.
pub(super) fn ratio_spread(a: &Side, b: &Side, quantile: f64, resamples: u32, seed: u64) -> f64 {
    if a.blocks.len().min(b.blocks.len()) < MIN_BLOCKS {
        return f64::INFINITY;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut counts = Vec::new();
    let ratios: Vec<f64> = (0..resamples.max(2))
        .map(|_| {
            let before = a.resampled_us(quantile, &mut counts, &mut rng);
            let after = b.resampled_us(quantile, &mut counts, &mut rng);
            (after / before).ln()
        })
        .collect();
    let n = ratios.len() as f64;
    let mean = ratios.iter().sum::<f64>() / n;
    (ratios
        .iter()
        .map(|ratio| (ratio - mean).powi(2))
        .sum::<f64>()
        / (n - 1.0))
        .sqrt()
}
