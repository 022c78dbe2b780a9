//! One breaker under a stream of arrivals.

use crate::gate::{Admission, Gate, GateOptions, Ticket};
use crate::machine::{Breaker, Rules};
use crate::outcome::{Outcome, Report};
use crate::settings::{BreakerSettings, KeyProfile};
use crate::snapshot::BreakerSnapshot;
use crate::transition::{State, Transition};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a request would end if it were admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    pub latency: Duration,
    pub outcome: Outcome,
    pub short_deadline: bool,
    pub batch: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub at: Duration,
    pub fate: Fate,
}

/// A change of state, at a time counted from the start.
#[derive(Debug, Clone, Copy)]
pub struct Logged {
    pub at: Duration,
    pub transition: Transition,
}

/// Of a longer time without requests only the last hour is gone through sample by sample.
const QUIET: Duration = Duration::from_secs(3_600);

struct InFlight {
    done: Duration,
    order: u64,
    ticket: Ticket,
    fate: Fate,
}

impl PartialEq for InFlight {
    fn eq(&self, other: &Self) -> bool {
        (self.done, self.order) == (other.done, other.order)
    }
}
impl Eq for InFlight {}
impl PartialOrd for InFlight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for InFlight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.done, self.order).cmp(&(other.done, other.order))
    }
}

pub struct Driver {
    origin: Instant,
    breaker: Breaker,
    gate: Arc<Gate>,
    ttl: Duration,
    in_flight: BinaryHeap<Reverse<InFlight>>,
    order: u64,
    now: Duration,
    log: Vec<Logged>,
    offered: u64,
    admitted: u64,
}

impl Driver {
    pub fn new(settings: &BreakerSettings, profile: KeyProfile, seed: u64) -> Self {
        let origin = origin();
        let rules = Rules::new(settings);
        let breaker = Breaker::new(&rules, profile, 1, seed, origin);
        let gate = Gate::standalone(
            profile,
            &GateOptions {
                rules,
                limited_concurrency: settings.widespread_concurrency,
                origin,
            },
        );
        let mut driver = Self {
            origin,
            breaker,
            gate,
            ttl: settings.state_ttl,
            in_flight: BinaryHeap::new(),
            order: 0,
            now: Duration::ZERO,
            log: Vec::new(),
            offered: 0,
            admitted: 0,
        };
        driver.publish();
        driver
    }

    /// Lets a request arrive; true when it was admitted. An arrival earlier than what has already
    /// happened counts as arriving now.
    pub fn offer(&mut self, arrival: Arrival) -> bool {
        self.advance(arrival.at);
        self.offered += 1;
        let Some(Admission::Allow(ticket)) = self.gate.admit(self.origin + self.now) else {
            return false;
        };
        self.admitted += 1;
        self.order += 1;
        let done = self.now + arrival.fate.latency;
        let fate = arrival.fate;
        self.in_flight.push(Reverse(InFlight {
            done,
            order: self.order,
            ticket,
            fate,
        }));
        true
    }

    /// Lets time pass up to `to`: everything due happens in order.
    pub fn advance(&mut self, to: Duration) {
        let quiet_until = to.saturating_sub(QUIET);
        if quiet_until > self.now && self.in_flight.is_empty() && self.breaker.is_quiet() {
            self.now = quiet_until;
        }
        while let Some(event) = self.next_event().filter(|&at| at <= to) {
            self.now = self.now.max(event);
            self.step();
        }
        self.now = self.now.max(to);
    }

    fn next_event(&self) -> Option<Duration> {
        let completion = self.in_flight.peek().map(|Reverse(first)| first.done);
        let due = self
            .breaker
            .next_due()
            .map(|due| due.saturating_duration_since(self.origin));
        match (completion, due) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// A sample that falls due comes before an outcome of the same moment.
    fn step(&mut self) {
        let now = self.origin + self.now;
        if self.breaker.next_due().is_some_and(|due| due <= now) {
            let change = self.breaker.tick(now);
            self.note(change);
            self.publish();
        } else if let Some(Reverse(ended)) = self.in_flight.pop() {
            let Fate {
                latency,
                outcome,
                short_deadline,
                batch,
            } = ended.fate;
            let report = Report {
                outcome,
                latency: Some(latency),
                short_deadline,
                batch,
            };
            let seen = ended.ticket.complete(report, now);
            let era = self.breaker.posture().era;
            let change = self.breaker.record(seen.era, &seen.report, now);
            self.note(change);
            if self.breaker.posture().era != era {
                self.publish();
            }
        }
    }

    fn note(&mut self, change: Option<Transition>) {
        if let Some(transition) = change {
            let at = transition.at.saturating_duration_since(self.origin);
            self.log.push(Logged { at, transition });
        }
    }

    fn publish(&mut self) {
        // The simulated breaker is never silent, however far apart its samples are.
        let posture = self.breaker.posture();
        let ttl = self.ttl.max(Duration::from_secs(1 << 32));
        self.gate
            .publish(&posture, false, self.origin + self.now, ttl);
    }

    pub fn now(&self) -> Duration {
        self.now
    }

    pub fn state(&self) -> State {
        self.breaker.posture().state
    }

    pub fn log(&self) -> &[Logged] {
        &self.log
    }

    /// Takes the changes logged so far.
    pub fn drain_log(&mut self) -> Vec<Logged> {
        std::mem::take(&mut self.log)
    }

    pub fn offered(&self) -> u64 {
        self.offered
    }

    pub fn admitted(&self) -> u64 {
        self.admitted
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub fn snapshot(&self) -> BreakerSnapshot {
        self.breaker
            .snapshot("simulated".to_owned(), self.origin + self.now)
    }

    /// When everything in flight will have ended.
    pub fn last_completion(&self) -> Option<Duration> {
        self.in_flight
            .iter()
            .map(|Reverse(flight)| flight.done)
            .max()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "simulated time needs one real instant to count from"
)]
fn origin() -> Instant {
    Instant::now()
}
