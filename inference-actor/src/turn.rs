//! How long an actor goes on running what waits before it lets its thread turn to anything else.
//!
//! On a worker thread a run leaves the caches to the engine, and sending its answer at once leaves
//! them to the kernel, so that either begins cold. Short runs one after the other, and their answers
//! one after the other, cost less each. A pure type.

use std::time::{Duration, Instant};

/// One stretch of runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    ends: Instant,
}

impl Turn {
    /// A turn of at most this length from now.
    pub(crate) fn new(now: Instant, length: Duration) -> Self {
        Self { ends: now + length }
    }

    /// Whether a run that takes so long would still end within it.
    pub(crate) fn has_time(self, now: Instant, run: Duration) -> bool {
        now + run <= self.ends
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};

    use super::*;

    #[test]
    fn what_would_end_late_waits_for_the_next_turn() {
        let (now, us) = (ManualClock::new().now(), Duration::from_micros);
        let turn = Turn::new(now, us(500));
        assert!(turn.has_time(now + us(150), us(150)));
        assert!(turn.has_time(now + us(350), us(150)));
        assert!(!turn.has_time(now + us(351), us(150)));
        assert!(!Turn::new(now, Duration::ZERO).has_time(now, us(1)));
    }
}
