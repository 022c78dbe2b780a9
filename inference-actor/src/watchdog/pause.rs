//! Noticing that the whole process stood still: pure, the clock is passed in.

use std::time::{Duration, Instant};

/// The longest sleep: a pause can only be seen by a sleep that was under way.
const MAX_SLEEP: Duration = Duration::from_millis(100);
/// A sleep that ends this much too late was a pause. Busy machines wake a thread some ten
/// milliseconds late.
const MIN_PAUSE: Duration = Duration::from_millis(250);

/// A sleep of the watchdog.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sleep {
    begin: Instant,
    end: Instant,
}

/// A time in which nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    /// When it began at the latest.
    pub(super) from: Instant,
    pub(super) length: Duration,
}

impl Sleep {
    /// From `begin` until something is due.
    pub(super) fn until(due: Option<Instant>, begin: Instant) -> Self {
        let longest = begin + MAX_SLEEP;
        Self {
            begin,
            end: due.map_or(longest, |due| due.clamp(begin, longest)),
        }
    }

    pub(super) fn length(self) -> Duration {
        self.end - self.begin
    }

    /// The pause that made it last until `now`, if one did.
    pub(super) fn ended(self, now: Instant) -> Option<Pause> {
        let length = now.saturating_duration_since(self.end);
        (length >= MIN_PAUSE).then_some(Pause {
            from: self.end,
            length,
        })
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};

    use super::*;

    #[test]
    fn a_sleep_that_lasts_far_too_long_was_a_pause() {
        let start = ManualClock::new().now();
        let ms = |n| start + Duration::from_millis(n);
        let sleep = Sleep::until(Some(ms(40)), start);
        assert_eq!(sleep.length(), Duration::from_millis(40));
        for in_time in [ms(3), ms(40), ms(289)] {
            assert_eq!(sleep.ended(in_time), None);
        }
        let pause = sleep.ended(ms(3040)).unwrap();
        assert_eq!((pause.from, pause.length), (ms(40), Duration::from_secs(3)));
    }

    #[test]
    fn a_sleep_is_short_whatever_is_due() {
        let start = ManualClock::new().now();
        for due in [None, Some(start + Duration::from_secs(3600))] {
            assert_eq!(Sleep::until(due, start).length(), MAX_SLEEP);
        }
        // What is overdue is looked at at once.
        let later = start + Duration::from_secs(1);
        assert_eq!(Sleep::until(Some(start), later).length(), Duration::ZERO);
    }
}
