//! Decides from the requests seen so far whether a step may end: pure, no clock.
//!
//! Requests in a queue are not independent: when it is long, all of them miss. The design effect
//! is the variance of the mean miss over blocks of consecutive requests against what independent
//! requests would show. Where no request missed yet, the slowest twentieth stands in for the
//! misses, because it clumps the same way.

use super::{
    CONFIDENCE, Objective, Tally,
    binomial::{surely_holds, surely_misses},
};

/// Blocks that the design effect is measured over.
const BLOCKS: usize = 25;
/// Below this many requests a block says nothing.
const MIN_BLOCK: usize = 20;
/// Requests kept of one step; far beyond what a test needs, and 32 MB.
const MAX_KEPT: usize = 4_000_000;

/// What the requests seen so far say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// The objective holds, with 99 % confidence.
    Holds,
    /// It is missed, with 99 % confidence.
    Misses,
    /// More requests are needed.
    Open,
}

/// Collects one step's requests.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    objective: Objective,
    /// Latency in microseconds by place in the schedule; infinite for a failure.
    seen: Vec<f32>,
}

impl Judge {
    /// A judge who has seen nothing.
    pub(crate) fn new(objective: Objective) -> Self {
        Self {
            objective,
            seen: Vec::new(),
        }
    }

    /// Takes one request in the order of its end; a failure counts as infinitely late. Order of
    /// ending is near enough to order of arrival for measuring how misses clump.
    pub(crate) fn see(&mut self, latency_us: f64) {
        if self.seen.len() < MAX_KEPT {
            self.seen.push(latency_us as f32);
        }
    }

    /// Requests seen.
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Counts so far.
    pub(crate) fn tally(&self) -> Tally {
        let limit = self.objective.limit_us as f32;
        let misses = self.seen.iter().filter(|us| **us > limit).count();
        Tally {
            requests: self.seen.len() as u64,
            misses: misses as u64,
            design_effect: self.design_effect(misses),
        }
    }

    /// The binomial test on what the requests weigh.
    pub(crate) fn rule(&self) -> Ruling {
        let (requests, misses) = self.tally().effective();
        let share = self.objective.miss_share();
        if surely_holds(misses, requests, share, CONFIDENCE) {
            Ruling::Holds
        } else if surely_misses(misses, requests, share, CONFIDENCE) {
            Ruling::Misses
        } else {
            Ruling::Open
        }
    }

    fn design_effect(&self, misses: usize) -> f64 {
        let block = self.seen.len() / BLOCKS;
        if block < MIN_BLOCK {
            // Too few to measure: take each block's worth as one.
            return MIN_BLOCK as f64;
        }
        let enough = self.seen.len() / 20;
        let limit = if misses >= enough.min(BLOCKS * 4) {
            self.objective.limit_us as f32
        } else {
            slowest(&self.seen, enough)
        };
        clumping(&self.seen, limit, block)
    }
}

/// The latency that `count` requests exceed or reach.
fn slowest(seen: &[f32], count: usize) -> f32 {
    let mut sorted = seen.to_vec();
    let place = sorted.len() - count.max(1);
    *sorted.select_nth_unstable_by(place, f32::total_cmp).1
}

/// Variance of the blocks' mean against that of independent requests, at least 1.
fn clumping(seen: &[f32], limit: f32, block: usize) -> f64 {
    let means: Vec<f64> = seen
        .chunks_exact(block)
        .map(|block| block.iter().filter(|us| **us > limit).count() as f64 / block.len() as f64)
        .collect();
    let mean = means.iter().sum::<f64>() / means.len() as f64;
    let independent = mean * (1.0 - mean) / block as f64;
    if independent <= 0.0 {
        return 1.0;
    }
    let spread = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (means.len() - 1) as f64;
    (spread / independent).max(1.0)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    const OBJECTIVE: Objective = Objective {
        quantile: 0.99,
        limit_us: 1_000.0,
    };

    fn judge(latencies: impl IntoIterator<Item = f64>) -> Judge {
        let mut judge = Judge::new(OBJECTIVE);
        latencies.into_iter().for_each(|us| judge.see(us));
        judge
    }

    fn independent(count: usize, miss_share: f64, seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let draw = |_| {
            if rng.random::<f64>() < miss_share {
                2_000.0
            } else {
                rng.random()
            }
        };
        (0..count).map(draw).collect()
    }

    #[test]
    fn independent_requests_weigh_about_one_each() {
        let tally = judge(independent(50_000, 0.01, 1)).tally();
        assert!(
            (1.0..2.0).contains(&tally.design_effect),
            "{}",
            tally.design_effect
        );
    }

    #[test]
    fn clumps_of_misses_weigh_as_their_length() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let clumps = (0..2_000).flat_map(|_| {
            let us = if rng.random::<f64>() < 0.02 {
                2_000.0
            } else {
                10.0
            };
            std::iter::repeat_n(us, 50)
        });
        let effect = judge(clumps).tally().design_effect;
        assert!((20.0..100.0).contains(&effect), "{effect}");
    }

    #[test]
    fn clear_cases_are_ruled_and_close_ones_stay_open() {
        assert_eq!(judge(independent(5_000, 0.0, 3)).rule(), Ruling::Holds);
        assert_eq!(judge(independent(5_000, 0.05, 4)).rule(), Ruling::Misses);
        assert_eq!(judge(independent(3_000, 0.01, 5)).rule(), Ruling::Open);
        assert_eq!(judge([]).rule(), Ruling::Open);
    }

    #[test]
    fn failures_are_misses() {
        assert_eq!(judge(vec![f64::INFINITY; 2_000]).rule(), Ruling::Misses);
    }

    #[test]
    fn wrong_rulings_are_rare_at_the_objective_itself() {
        let ruled = (0..200)
            .filter(|&seed| judge(independent(4_000, 0.01, 1_000 + seed)).rule() != Ruling::Open);
        // Two one-sided tests at 99 %: 4 of 200 expected; 12 has a probability below 0.1 %.
        assert!(ruled.count() <= 12);
    }
}
