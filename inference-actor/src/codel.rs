//! Telling a standing queue from a burst: controlled delay, after Nichols and Jacobson (2012), as
//! servers use it: when the oldest entry has waited longer than the target for a whole interval,
//! the queue stands, and entries that have waited too long are shed.
//!
//! How long is too long depends on the request's class, so that the lowest go first.

use std::time::{Duration, Instant};

use common::Criticality;

/// When a queue counts as standing.
#[derive(Debug, Clone, Copy)]
pub struct CodelSettings {
    /// A wait that is fine.
    pub target: Duration,
    /// How long the wait must stay above it.
    pub interval: Duration,
}

/// How many targets an entry of each class may wait in a standing queue.
const fn sojourn_factor(class: Criticality) -> u32 {
    match class {
        Criticality::Sheddable => 1,
        Criticality::SheddablePlus => 2,
        Criticality::Critical => 10,
        Criticality::CriticalPlus => 20,
    }
}

/// The state of one queue.
#[derive(Debug)]
pub(crate) struct Codel {
    settings: CodelSettings,
    /// What runs take here: a queue behind long runs has a long wait without standing.
    typical_run: Duration,
    above_since: Option<Instant>,
}

impl Codel {
    pub(crate) fn new(settings: CodelSettings) -> Self {
        Self {
            settings,
            typical_run: Duration::ZERO,
            above_since: None,
        }
    }

    fn target(&self) -> Duration {
        self.settings.target.max(self.typical_run * 2)
    }

    /// What runs take here.
    pub(crate) fn typical_run(&self) -> Duration {
        self.typical_run
    }

    /// Learns from a run that took so long: an average over about the last 8.
    pub(crate) fn ran(&mut self, took: Duration) {
        self.typical_run = (self.typical_run * 7 + took) / 8;
    }

    /// Takes note of how long the oldest entry has waited; none where the queue is empty.
    pub(crate) fn observe(&mut self, oldest_wait: Option<Duration>, now: Instant) {
        match oldest_wait {
            Some(wait) if wait > self.target() => {
                self.above_since.get_or_insert(now);
            }
            _ => self.above_since = None,
        }
    }

    /// Whether the queue stands: the newest are served first, and the oldest are shed.
    pub(crate) fn standing(&self, now: Instant) -> bool {
        let interval = self.settings.interval;
        self.above_since
            .is_some_and(|since| now.saturating_duration_since(since) >= interval)
    }

    /// Whether an entry of `class` that has waited so long is shed from a standing queue.
    pub(crate) fn sheds(&self, class: Criticality, wait: Duration) -> bool {
        wait > self.target() * sojourn_factor(class)
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};

    use super::*;

    fn codel() -> (Codel, ManualClock) {
        let ms = Duration::from_millis;
        (
            Codel::new(CodelSettings {
                target: ms(20),
                interval: ms(100),
            }),
            ManualClock::new(),
        )
    }

    #[test]
    fn a_burst_is_not_a_standing_queue() {
        let (mut codel, clock) = codel();
        let long = Some(Duration::from_millis(50));
        codel.observe(long, clock.now());
        clock.advance(Duration::from_millis(99));
        codel.observe(long, clock.now());
        assert!(!codel.standing(clock.now()));
        codel.observe(Some(Duration::from_millis(3)), clock.now());
        clock.advance(Duration::from_millis(50));
        codel.observe(long, clock.now());
        assert!(!codel.standing(clock.now()));
        clock.advance(Duration::from_millis(100));
        assert!(codel.standing(clock.now()));
        codel.observe(None, clock.now());
        assert!(!codel.standing(clock.now()));
    }

    #[test]
    fn the_lowest_class_is_shed_first() {
        let (codel, _) = codel();
        let wait = Duration::from_millis(30);
        let shed: Vec<_> = Criticality::ALL
            .into_iter()
            .filter(|c| codel.sheds(*c, wait))
            .collect();
        assert_eq!(shed, [Criticality::Sheddable]);
    }

    #[test]
    fn long_runs_make_long_waits_normal() {
        let (mut codel, clock) = codel();
        (0..64).for_each(|_| codel.ran(Duration::from_millis(100)));
        codel.observe(Some(Duration::from_millis(150)), clock.now());
        clock.advance(Duration::from_secs(1));
        assert!(!codel.standing(clock.now()));
    }
}
