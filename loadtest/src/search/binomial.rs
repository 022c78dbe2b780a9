//! The binomial test behind early stopping.

/// P(X ≤ `successes`) for X of `trials` with probability `p` each.
pub(super) fn cdf(successes: u64, trials: u64, p: f64) -> f64 {
    if successes >= trials || p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    let odds = (p / (1.0 - p)).ln();
    let mut log_term = trials as f64 * (1.0 - p).ln();
    // Terms far below the largest underflow to zero, where they belong.
    let mut sum = log_term.exp();
    for k in 0..successes {
        log_term += ((trials - k) as f64 / (k + 1) as f64).ln() + odds;
        sum += log_term.exp();
    }
    sum.min(1.0)
}

/// True where so few misses would be seen with a probability of at most 1 − `confidence` if the
/// true share of misses were `share` or more: the objective holds.
pub(super) fn surely_holds(misses: u64, requests: u64, share: f64, confidence: f64) -> bool {
    requests > 0 && misses < requests && cdf(misses, requests, share) <= 1.0 - confidence
}

/// True where so many misses would be seen with a probability of at most 1 − `confidence` if the
/// true share of misses were `share` or less: the objective is missed.
pub(super) fn surely_misses(misses: u64, requests: u64, share: f64, confidence: f64) -> bool {
    misses > 0 && 1.0 - cdf(misses - 1, requests, share) <= 1.0 - confidence
}

/// Upper end of the one-sided Clopper–Pearson interval.
pub(super) fn share_upper_bound(misses: u64, requests: u64, confidence: f64) -> f64 {
    if misses >= requests {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if cdf(misses, requests, middle) > 1.0 - confidence {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest number of requests that shows P99 to hold with so many misses.
    fn least_requests(misses: u64) -> u64 {
        (misses + 1..)
            .find(|&n| surely_holds(misses, n, 0.01, 0.99))
            .expect("some number does")
    }

    #[test]
    fn misses_allowed_for_p99_are_those_of_the_literature() {
        let table = [(0, 459), (1, 662), (5, 1_307), (10, 2_010), (50, 6_898)];
        for (misses, requests) in table {
            assert_eq!(least_requests(misses), requests, "{misses} misses");
        }
    }

    #[test]
    fn the_distribution_sums_to_one_and_matches_small_cases() {
        assert!((cdf(1, 3, 0.5) - 0.5).abs() < 1e-12);
        assert!((cdf(0, 10, 0.1) - 0.9_f64.powi(10)).abs() < 1e-12);
        assert_eq!(cdf(10, 10, 0.3), 1.0);
        assert!((cdf(9_999, 10_000, 0.3) - 1.0).abs() < 1e-9);
        let tail = 1.0 - cdf(1_000_100, 100_000_000, 0.01);
        assert!((tail - 0.46).abs() < 0.01, "{tail}");
    }

    #[test]
    fn no_evidence_shows_nothing() {
        assert!(!surely_holds(0, 0, 0.01, 0.99));
        assert!(!surely_misses(0, 1_000, 0.01, 0.99));
        assert!(surely_misses(30, 1_000, 0.01, 0.99));
        assert!(!surely_misses(12, 1_000, 0.01, 0.99));
        assert!((share_upper_bound(0, 459, 0.99) - 0.00998).abs() < 1e-4);
    }
}
