//! What an actor counts about itself.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use crate::run_times::RunTimes;

/// How many run times are kept for quantiles.
const RECENT_RUNS: usize = 100;

/// What an actor is able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorState {
    /// Waits for its first session.
    Loading,
    /// Has a warm session.
    Ready,
    /// Lost its session and waits for another.
    Rebuilding,
    /// Takes no more requests.
    Draining,
}

/// The last panic of an actor's engine.
#[derive(Debug, Clone, Serialize)]
pub struct LastPanic {
    /// What it said.
    pub message: String,
    /// Seconds since 1970.
    pub at_unix_seconds: u64,
}

/// A snapshot of one actor, for people, machines and tests alike.
#[derive(Debug, Clone, Serialize, actix::MessageResponse)]
pub struct ActorSnapshot {
    /// What it can do.
    #[serde(rename = "session_state")]
    pub state: ActorState,
    /// The model it serves.
    #[serde(skip)]
    pub model: String,
    /// Its version.
    #[serde(skip)]
    pub version: u64,
    /// The business's name for the model.
    pub business_code: String,
    /// Requests waiting in its mailbox and list, or being run.
    pub in_flight: usize,
    /// Requests waiting in its list.
    pub queued: usize,
    /// Runs that gave outputs.
    pub runs: u64,
    /// Candidate rows of those runs.
    pub rows: u64,
    /// Requests answered with outputs.
    pub answered: u64,
    /// Runs that ended in an error of the engine.
    pub errors: u64,
    /// Runs that the engine refused for their inputs.
    pub rejected: u64,
    /// Runs that were told to end at the last deadline of their requests.
    pub terminated: u64,
    /// Runs that ended in a panic.
    pub panics: u64,
    /// Sessions installed after the first.
    pub restarts: u64,
    /// Entries dropped because their deadline passed in the queue.
    pub expired: u64,
    /// Entries dropped because their caller had gone.
    pub abandoned: u64,
    /// Requests refused because the queue was full.
    pub refused: u64,
    /// Entries shed from a standing queue.
    pub shed: u64,
    /// Engine time spent on answers that nobody waited for any more.
    pub wasted_run_us: u64,
    /// Processor time of the actor's thread inside the engine, in all, however the runs ended.
    pub run_cpu_ns: u64,
    /// Time that answered requests waited, in all.
    pub queue_ns: u64,
    /// Time that gathering and splitting took of answered requests, in all.
    pub batch_ns: u64,
    /// Time inside the engine of answered requests, in all; a shared run counts for each.
    pub run_ns: u64,
    /// When the last request was answered, in milliseconds since 1970; 0 before the first.
    pub last_answer_unix_ms: u64,
    /// Median of the last 100 run times.
    pub run_p50_us: u64,
    /// Their 90th percentile.
    pub run_p90_us: u64,
    /// Their 99th percentile.
    pub run_p99_us: u64,
    /// The longest of them.
    pub run_max_us: u64,
    /// What its session holds, where the engine tells; 0 where it does not.
    pub session_memory_bytes: u64,
    /// The last panic, if any.
    pub last_panic: Option<LastPanic>,
    /// How its warm-up went.
    pub warm_up: String,
}

/// Counters of one actor.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) runs: u64,
    pub(crate) rows: u64,
    pub(crate) answered: u64,
    pub(crate) errors: u64,
    pub(crate) rejected: u64,
    pub(crate) terminated: u64,
    pub(crate) panics: u64,
    pub(crate) installs: u64,
    pub(crate) runs_since_install: u64,
    pub(crate) expired: u64,
    pub(crate) abandoned: u64,
    pub(crate) refused: u64,
    pub(crate) shed: u64,
    pub(crate) wasted_run: Duration,
    pub(crate) run_cpu: Duration,
    pub(crate) last_panic: Option<LastPanic>,
    pub(crate) queue_ns: u64,
    pub(crate) batch_ns: u64,
    pub(crate) run_ns: u64,
    pub(crate) last_answer_unix_ms: u64,
    recent: VecDeque<Duration>,
}

impl Stats {
    pub(crate) fn ran(&mut self, took: Duration, rows: usize) {
        self.runs += 1;
        self.runs_since_install += 1;
        self.rows += rows as u64;
        self.note_run_time(took);
    }

    /// Keeps a run's time for the quantiles, however it ended.
    pub(crate) fn note_run_time(&mut self, took: Duration) {
        if self.recent.len() == RECENT_RUNS {
            self.recent.pop_front();
        }
        self.recent.push_back(took);
    }

    pub(crate) fn median_run(&self) -> Duration {
        Duration::from_micros(self.run_quantile_us(0.5))
    }

    /// How many runs there were, however they ended; the number of the last one.
    pub(crate) fn run_number(&self) -> u64 {
        self.runs + self.errors + self.rejected + self.terminated + self.panics
    }

    /// Counts a request that was answered with outputs.
    pub(crate) fn answered(&mut self, times: &RunTimes, at: SystemTime) {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.answered += 1;
        self.queue_ns = self.queue_ns.saturating_add(ns(times.queue));
        self.batch_ns = self.batch_ns.saturating_add(ns(times.batch));
        self.run_ns = self.run_ns.saturating_add(ns(times.run));
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_answer_unix_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    }

    pub(crate) fn panicked(&mut self, message: &str, at: SystemTime) {
        self.panics += 1;
        let at_unix_seconds = at.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        self.last_panic = Some(LastPanic {
            message: message.to_owned(),
            at_unix_seconds,
        });
    }

    /// The nearest-rank quantile of the last run times, in microseconds; 0 before the first.
    pub(crate) fn run_quantile_us(&self, q: f64) -> u64 {
        let mut sorted: Vec<_> = self.recent.iter().collect();
        sorted.sort_unstable();
        let rank = (q * sorted.len() as f64).ceil() as usize;
        let nearest = sorted.get(rank.saturating_sub(1));
        nearest.map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_last_hundred_runs() {
        let mut stats = Stats::default();
        assert_eq!(stats.run_quantile_us(0.5), 0);
        for us in 1..=200 {
            stats.ran(Duration::from_micros(us), 1);
        }
        assert_eq!(stats.run_quantile_us(0.5), 150);
        assert_eq!(stats.run_quantile_us(0.99), 199);
    }
}
