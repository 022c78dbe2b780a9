//! Refusing at once what would miss its deadline: estimated wait plus the 95th percentile of
//! execution against the time that remains.
//!
//! Only what was seen lately counts. Where nothing was, nothing is predicted: a model that was slow
//! a while ago must get the chance to show that it no longer is.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Runs kept.
const MAX_RUNS: usize = 128;
/// Runs needed before anything is predicted.
const MIN_RUNS: usize = 20;
/// How long a run counts.
const FRESH: Duration = Duration::from_secs(2);
/// Runs after which the percentile is taken anew.
const REFRESH: usize = 16;

#[derive(Debug, Clone, Copy)]
struct Run {
    at: Instant,
    took: Duration,
}

/// What one worker thread has seen of one model.
#[derive(Debug, Default)]
pub(super) struct Predictor {
    runs: VecDeque<Run>,
    since_refresh: usize,
    p95: Duration,
    /// Engine time a request costs, its share of a batch counted.
    mean_share: Duration,
}

/// What is expected of a request that would enter now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prediction {
    /// Behind those in flight.
    pub wait: Duration,
    /// 95th percentile of execution.
    pub run: Duration,
}

impl Predictor {
    /// Learns from an answered request: what its run took, and how many requests shared it.
    pub(super) fn observe(&mut self, took: Duration, batch_requests: usize, now: Instant) {
        if self.runs.len() == MAX_RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(Run { at: now, took });
        let share = took / u32::try_from(batch_requests.max(1)).unwrap_or(u32::MAX);
        self.mean_share = if self.runs.len() == 1 {
            share
        } else {
            (self.mean_share * 15 + share) / 16
        };
        self.since_refresh += 1;
        if self.since_refresh >= REFRESH || self.runs.len() <= MIN_RUNS {
            self.since_refresh = 0;
            self.refresh();
        }
    }

    /// What a request would find that enters behind `in_flight` others; none where too little was
    /// seen lately.
    pub(super) fn predict(&mut self, in_flight: usize, now: Instant) -> Option<Prediction> {
        let stale = |run: &Run| now.saturating_duration_since(run.at) > FRESH;
        while self.runs.front().is_some_and(stale) {
            self.runs.pop_front();
        }
        if self.runs.len() < MIN_RUNS {
            return None;
        }
        let ahead = u32::try_from(in_flight).unwrap_or(u32::MAX);
        Some(Prediction {
            wait: self.mean_share.saturating_mul(ahead),
            run: self.p95,
        })
    }

    fn refresh(&mut self) {
        let mut times: Vec<_> = self.runs.iter().map(|run| run.took).collect();
        let rank = (times.len() * 95).div_ceil(100).saturating_sub(1);
        if rank < times.len() {
            self.p95 = *times.select_nth_unstable(rank).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};

    use super::*;

    #[test]
    fn wait_and_run_are_those_seen_lately() {
        let clock = ManualClock::new();
        let mut predictor = Predictor::default();
        for n in 1..=MIN_RUNS as u64 {
            assert_eq!(predictor.predict(3, clock.now()), None);
            predictor.observe(
                Duration::from_millis(if n == 20 { 9 } else { 4 }),
                2,
                clock.now(),
            );
        }
        let seen = predictor.predict(0, clock.now()).unwrap();
        assert_eq!(
            (seen.wait, seen.run),
            (Duration::ZERO, Duration::from_millis(4))
        );
        let wait = predictor.predict(100, clock.now()).unwrap().wait;
        assert!((190..260).contains(&wait.as_millis()), "{wait:?}");
    }

    #[test]
    fn a_model_that_was_slow_is_given_its_chance() {
        let clock = ManualClock::new();
        let mut predictor = Predictor::default();
        (0..100).for_each(|_| predictor.observe(Duration::from_secs(1), 1, clock.now()));
        assert!(predictor.predict(0, clock.now()).is_some());
        clock.advance(Duration::from_millis(2001));
        assert_eq!(predictor.predict(0, clock.now()), None);
    }
}
