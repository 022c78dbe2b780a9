//! The only place that reads time.
//!
//! Decisions elsewhere take `now` as an argument; actors and handlers own a [`Clock`] and read it
//! at the edge, so that a test can hand them a [`ManualClock`] and move it by hand.

use std::{
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

/// A source of monotonic and wall time.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time: for every duration, deadline and timeout.
    fn now(&self) -> Instant;
    /// Wall time: only for what a person reads (logs, admin pages). It may jump.
    fn wall(&self) -> SystemTime;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock the ban points to"
    )]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock the ban points to"
    )]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock {
    start: Instant,
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock that stands still at the moment of its creation.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: SystemClock.now(),
            elapsed: Mutex::new(Duration::ZERO),
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        *self
            .elapsed
            .lock()
            .expect("no holder of this lock can panic") += by;
    }

    fn elapsed(&self) -> Duration {
        *self
            .elapsed
            .lock()
            .expect("no holder of this lock can panic")
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.start + self.elapsed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.elapsed()
    }
}
