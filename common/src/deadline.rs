//! The moment after which an answer is of no use to the caller.

use std::time::{Duration, Instant};

/// The end of a request's time, and how much it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// A deadline `limit` after `start`.
    #[must_use]
    pub fn after(start: Instant, limit: Duration) -> Self {
        Self {
            at: start + limit,
            limit,
        }
    }

    /// The moment itself.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }

    /// How much time the request was given in all.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// What is left at `now`; zero when it has passed.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }

    /// Whether it has passed. A deadline passes at its own instant: nothing useful fits in zero.
    #[must_use]
    pub fn expired(&self, now: Instant) -> bool {
        now >= self.at
    }

    /// The same start with a smaller limit; a larger one changes nothing.
    #[must_use]
    pub fn tightened(&self, limit: Duration) -> Self {
        if limit >= self.limit {
            *self
        } else {
            Self {
                at: self.at - (self.limit - limit),
                limit,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, ManualClock};

    #[test]
    fn passes_at_its_own_instant_and_tightens_only_downward() {
        let clock = ManualClock::new();
        let start = clock.now();
        let deadline = Deadline::after(start, Duration::from_millis(800));
        let tight = deadline.tightened(Duration::from_millis(5));
        assert_eq!(tight.at(), start + Duration::from_millis(5));
        assert_eq!(deadline.tightened(Duration::from_secs(2)), deadline);
        clock.advance(Duration::from_millis(5));
        assert!(tight.expired(clock.now()));
        assert_eq!(tight.remaining(clock.now()), Duration::ZERO);
        assert_eq!(deadline.remaining(clock.now()), Duration::from_millis(795));
    }
}
