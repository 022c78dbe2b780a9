//! Outcomes on their way to the breaker, in bounded batches.

use crate::gate::Observation;
use std::time::{Duration, Instant};

/// Observations in one batch. At 5000 requests/s a front fills one in 50 ms.
pub const MAX_BATCH: usize = 256;

/// Gathers a front's observations until there are enough to send, or the oldest has waited.
#[derive(Debug)]
pub struct OutcomeBuffer {
    held: Vec<Observation>,
    oldest: Option<Instant>,
    max_wait: Duration,
    dropped: u64,
}

impl OutcomeBuffer {
    pub fn new(max_wait: Duration) -> Self {
        Self {
            held: Vec::with_capacity(MAX_BATCH),
            oldest: None,
            max_wait,
            dropped: 0,
        }
    }

    /// Keeps an observation; one too many is dropped and counted: the rules need samples, not all.
    pub fn push(&mut self, seen: Observation) {
        if self.held.len() >= MAX_BATCH {
            self.dropped += 1;
            return;
        }
        self.oldest.get_or_insert(seen.completed_at);
        self.held.push(seen);
    }

    /// Whether to send now: full, or the oldest has waited long enough.
    pub fn is_due(&self, now: Instant) -> bool {
        let waited = self
            .oldest
            .map(|oldest| now.saturating_duration_since(oldest));
        self.held.len() >= MAX_BATCH || waited.is_some_and(|waited| waited >= self.max_wait)
    }

    /// Takes what is held. A batch that could not be sent is given to [`Self::put_back`].
    pub fn take(&mut self) -> Vec<Observation> {
        self.oldest = None;
        std::mem::replace(&mut self.held, Vec::with_capacity(MAX_BATCH))
    }

    /// Keeps a refused batch for the next try, before what has come since.
    pub fn put_back(&mut self, mut batch: Vec<Observation>) {
        let later = std::mem::take(&mut self.held);
        batch.truncate(MAX_BATCH);
        self.oldest = batch.first().map(|seen| seen.completed_at);
        self.held = batch;
        later.into_iter().for_each(|seen| self.push(seen));
    }

    /// Observations lost because the breaker did not take them in time.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Admission, Gate, GateOptions};
    use crate::machine::Rules;
    use crate::outcome::{Outcome, Report};
    use crate::settings::{BreakerSettings, KeyProfile};

    #[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn seen(at: Instant) -> Observation {
        let rules = Rules::new(&BreakerSettings::default());
        let options = GateOptions {
            rules,
            limited_concurrency: 1,
            origin: at,
        };
        let gate = Gate::standalone(KeyProfile::default(), &options);
        let Some(Admission::Allow(ticket)) = gate.admit(at) else {
            panic!("a new gate is open")
        };
        ticket.complete(Report::new(Outcome::Ok, Duration::ZERO), at)
    }

    #[test]
    fn is_due_when_full_or_when_the_oldest_has_waited() {
        let now = origin();
        let wait = Duration::from_millis(20);
        let mut buffer = OutcomeBuffer::new(wait);
        assert!(!buffer.is_due(now + wait));
        buffer.push(seen(now));
        assert!(!buffer.is_due(now) && buffer.is_due(now + wait));
        (1..MAX_BATCH).for_each(|_| buffer.push(seen(now)));
        assert!(buffer.is_due(now));
        assert_eq!(buffer.take().len(), MAX_BATCH);
        assert!(!buffer.is_due(now + wait));
    }

    #[test]
    fn a_refused_batch_goes_first_and_the_bound_holds() {
        let now = origin();
        let mut buffer = OutcomeBuffer::new(Duration::ZERO);
        (0..200).for_each(|_| buffer.push(seen(now)));
        let refused = buffer.take();
        (0..100).for_each(|_| buffer.push(seen(now)));
        buffer.put_back(refused);
        assert_eq!((buffer.take().len(), buffer.dropped()), (MAX_BATCH, 44));
    }
}
