//! The one place of this crate that reads a clock or sleeps.
//!
//! Everything else speaks in [`Duration`]s since the start of the run, so that schedules,
//! recorders and judges can be tested with computed times.

use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// A moment that all times of one run are counted from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunClock {
    start: Instant,
}

impl RunClock {
    /// A clock whose zero lies `delay` in the future; until then it reads zero.
    #[expect(
        clippy::disallowed_methods,
        reason = "the crate's only reader of the clock"
    )]
    pub(crate) fn starting_in(delay: Duration) -> Self {
        Self {
            start: Instant::now() + delay,
        }
    }

    /// Time since the start, zero before it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the crate's only reader of the clock"
    )]
    pub(crate) fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    /// Time left until the start, zero after it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the crate's only reader of the clock"
    )]
    pub(crate) fn until_start(&self) -> Duration {
        self.start.saturating_duration_since(Instant::now())
    }
}

/// Seconds since the Unix epoch, for labelling reports only; never used to measure.
#[expect(
    clippy::disallowed_methods,
    reason = "a report carries the date it was made on"
)]
pub(crate) fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// CPU time (user and system) that this process has used so far, on all its threads.
pub(crate) fn process_cpu_time() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap_or(0))
}

/// Puts the calling thread to sleep; only the pacing thread and idle waits use it.
#[expect(
    clippy::disallowed_methods,
    reason = "pacing is sleeping until the next request is due"
)]
pub(crate) fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}
