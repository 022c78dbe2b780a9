//! How clumped the tail is: the learned dispersion of counts above the baseline.
//!
//! Were requests independent, the number of them above P99 in a window would vary like a binomial
//! count: variance over mean is 1. Garbage collection, batches and neighbours make it more. The
//! ratio is learned, starting from a cautious prior, and held back for some samples so that the
//! beginning of a fault cannot widen the tolerance for itself.
//!
//! The counts are those of the judged window, the very ones the bound is taken from: counts of
//! single slots miss what is correlated for longer than a slot (on correlated and on wandering
//! traffic they let through three times as many false trips, and detect nothing sooner).

use std::collections::VecDeque;

const TAIL: f64 = 0.01;

/// Samples after which older ones fade: an hour of 5 s slots.
const MEMORY: f64 = 720.0;

#[derive(Debug, Clone)]
pub(crate) struct Dispersion {
    prior: f64,
    prior_weight: f64,
    lag: usize,
    sum: f64,
    weight: f64,
    held_back: VecDeque<f64>,
}

impl Dispersion {
    pub(crate) fn new(prior: f64, prior_weight: f64, lag: usize) -> Self {
        let held_back = VecDeque::with_capacity(lag + 1);
        Self {
            prior,
            prior_weight,
            lag,
            sum: 0.0,
            weight: 0.0,
            held_back,
        }
    }

    /// A judged window of `samples` latencies of which `above` were over the baseline.
    pub(crate) fn observe(&mut self, samples: u64, above: f64) {
        if samples == 0 {
            return;
        }
        let mean = samples as f64 * TAIL;
        self.held_back
            .push_back((above - mean).powi(2) / (mean * (1.0 - TAIL)));
        if self.held_back.len() > self.lag
            && let Some(ripe) = self.held_back.pop_front()
        {
            if self.weight >= MEMORY {
                self.sum *= 1.0 - 1.0 / MEMORY;
                self.weight = MEMORY - 1.0;
            }
            self.sum += ripe;
            self.weight += 1.0;
        }
    }

    /// At least 1: requests that avoid one another are no reason to need less evidence.
    pub(crate) fn value(&self) -> f64 {
        let learned = self.prior * self.prior_weight + self.sum;
        (learned / (self.prior_weight + self.weight)).max(1.0)
    }

    /// Factor for the excess of a count over its mean.
    pub(crate) fn inflation(&self) -> f64 {
        self.value().sqrt()
    }

    /// Drops what is held back: it led up to a trip.
    pub(crate) fn discard_held_back(&mut self) {
        self.held_back.clear();
    }

    /// Back to the prior, for a new baseline.
    pub(crate) fn reset(&mut self) {
        self.held_back.clear();
        self.sum = 0.0;
        self.weight = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_at_the_prior_and_learns_late() {
        let mut dispersion = Dispersion::new(4.0, 12.0, 6);
        for _ in 0..6 {
            dispersion.observe(500, 5.0);
        }
        assert_eq!(dispersion.value(), 4.0);
        dispersion.observe(500, 5.0);
        assert!(dispersion.value() < 4.0);
    }

    #[test]
    fn clumps_raise_it_and_evenness_stops_at_one() {
        let mut even = Dispersion::new(4.0, 12.0, 6);
        let mut clumped = even.clone();
        for i in 0..5_000 {
            even.observe(500, 5.0);
            clumped.observe(500, if i % 10 == 0 { 50.0 } else { 0.0 });
        }
        assert_eq!(even.value(), 1.0);
        assert!(clumped.value() > 30.0, "{}", clumped.value());
    }

    #[test]
    fn what_led_up_to_a_trip_is_not_learned() {
        let mut dispersion = Dispersion::new(4.0, 12.0, 6);
        for _ in 0..6 {
            dispersion.observe(500, 400.0);
        }
        dispersion.discard_held_back();
        for _ in 0..7 {
            dispersion.observe(500, 5.0);
        }
        assert!(dispersion.value() < 4.0);
    }
}
