//! A latency sketch with a bounded relative value error.
//!
//! Log-linear buckets (64 to an octave, the layout of HDR histograms at two digits): a bucket spans
//! at most 1/64 of its lower edge, so its midpoint is within 0.8 % of every value inside. Values
//! outside the scale fall into its first or last bucket: below the scale no decision depends on the
//! value, above it every value is equally late. Sketches of one scale are merged as they are read: a window is the sum of its slots.

use crate::settings::KeyProfile;
use std::time::Duration;

const SUB_BUCKETS: u64 = 64;
const SUB_BITS: u32 = SUB_BUCKETS.trailing_zeros();

/// The range of latencies told apart. Owned by a key; every sketch of the key shares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    base: usize,
    len: usize,
}

impl Scale {
    /// Resolves latencies from `bottom` to `top` and clamps what lies outside.
    pub(crate) fn new(bottom: Duration, top: Duration) -> Self {
        let base = global_index(as_micros(bottom));
        let last = global_index(as_micros(top.max(bottom)));
        Self {
            base,
            len: last - base + 1,
        }
    }

    /// The latencies that a key's sketches tell apart: from a sixteenth of the promise, or a
    /// thousandth of the deadline where that is less, to twice the deadline. No decision needs
    /// values beyond.
    pub(crate) fn of(profile: &KeyProfile) -> Self {
        let bottom = (profile.slo / 16).min(profile.deadline / 1_000);
        Self::new(bottom, profile.deadline * 2)
    }

    /// Whether a value lies inside the scale; one in its first bucket is only known to be below it.
    pub(crate) fn resolves(self, value_us: f64) -> bool {
        value_us >= self.lower_us(1)
    }

    fn index(self, latency: Duration) -> usize {
        global_index(as_micros(latency))
            .saturating_sub(self.base)
            .min(self.len - 1)
    }

    fn midpoint_us(self, index: usize) -> f64 {
        (self.lower_us(index) + self.lower_us(index + 1)) / 2.0
    }

    fn lower_us(self, index: usize) -> f64 {
        let global = (self.base + index) as u64;
        if global < SUB_BUCKETS {
            return global as f64;
        }
        let exponent = (global >> SUB_BITS) - 1;
        ((SUB_BUCKETS + (global & (SUB_BUCKETS - 1))) as f64) * (1u64 << exponent) as f64
    }

    /// The bucket of `value_us` and the share of that bucket which lies above the value.
    fn split(self, value_us: f64) -> (usize, f64) {
        let index = self.index(Duration::from_nanos((value_us * 1e3) as u64));
        let (low, high) = (self.lower_us(index), self.lower_us(index + 1));
        (index, ((high - value_us) / (high - low)).clamp(0.0, 1.0))
    }
}

fn as_micros(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)
}

fn global_index(us: u64) -> usize {
    if us < SUB_BUCKETS {
        return us as usize;
    }
    let exponent = us.ilog2() - SUB_BITS;
    let within = (us >> exponent) & (SUB_BUCKETS - 1);
    (u64::from(exponent + 1) * SUB_BUCKETS + within) as usize
}

/// Counts of latencies on one [`Scale`]. Allocates on its first record.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    scale: Scale,
    counts: Vec<u32>,
    total: u64,
    highest: usize,
}

impl Sketch {
    pub(crate) fn new(scale: Scale) -> Self {
        Self {
            scale,
            counts: Vec::new(),
            total: 0,
            highest: 0,
        }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        if self.counts.is_empty() {
            self.counts = vec![0; self.scale.len];
        }
        let index = self.scale.index(latency);
        self.counts[index] = self.counts[index].saturating_add(1);
        self.highest = self.highest.max(index);
        self.total += 1;
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Empties the sketch and keeps its memory.
    pub(crate) fn clear(&mut self) {
        if self.total > 0 {
            self.counts.fill(0);
            self.total = 0;
            self.highest = 0;
        }
    }

    fn count(&self, index: usize) -> u64 {
        self.counts.get(index).map_or(0, |&n| u64::from(n))
    }

    /// How many values lie above `value_us`; the bucket that holds it counts in proportion.
    pub(crate) fn count_above(&self, value_us: f64) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        let (index, share) = self.scale.split(value_us);
        let whole: u64 = (index + 1..=self.highest).map(|i| self.count(i)).sum();
        whole as f64 + share * self.count(index) as f64
    }
}

/// The `rank`-th largest value (1 = the largest) of several sketches taken together, in
/// microseconds. Walks from the top, so a high quantile costs only the buckets of the tail.
pub(crate) fn nth_largest_us<'a>(
    sketches: impl Iterator<Item = &'a Sketch> + Clone,
    rank: u64,
) -> Option<f64> {
    let first = sketches.clone().next()?;
    let highest = sketches.clone().map(|s| s.highest).max()?;
    let mut seen = 0;
    for index in (0..=highest).rev() {
        seen += sketches.clone().map(|s| s.count(index)).sum::<u64>();
        if rank > 0 && seen >= rank {
            return Some(first.scale.midpoint_us(index));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scale() -> Scale {
        Scale::new(Duration::from_micros(1), Duration::from_secs(100))
    }

    #[test]
    fn an_empty_sketch_has_no_order_statistic() {
        assert_eq!(nth_largest_us([Sketch::new(scale())].iter(), 1), None);
    }

    #[test]
    fn values_outside_the_scale_are_clamped_to_its_ends() {
        let narrow = Scale::new(Duration::from_millis(1), Duration::from_millis(10));
        let mut sketch = Sketch::new(narrow);
        sketch.record(Duration::from_nanos(1));
        sketch.record(Duration::from_secs(3600));
        let low = nth_largest_us([&sketch].into_iter(), 2).unwrap();
        let high = nth_largest_us([&sketch].into_iter(), 1).unwrap();
        assert!((900.0..1_100.0).contains(&low), "{low}");
        assert!((9_900.0..10_200.0).contains(&high), "{high}");
    }

    proptest! {
        #[test]
        fn order_statistics_stay_within_one_percent_of_the_sorted_values(
            values in prop::collection::vec(1u64..50_000_000, 1..400),
            pick in 0.0..1.0f64,
        ) {
            let mut parts = vec![Sketch::new(scale()); 3];
            for (i, &us) in values.iter().enumerate() {
                parts[i % 3].record(Duration::from_micros(us));
            }
            let mut sorted = values;
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            let rank = 1 + (pick * sorted.len() as f64) as usize;
            let exact = sorted[rank - 1] as f64;
            let estimate = nth_largest_us(parts.iter(), rank as u64).unwrap();
            prop_assert!((estimate - exact).abs() <= 0.01 * exact + 0.5, "{estimate} {exact}");
        }

        #[test]
        fn counting_above_a_value_is_off_by_at_most_its_own_bucket(
            values in prop::collection::vec(1_000u64..1_000_000, 1..400),
            at in 1_000u64..1_000_000,
        ) {
            let mut sketch = Sketch::new(scale());
            values.iter().for_each(|&us| sketch.record(Duration::from_micros(us)));
            let over = |limit: f64| values.iter().filter(|&&us| us as f64 > limit).count() as f64;
            let counted = sketch.count_above(at as f64);
            prop_assert!(counted >= over(at as f64 * 1.016) && counted <= over(at as f64 / 1.016));
        }
    }
}
