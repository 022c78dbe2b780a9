//! Rules that look at requests one by one, in the order their outcomes arrive.

use std::time::{Duration, Instant};

/// The most batches a streak tells apart.
const BATCHES: usize = 8;

/// Failures one after another. They must span some time and, where batches are known, several of
/// them: one batch that fails takes all its requests with it at one moment.
#[derive(Debug, Default)]
pub(crate) struct FailureStreak {
    length: u32,
    began: Option<Instant>,
    batches: [u64; BATCHES],
    distinct: usize,
    unknown_batch: bool,
}

impl FailureStreak {
    pub(crate) fn success(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn failure(&mut self, batch: Option<u64>, now: Instant) {
        self.began.get_or_insert(now);
        self.length = self.length.saturating_add(1);
        match batch {
            None => self.unknown_batch = true,
            Some(id) if self.batches[..self.distinct].contains(&id) => {}
            Some(id) if self.distinct < BATCHES => {
                self.batches[self.distinct] = id;
                self.distinct += 1;
            }
            Some(_) => {}
        }
    }

    /// The process stood still for `gap`: that time is no part of the streak.
    pub(crate) fn stood_still(&mut self, gap: Duration) {
        self.began = self.began.map(|began| began + gap);
    }

    pub(crate) fn reaches(
        &self,
        failures: u32,
        span: Duration,
        batches: u32,
        now: Instant,
    ) -> bool {
        let spanned = self
            .began
            .is_some_and(|t| now.saturating_duration_since(t) >= span);
        let spread = self.unknown_batch || self.distinct >= batches as usize;
        self.length >= failures && spanned && spread
    }
}

/// A vote on each of the last few events, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Votes(u32);

impl Votes {
    pub(crate) fn push(&mut self, vote: bool) {
        self.0 = (self.0 << 1) | u32::from(vote);
    }

    /// Votes in favour among the last `of`, at most 32.
    pub(crate) fn among_last(self, of: u32) -> u32 {
        (self.0 & u32::MAX.unbounded_shr(32 - of.min(32))).count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
    fn origin() -> Instant {
        Instant::now()
    }

    const SPAN: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_of_failures_at_one_moment_is_no_streak() {
        let mut streak = FailureStreak::default();
        let now = origin();
        (0..32).for_each(|_| streak.failure(None, now));
        assert!(!streak.reaches(7, SPAN, 3, now));
        assert!(streak.reaches(7, SPAN, 3, now + SPAN));
    }

    #[test]
    fn known_batches_must_be_several() {
        let mut streak = FailureStreak::default();
        let t0 = origin();
        (0..20).for_each(|i| streak.failure(Some(i % 2), t0));
        assert!(!streak.reaches(7, SPAN, 3, t0 + SPAN));
        streak.failure(Some(9), t0 + SPAN);
        assert!(streak.reaches(7, SPAN, 3, t0 + SPAN));
    }

    #[test]
    fn one_success_ends_the_streak() {
        let mut streak = FailureStreak::default();
        let t0 = origin();
        (0..20).for_each(|_| streak.failure(None, t0));
        streak.success();
        streak.failure(None, t0 + SPAN * 2);
        assert!(!streak.reaches(1, SPAN, 0, t0 + SPAN * 2));
    }

    #[test]
    fn votes_forget_all_but_the_last() {
        let mut votes = Votes::default();
        [true, true, false, false]
            .into_iter()
            .for_each(|vote| votes.push(vote));
        assert_eq!(votes.among_last(3), 1);
        assert_eq!(votes.among_last(32), 2);
        assert_eq!(votes.among_last(0), 0);
    }
}
