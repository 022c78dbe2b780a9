//! The engine's own messages, handed to the log: bounded for each kind of message.
//!
//! ONNX Runtime may write a line for each run of a model, or for each tensor of a file. Of one kind of
//! message (its severity and its place in the engine's source) a few are logged at once and then one
//! a minute; the others are counted, and the next one logged says how many were left out.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use common::{Clock, SystemClock};
use ort::logging::{LogLevel, LoggerFunction};
use tracing::Level;

/// Messages of one kind that are logged in a row.
const BURST: u32 = 5;
/// After a burst, one is logged in this time.
const REFILL: Duration = Duration::from_secs(60);
/// Kinds that are told apart; further ones share one allowance.
const MAX_KINDS: usize = 256;
/// A message is cut here: some quote whole lists of nodes.
const MAX_MESSAGE_CHARS: usize = 2000;
/// Where the engine reports a run that failed. The caller gets the same text in its answer, so that an
/// error line for each bad request would say nothing new.
const FAILED_RUN_SOURCE: &str = "sequential_executor.cc";
/// The log target of the engine's messages.
const TARGET: &str = "onnxruntime";

static SUPPRESSED: AtomicU64 = AtomicU64::new(0);

/// Messages of the engine that were not logged, since there were too many of their kind.
#[must_use]
pub fn suppressed_engine_messages() -> u64 {
    // Relaxed: a figure of its own.
    SUPPRESSED.load(Ordering::Relaxed)
}

/// What the engine calls for each of its messages, from any thread, inside its own locks: it must
/// neither panic nor wait.
pub(super) fn logger() -> LoggerFunction {
    let limiter = Mutex::new(Limiter::default());
    Arc::new(move |severity, _category, _id, place, message| {
        let level = level(severity, place);
        if !enabled(level) {
            return;
        }
        let admitted = {
            let mut limiter = limiter.lock().unwrap_or_else(PoisonError::into_inner);
            limiter.admit(level, place, SystemClock.now())
        };
        match admitted {
            Some(left_out) => write(level, place, message, left_out),
            None => {
                SUPPRESSED.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
}

fn level(severity: LogLevel, place: &str) -> Level {
    match severity {
        LogLevel::Verbose => Level::TRACE,
        LogLevel::Info => Level::DEBUG,
        LogLevel::Error if place.starts_with(FAILED_RUN_SOURCE) => Level::DEBUG,
        LogLevel::Warning => Level::WARN,
        LogLevel::Error | LogLevel::Fatal => Level::ERROR,
    }
}

fn enabled(level: Level) -> bool {
    match level {
        Level::ERROR => tracing::enabled!(target: TARGET, Level::ERROR),
        Level::WARN => tracing::enabled!(target: TARGET, Level::WARN),
        Level::DEBUG => tracing::enabled!(target: TARGET, Level::DEBUG),
        _ => tracing::enabled!(target: TARGET, Level::TRACE),
    }
}

fn write(level: Level, place: &str, message: &str, left_out: u64) {
    let end = message.char_indices().nth(MAX_MESSAGE_CHARS);
    let message = &message[..end.map_or(message.len(), |(at, _)| at)];
    // Only where some were left out is there anything to say of it.
    let left_out = (left_out > 0).then_some(left_out);
    match level {
        Level::ERROR => tracing::error!(target: TARGET, place, left_out, "{message}"),
        Level::WARN => tracing::warn!(target: TARGET, place, left_out, "{message}"),
        Level::DEBUG => tracing::debug!(target: TARGET, place, left_out, "{message}"),
        _ => tracing::trace!(target: TARGET, place, left_out, "{message}"),
    }
}

/// Token buckets by kind of message: pure, the clock is passed in.
#[derive(Default)]
struct Limiter {
    kinds: HashMap<(Level, String), Bucket>,
    others: Option<Bucket>,
}

impl Limiter {
    /// How many of this kind were left out since the last one, if this one is to be logged.
    fn admit(&mut self, level: Level, place: &str, now: Instant) -> Option<u64> {
        let room = self.kinds.len() < MAX_KINDS;
        let key = (level, place.to_owned());
        let bucket = match self.kinds.get_mut(&key) {
            Some(bucket) => bucket,
            None if room => self.kinds.entry(key).or_insert_with(|| Bucket::full(now)),
            None => self.others.get_or_insert_with(|| Bucket::full(now)),
        };
        bucket.take(now)
    }
}

struct Bucket {
    left: u32,
    refilled: Instant,
    left_out: u64,
}

impl Bucket {
    fn full(now: Instant) -> Self {
        Self {
            left: BURST,
            refilled: now,
            left_out: 0,
        }
    }

    fn take(&mut self, now: Instant) -> Option<u64> {
        let passed = now.saturating_duration_since(self.refilled);
        let earned = passed.as_nanos() / REFILL.as_nanos();
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(earned).min(BURST);
            self.refilled = now;
        }
        if self.left == 0 {
            self.left_out += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use common::ManualClock;

    use super::*;

    #[test]
    fn of_one_kind_a_few_are_logged_then_one_a_minute_that_counts_the_others() {
        let clock = ManualClock::new();
        let mut limiter = Limiter::default();
        let mut admit = |place: &str| limiter.admit(Level::WARN, place, clock.now());
        let first: Vec<_> = (0..200).filter_map(|_| admit("frame.cc:1 f")).collect();
        assert_eq!(first, [0; BURST as usize]);
        // Another kind has an allowance of its own.
        assert_eq!(admit("graph.cc:2 g"), Some(0));
        clock.advance(REFILL);
        let next: Vec<_> = (0..10).filter_map(|_| admit("frame.cc:1 f")).collect();
        assert_eq!(next, [195]);
    }

    #[test]
    fn a_long_silence_earns_a_burst_and_no_more() {
        let clock = ManualClock::new();
        let mut limiter = Limiter::default();
        limiter.admit(Level::WARN, "a", clock.now());
        clock.advance(REFILL * 1000);
        let burst = (0..50).filter_map(|_| limiter.admit(Level::WARN, "a", clock.now()));
        assert_eq!(burst.count(), BURST as usize);
    }

    #[test]
    fn however_many_kinds_there_are_memory_and_lines_are_bounded() {
        let clock = ManualClock::new();
        let mut limiter = Limiter::default();
        let logged = (0..10_000)
            .filter_map(|kind| limiter.admit(Level::WARN, &kind.to_string(), clock.now()))
            .count();
        assert_eq!(logged, MAX_KINDS + BURST as usize);
        assert_eq!(limiter.kinds.len(), MAX_KINDS);
    }

    #[test]
    fn a_failed_run_is_no_error_line_of_its_own() {
        let failed = level(LogLevel::Error, "sequential_executor.cc:614 ExecuteKernel");
        assert_eq!(failed, Level::DEBUG);
        assert_eq!(level(LogLevel::Error, "graph.cc:1"), Level::ERROR);
        assert_eq!(level(LogLevel::Warning, "graph.cc:1"), Level::WARN);
    }
}
