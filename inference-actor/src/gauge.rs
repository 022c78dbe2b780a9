//! What others may see of an actor without asking it: how loaded it is and whether it can answer.
//!
//! Shared by the routing table, the fronts, the watchdog and the actor itself, each of which must
//! go on when the actor's thread does not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, futures::Notified};

/// An actor's load and condition. Every load and store is relaxed unless noted: each value stands
/// alone, and a reader that sees it late only routes one request less well.
#[derive(Debug, Default)]
pub struct Gauge {
    in_flight: AtomicUsize,
    has_session: AtomicBool,
    stalled: AtomicBool,
    stalls: Notify,
    runs: AtomicU64,
    median_run_us: AtomicU64,
    memory_bytes: AtomicU64,
}

impl Gauge {
    /// A gauge for an actor that waits for its first session.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Counts a request until the permit is dropped, wherever that happens.
    #[must_use]
    pub fn permit(self: &Arc<Self>) -> Permit {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Permit(Arc::clone(self))
    }

    /// Requests on their way to the actor, waiting or being run.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether it has a session and its present run is not overdue.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.has_session.load(Ordering::Relaxed) && !self.stalled()
    }

    /// Whether its present run has taken far longer than a run should.
    #[must_use]
    pub fn stalled(&self) -> bool {
        // Acquire: pairs with the release in `set_stalled`, so that whoever was woken sees the flag.
        self.stalled.load(Ordering::Acquire)
    }

    /// Resolves at the next stall that begins after this call.
    pub fn next_stall(&self) -> Notified<'_> {
        self.stalls.notified()
    }

    /// Runs that gave outputs, and the median time of the last of them.
    #[must_use]
    pub fn typical_run(&self) -> (u64, Duration) {
        let median = Duration::from_micros(self.median_run_us.load(Ordering::Relaxed));
        (self.runs.load(Ordering::Relaxed), median)
    }

    /// What its session holds, where the engine tells; 0 where it does not.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Shows whether there is a session.
    pub fn show_session(&self, present: bool) {
        self.has_session.store(present, Ordering::Relaxed);
    }

    pub(crate) fn set_session(&self, present: bool, memory_bytes: u64) {
        self.show_session(present);
        self.memory_bytes.store(memory_bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_stalled(&self, stalled: bool) {
        if self.stalled.swap(stalled, Ordering::AcqRel) != stalled && stalled {
            self.stalls.notify_waiters();
        }
    }

    pub(crate) fn ran(&self, runs: u64, memory_bytes: u64) {
        self.runs.store(runs, Ordering::Relaxed);
        self.memory_bytes.store(memory_bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_median(&self, median: Duration) {
        let median = u64::try_from(median.as_micros()).unwrap_or(u64::MAX);
        self.median_run_us.store(median, Ordering::Relaxed);
    }
}

/// Counts one request in flight; travels with it.
#[derive(Debug)]
pub struct Permit(Arc<Gauge>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_counts_until_it_is_dropped() {
        let gauge = Gauge::new();
        let (one, two) = (gauge.permit(), gauge.permit());
        assert_eq!(gauge.in_flight(), 2);
        drop(one);
        drop(two);
        assert_eq!(gauge.in_flight(), 0);
    }

    #[test]
    fn a_stalled_actor_does_not_answer_until_its_run_ends() {
        let gauge = Gauge::new();
        assert!(!gauge.answers());
        gauge.set_session(true, 0);
        gauge.set_stalled(true);
        assert!(!gauge.answers());
        gauge.set_stalled(false);
        assert!(gauge.answers());
    }
}
