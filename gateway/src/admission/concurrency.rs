//! How many requests of one model a worker thread lets in at once: adapted to the delay they find.
//!
//! Queue delay, not total latency, is the signal: batching and the model's own speed move total
//! latency without any queue. The smallest delay of a window tells a standing queue from a burst.

use std::time::{Duration, Instant};

use common::Criticality;

/// What the limiter aims at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimiterSettings {
    /// A wait that is fine.
    pub target: Duration,
    /// How often the limit moves.
    pub window: Duration,
    /// The limit's upper bound, and where it starts: nothing is shed before a queue was seen.
    pub most: usize,
}

/// Factor on a standing queue: gentle, since the delay reacts a window later.
const SHRINK: f64 = 0.85;
/// Growth of a limit that was reached without a standing queue.
const GROW: f64 = 1.1;
/// The lowest limit: below, one long request would shut a model.
const LEAST: f64 = 2.0;

/// Which share of the limit a class may fill: the rest is kept for those above it.
const fn share(class: Criticality) -> f64 {
    match class {
        Criticality::Sheddable => 0.6,
        Criticality::SheddablePlus => 0.8,
        Criticality::Critical => 0.95,
        Criticality::CriticalPlus => 1.0,
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Limiter {
    settings: LimiterSettings,
    limit: f64,
    window_began: Instant,
    least_delay: Option<Duration>,
    peak: usize,
    reached: bool,
}

impl Limiter {
    /// A limiter that lets everything in until it has seen a queue.
    #[must_use]
    pub(super) fn new(settings: LimiterSettings, now: Instant) -> Self {
        let limit = settings.most as f64;
        Self {
            settings,
            limit,
            window_began: now,
            least_delay: None,
            peak: 0,
            reached: false,
        }
    }

    /// Goes on under other settings: what was learned stays, within the new bound.
    pub(super) fn reconfigure(&mut self, settings: LimiterSettings) {
        let untouched = self.limit >= self.settings.most as f64;
        let most = settings.most as f64;
        self.limit = if untouched {
            most
        } else {
            self.limit.min(most)
        };
        self.settings = settings;
    }

    /// Whether one more may enter beside those in flight.
    pub(super) fn admit(&mut self, in_flight: usize, class: Criticality) -> bool {
        let allowed = (self.limit * share(class)).max(1.0);
        let enters = (in_flight as f64) < allowed;
        self.reached |= !enters;
        self.peak = self.peak.max(in_flight + usize::from(enters));
        enters
    }

    /// Learns how long an answered request had waited for the model.
    pub(super) fn observe(&mut self, queue_delay: Duration, now: Instant) {
        let least = self
            .least_delay
            .map_or(queue_delay, |least| least.min(queue_delay));
        self.least_delay = Some(least);
        if now.saturating_duration_since(self.window_began) < self.settings.window {
            return;
        }
        if least > self.settings.target {
            // From where it really was: a limit far above the traffic would take long to bite.
            self.limit = (self.limit.min(self.peak as f64) * SHRINK).max(LEAST);
        } else if self.reached {
            self.limit = (self.limit * GROW + 1.0).min(self.settings.most as f64);
        }
        self.window_began = now;
        self.least_delay = None;
        self.peak = 0;
        self.reached = false;
    }

    /// The limit now.
    #[must_use]
    pub(super) fn limit(&self) -> usize {
        self.limit as usize
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};
    use proptest::prelude::*;

    use super::*;

    fn limiter() -> (Limiter, ManualClock) {
        let clock = ManualClock::new();
        let ms = Duration::from_millis;
        let settings = LimiterSettings {
            target: ms(100),
            window: ms(100),
            most: 512,
        };
        (Limiter::new(settings, clock.now()), clock)
    }

    /// A server that takes 1 ms a request: what is in flight is what one waits behind.
    fn drive(limiter: &mut Limiter, clock: &ManualClock, offered: usize, windows: usize) -> usize {
        let mut in_flight = 0;
        for _ in 0..windows {
            in_flight = (0..offered).fold(0, |n, _| {
                n + usize::from(limiter.admit(n, Criticality::Critical))
            });
            clock.advance(Duration::from_millis(100));
            limiter.observe(Duration::from_millis(in_flight as u64), clock.now());
        }
        in_flight
    }

    #[test]
    fn a_standing_queue_brings_the_limit_to_where_the_delay_is_fine_and_calm_brings_it_back() {
        let (mut limiter, clock) = limiter();
        assert_eq!(
            drive(&mut limiter, &clock, 50, 20),
            50,
            "no queue, no shedding"
        );
        let in_flight = drive(&mut limiter, &clock, 2000, 60);
        assert!((70..=125).contains(&in_flight), "{in_flight}");
        assert_eq!(drive(&mut limiter, &clock, 90, 40), 90);
    }

    #[test]
    fn the_lowest_class_is_shed_first() {
        let (mut limiter, clock) = limiter();
        drive(&mut limiter, &clock, 2000, 60);
        let limit = limiter.limit();
        let enters: Vec<_> = Criticality::ALL
            .into_iter()
            .filter(|class| limiter.admit(limit * 7 / 10, *class))
            .collect();
        assert_eq!(
            enters,
            [
                Criticality::SheddablePlus,
                Criticality::Critical,
                Criticality::CriticalPlus
            ]
        );
    }

    proptest! {
        #[test]
        fn the_limit_stays_within_its_bounds_and_never_shuts_a_model(
            steps in proptest::collection::vec((0usize..2000, 0u64..2000), 1..200),
        ) {
            let (mut limiter, clock) = limiter();
            for (in_flight, delay_ms) in steps {
                limiter.admit(in_flight, Criticality::Sheddable);
                clock.advance(Duration::from_millis(60));
                limiter.observe(Duration::from_millis(delay_ms), clock.now());
                prop_assert!((2..=512).contains(&limiter.limit()));
                prop_assert!(limiter.admit(0, Criticality::Sheddable));
            }
        }
    }
}
