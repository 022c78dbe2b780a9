//! The only place that reads time.
//!
//! Decisions elsewhere take `now` as an argument; actors and handlers own a [`Clock`] and read it
//! at the edge, so that a test can hand them a [`ManualClock`] and move it by hand.

use std::{
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// A source of monotonic and wall time.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time: for every duration, deadline and timeout.
    fn now(&self) -> Instant;
    /// Wall time: only for what a person reads (logs, admin pages). It may jump.
    fn wall(&self) -> SystemTime;
    /// Processor time of the calling thread: what a piece of work costs, whoever else runs beside
    /// it. A system call of about half a microsecond, so not for every little step.
    fn thread_cpu(&self) -> Duration;
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

    fn thread_cpu(&self) -> Duration {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
        // A thread's processor time starts at zero and its nanoseconds stay below a second.
        Duration::new(
            u64::try_from(tv_sec).unwrap_or_default(),
            u32::try_from(tv_nsec).unwrap_or_default(),
        )
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

    /// All the time that passes is charged to whoever asks.
    fn thread_cpu(&self) -> Duration {
        self.elapsed()
    }
}
