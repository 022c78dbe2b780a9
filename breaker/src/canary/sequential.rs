//! Tests that may be looked at as often as one likes.
//!
//! A test at a fixed confidence, repeated every few seconds, is wrong far more often than its
//! confidence says. These compare the likelihood of the counts under a mixture of shares with that
//! under the share in question; by Ville's inequality the ratio exceeds `1/alpha` *at any time* with
//! a probability of at most `alpha`.

use libm::lgamma;

/// Weight of the mixture, in requests: about where the first verdicts are due.
const PRIOR_REQUESTS: f64 = 4_000.0;

/// Hits among requests. Neither need be whole: where two samples are compared, or requests come in
/// clumps, they count as fewer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    pub(super) requests: f64,
    pub(super) hits: f64,
}

impl Share {
    /// The share of `ours` above a value that was itself estimated from `theirs` requests: weighs
    /// as much as this many requests against a known value.
    pub(super) fn against_estimate(self, theirs: f64) -> Self {
        let both = self.requests + theirs;
        if both <= 0.0 {
            return self;
        }
        self.thinned(both / theirs.max(f64::MIN_POSITIVE))
    }

    /// The same share from fewer requests.
    pub(super) fn thinned(self, by: f64) -> Self {
        let by = by.max(1.0);
        Self {
            requests: self.requests / by,
            hits: self.hits / by,
        }
    }

    fn value(self) -> f64 {
        match self.requests > 0.0 {
            true => self.hits / self.requests,
            false => 0.0,
        }
    }

    /// Whether the share is proven to be above `limit`.
    pub(super) fn is_above(self, limit: f64, alpha: f64) -> bool {
        self.value() > limit && self.log_evidence(limit) >= -alpha.ln()
    }

    /// Whether the share is proven to be below `limit`.
    pub(super) fn is_below(self, limit: f64, alpha: f64) -> bool {
        self.value() < limit && self.log_evidence(limit) >= -alpha.ln()
    }

    /// The logarithm of the likelihood ratio between a Beta mixture around `limit` and `limit`.
    fn log_evidence(self, limit: f64) -> f64 {
        let (hits, misses) = (self.hits, (self.requests - self.hits).max(0.0));
        let (a, b) = (limit * PRIOR_REQUESTS, (1.0 - limit) * PRIOR_REQUESTS);
        let log_beta = |a: f64, b: f64| lgamma(a) + lgamma(b) - lgamma(a + b);
        log_beta(a + hits, b + misses)
            - log_beta(a, b)
            - hits * limit.ln()
            - misses * (1.0 - limit).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    /// Runs that ever prove the share above, or below, the limit, of 1000; looked at 200 times.
    fn wrong(share: f64, limit: f64, alpha: f64) -> (usize, usize) {
        let mut wrong = (0, 0);
        for seed in 0..1_000 {
            let mut rng = StdRng::seed_from_u64(seed);
            let (mut above, mut below) = (false, false);
            let mut seen = Share {
                requests: 0.0,
                hits: 0.0,
            };
            for _ in 0..200 {
                for _ in 0..100 {
                    seen.requests += 1.0;
                    seen.hits += f64::from(u8::from(rng.random::<f64>() < share));
                }
                above |= seen.is_above(limit, alpha);
                below |= seen.is_below(limit, alpha);
            }
            wrong.0 += usize::from(above);
            wrong.1 += usize::from(below);
        }
        wrong
    }

    #[test]
    fn looking_two_hundred_times_is_wrong_no_more_often_than_alpha() {
        let (above, below) = wrong(0.01, 0.01, 0.05);
        assert!(above + below <= 50, "{above} + {below} of 1000");
    }

    #[test]
    fn what_differs_is_proven() {
        assert_eq!(wrong(0.02, 0.01, 0.01).0, 1_000);
        assert!(wrong(0.006, 0.01, 0.01).1 > 900);
    }

    #[test]
    fn a_sample_against_an_estimate_weighs_less() {
        let share = Share {
            requests: 1_000.0,
            hits: 20.0,
        };
        let weighed = share.against_estimate(1_000.0);
        assert_eq!((weighed.requests, weighed.hits), (500.0, 10.0));
        assert!(
            !Share {
                requests: 0.0,
                hits: 0.0
            }
            .is_above(0.01, 0.5)
        );
    }
}
