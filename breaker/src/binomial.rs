//! Exact binomial tails: how surprising a count is.
//!
//! Every verdict of the breaker is one of these: is this many slow or failed requests more than
//! chance allows at the rate that is tolerated?

/// `P(X ≥ k)` for `X ~ Binomial(n, p)`.
pub(crate) fn tail(n: u64, p: f64, k: u64) -> f64 {
    if k == 0 || p >= 1.0 {
        return if k <= n { 1.0 } else { 0.0 };
    }
    if k > n || p <= 0.0 {
        return 0.0;
    }
    // Sum on the side away from the mean: the terms fall fast there and nothing cancels.
    if (k as f64) > n as f64 * p {
        sum_terms(n, p, k..=n)
    } else {
        1.0 - sum_terms_downward(n, p, k - 1)
    }
}

/// The smallest count `k` with `P(X ≥ k) ≤ alpha`; more than `n` where no count is that rare.
pub(crate) fn critical_count(n: u64, p: f64, alpha: f64) -> u64 {
    let mut k = (n as f64 * p).ceil() as u64;
    let mut upper = tail(n, p, k);
    while upper > alpha && k <= n {
        upper -= probability(n, p, k);
        k += 1;
    }
    k
}

/// Whether `hits` of `n` prove, at confidence `1 - alpha`, a share above `p`.
pub(crate) fn exceeds(n: u64, hits: u64, p: f64, alpha: f64) -> bool {
    hits > 0 && tail(n, p, hits) <= alpha
}

fn probability(n: u64, p: f64, k: u64) -> f64 {
    let (n, k) = (n as f64, k as f64);
    let choose = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    (choose + k * p.ln() + (n - k) * (-p).ln_1p()).exp()
}

fn sum_terms(n: u64, p: f64, ks: std::ops::RangeInclusive<u64>) -> f64 {
    let odds = p / (1.0 - p);
    let mut term = probability(n, p, *ks.start());
    let mut sum = 0.0;
    for k in ks {
        sum += term;
        term *= (n - k) as f64 / (k + 1) as f64 * odds;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

fn sum_terms_downward(n: u64, p: f64, from: u64) -> f64 {
    let odds = (1.0 - p) / p;
    let mut term = probability(n, p, from);
    let mut sum = 0.0;
    for k in (0..=from).rev() {
        sum += term;
        term *= k as f64 / (n - k + 1) as f64 * odds;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive_tail(n: u64, p: f64, k: u64) -> f64 {
        let mut pmf = vec![1.0];
        for _ in 0..n {
            let mut next = vec![0.0; pmf.len() + 1];
            for (i, mass) in pmf.iter().enumerate() {
                next[i] += mass * (1.0 - p);
                next[i + 1] += mass * p;
            }
            pmf = next;
        }
        pmf.iter().skip(k as usize).sum()
    }

    #[test]
    fn textbook_values() {
        assert!((tail(30, 0.01, 2) - 0.0361).abs() < 1e-4);
        assert!((tail(1500, 0.01, 15) - 0.5333).abs() < 2e-3);
        assert_eq!(critical_count(1500, 0.01, 0.05), 23);
        assert_eq!(tail(10, 0.5, 11), 0.0);
        assert_eq!(tail(10, 0.5, 0), 1.0);
    }

    #[test]
    fn a_million_requests_do_not_underflow() {
        let k = critical_count(1_000_000, 0.01, 0.05);
        assert!((10_160..10_170).contains(&k), "{k}");
    }

    #[test]
    fn no_hit_proves_nothing() {
        assert!(!exceeds(1_000, 0, 0.01, 0.05));
    }

    proptest! {
        #[test]
        fn agrees_with_adding_coins_one_by_one(n in 1u64..120, p in 0.001..0.999f64, k in 0u64..130) {
            prop_assert!((tail(n, p, k) - naive_tail(n, p, k)).abs() < 1e-9);
        }

        #[test]
        fn the_critical_count_is_the_smallest(n in 1u64..5_000, alpha in 0.0005..0.2f64) {
            let k = critical_count(n, 0.01, alpha);
            prop_assert!(tail(n, 0.01, k) <= alpha + 1e-12);
            prop_assert!(k == 0 || tail(n, 0.01, k - 1) > alpha - 1e-12);
        }
    }
}
