//! Runs that were told to end at the last deadline of their requests. Their callers have an answer
//! already, so without a line of the log nobody would hear of a model that hangs.

use std::time::{Duration, Instant};

use super::InferenceActor;

/// One line in this time at most.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Terminated runs that the log has not told of: pure, the clock is passed in.
#[derive(Debug, Default)]
pub(super) struct Terminations {
    untold: u64,
    longest: Duration,
    told: Option<Instant>,
}

impl Terminations {
    /// Counts one; gives how many there were since the last line and the longest of them, where a line
    /// is due.
    fn add(&mut self, took: Duration, now: Instant) -> Option<(u64, Duration)> {
        self.untold += 1;
        self.longest = self.longest.max(took);
        let due = self
            .told
            .is_none_or(|told| now.saturating_duration_since(told) >= LOG_INTERVAL);
        due.then(|| {
            self.told = Some(now);
            (
                std::mem::take(&mut self.untold),
                std::mem::take(&mut self.longest),
            )
        })
    }
}

impl InferenceActor {
    /// Lets a terminated run count among the others: the figures of a model that hangs must show it.
    pub(super) fn run_terminated(&mut self, took: Duration) {
        self.stats.note_run_time(took);
        self.queue.ran(took);
        let now = self.options.clock.now();
        if let Some((runs, longest)) = self.terminations.add(took, now) {
            let (actor, model) = (&self.options.id, &self.options.model);
            let (version, longest) = (self.options.version, common::Span(longest));
            tracing::warn!(%actor, %model, %version, runs, %longest, "runs were terminated at the last deadline of their requests");
        }
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};

    use super::*;

    #[test]
    fn a_line_a_second_tells_of_all_and_of_the_longest() {
        let clock = ManualClock::new();
        let mut terminations = Terminations::default();
        let ms = Duration::from_millis;
        assert_eq!(terminations.add(ms(5), clock.now()), Some((1, ms(5))));
        assert_eq!(terminations.add(ms(9), clock.now()), None);
        assert_eq!(terminations.add(ms(7), clock.now()), None);
        clock.advance(LOG_INTERVAL);
        assert_eq!(terminations.add(ms(1), clock.now()), Some((3, ms(9))));
    }
}
