//! When a registry that was lost to a panic is made anew: after a moment, and
//! ever later if it keeps failing.
//!
//! While there is none, the gates keep their last states for their time to live. The longest wait is
//! longer than the default of that: a breaker that cannot be kept alive ends up letting traffic through.

use std::time::{Duration, Instant};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// A registry that lived so long failed for a reason of its own.
const HEALTHY_LIFE: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(crate) struct Revival {
    restarts: u64,
    wait: Option<Duration>,
    lost_at: Option<Instant>,
    due: Option<Instant>,
}

impl Revival {
    /// The registry is gone. Gives the wait until [`Self::is_due`].
    pub(crate) fn lost(&mut self, now: Instant) -> Duration {
        let lived = self
            .lost_at
            .map(|lost| now.saturating_duration_since(lost + self.wait.unwrap_or_default()));
        let in_a_row = lived.is_some_and(|lived| lived < HEALTHY_LIFE);
        let wait = match self.wait {
            Some(last) if in_a_row => (last * 2).min(LONGEST_WAIT),
            _ => FIRST_WAIT,
        };
        self.wait = Some(wait);
        self.lost_at = Some(now);
        self.due = Some(now + wait);
        self.restarts += 1;
        wait
    }

    /// Whether a new registry is to be made now; asked once for each that is lost.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    /// Registries lost so far.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn waits_double_while_it_keeps_failing_and_start_anew_after_a_healthy_life() {
        let mut revival = Revival::default();
        let mut now = origin();
        let mut waits = Vec::new();
        for _ in 0..14 {
            let wait = revival.lost(now);
            assert!(!revival.is_due(now));
            now += wait;
            assert!(revival.is_due(now) && !revival.is_due(now));
            waits.push(wait);
        }
        assert_eq!(waits[..3], [100, 200, 400].map(Duration::from_millis));
        assert_eq!(waits.last(), Some(&LONGEST_WAIT));
        assert_eq!(revival.lost(now + HEALTHY_LIFE), FIRST_WAIT);
        assert_eq!(revival.restarts(), 15);
    }
}
