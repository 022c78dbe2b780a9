//! Metrics by actor, set when somebody scrapes, from the actors' own counts.
//!
//! An actor's id names its load, so a reload brings new ids: the series of actors that are gone are
//! removed at the next scrape.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use common::metric_names as names;
use prometheus::{CounterVec, IntCounterVec, IntGaugeVec, Opts, Registry};

/// Why an actor got a new session.
const CAUSES: [&str; 5] = ["panic", "hang", "memory", "operator", "load_failure"];
/// Why an entry was dropped before its run.
const REASONS: [&str; 4] = ["expired", "abandoned", "shed", "refused"];

/// The counts of one actor, as it gave them.
#[derive(Debug, Default)]
pub(crate) struct ActorFigures {
    /// Entries dropped before their run: expired, abandoned, shed, refused.
    pub dropped: [u64; 4],
    /// Engine time spent on answers nobody waited for.
    pub wasted_seconds: f64,
    /// Processor time inside the engine.
    pub run_cpu_seconds: f64,
    /// Runs that gave outputs.
    pub runs: u64,
    /// Runs told to end at the last deadline of their requests.
    pub runs_terminated: u64,
    /// Rows of the runs that gave outputs.
    pub rows: u64,
    /// What its session holds.
    pub session_bytes: u64,
}

/// Handles of the metrics by actor.
pub(crate) struct ActorMetrics {
    mailbox_depth: IntGaugeVec,
    session_memory: IntGaugeVec,
    restarts: IntCounterVec,
    dropped: IntCounterVec,
    wasted: CounterVec,
    run_cpu: CounterVec,
    runs: IntCounterVec,
    runs_terminated: IntCounterVec,
    rows: IntCounterVec,
    /// Ids that have series.
    shown: Mutex<BTreeSet<String>>,
}

impl ActorMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauges = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["actor"])?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry
                .register(Box::new(counter.clone()))
                .map(|()| counter)
        };
        let seconds = |name: &str, help: &str| {
            let counter = CounterVec::new(Opts::new(name, help), &["actor"])?;
            registry
                .register(Box::new(counter.clone()))
                .map(|()| counter)
        };
        Ok(Self {
            mailbox_depth: gauges(names::MAILBOX_DEPTH, "Requests waiting, by actor.")?,
            session_memory: gauges(
                names::SESSION_MEMORY,
                "Memory a session holds, as the engine reports it; 0 where it does not.",
            )?,
            restarts: counters(
                names::ACTOR_RESTARTS,
                "New sessions, by actor and cause.",
                &["actor", "cause"],
            )?,
            dropped: counters(
                names::DROPPED,
                "Entries dropped before their run.",
                &["actor", "reason"],
            )?,
            wasted: seconds(
                names::WASTED_SECONDS,
                "Engine time spent on answers that nobody waited for.",
            )?,
            run_cpu: seconds(
                names::RUN_CPU_SECONDS,
                "Processor time inside the engine, by actor; of runs under 200 us a random one in 16 is \
                 measured and stands for those since the last.",
            )?,
            runs: counters(names::RUNS, "Runs that gave outputs, by actor.", &["actor"])?,
            runs_terminated: counters(
                names::RUNS_TERMINATED,
                "Runs told to end because the deadlines of all their requests had passed.",
                &["actor"],
            )?,
            rows: counters(
                names::ROWS,
                "Candidate rows of those runs, by actor.",
                &["actor"],
            )?,
            shown: Mutex::default(),
        })
    }

    /// Shows what is known of an actor from outside: requests waiting, and new sessions by cause
    /// (panic, hang, memory, operator, load failure).
    pub(crate) fn supervised(&self, id: &str, waiting: usize, sessions: [u64; 5]) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if !shown.contains(id) {
            shown.insert(id.to_owned());
        }
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        self.mailbox_depth.with_label_values(&[id]).set(waiting);
        for (cause, count) in CAUSES.into_iter().zip(sessions) {
            set(&self.restarts, &[id, cause], count);
        }
    }

    /// Shows an actor's own counts.
    pub(crate) fn counted(&self, id: &str, figures: &ActorFigures) {
        for (reason, count) in REASONS.into_iter().zip(figures.dropped) {
            set(&self.dropped, &[id, reason], count);
        }
        set(&self.runs, &[id], figures.runs);
        set(&self.runs_terminated, &[id], figures.runs_terminated);
        set(&self.rows, &[id], figures.rows);
        for (counter, seconds) in [
            (&self.wasted, figures.wasted_seconds),
            (&self.run_cpu, figures.run_cpu_seconds),
        ] {
            let counter = counter.with_label_values(&[id]);
            counter.reset();
            counter.inc_by(seconds);
        }
        let held = i64::try_from(figures.session_bytes).unwrap_or(i64::MAX);
        self.session_memory.with_label_values(&[id]).set(held);
    }

    /// Removes the series of all actors but these.
    pub(crate) fn retain(&self, live: &BTreeSet<String>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for id in shown.iter().filter(|id| !live.contains(*id)) {
            // What was never made cannot be removed, which is no failure.
            for gauge in [&self.mailbox_depth, &self.session_memory] {
                let _ = gauge.remove_label_values(&[id]);
            }
            for counter in [&self.runs, &self.runs_terminated, &self.rows] {
                let _ = counter.remove_label_values(&[id]);
            }
            for counter in [&self.wasted, &self.run_cpu] {
                let _ = counter.remove_label_values(&[id]);
            }
            for cause in CAUSES {
                let _ = self.restarts.remove_label_values(&[id.as_str(), cause]);
            }
            for reason in REASONS {
                let _ = self.dropped.remove_label_values(&[id.as_str(), reason]);
            }
        }
        shown.retain(|id| live.contains(id));
    }
}

/// The actor counts; here its count is only shown.
fn set(counter: &IntCounterVec, labels: &[&str], count: u64) {
    let counter = counter.with_label_values(labels);
    counter.reset();
    counter.inc_by(count);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_actors_that_are_gone_are_removed() {
        let registry = Registry::new();
        let metrics = ActorMetrics::new(&registry).unwrap();
        for load in 0..50 {
            let id = format!("m-l{load}-w0");
            metrics.supervised(&id, 1, [1; 5]);
            metrics.counted(&id, &ActorFigures::default());
            metrics.retain(&BTreeSet::from([id]));
        }
        let series = |of: &str| {
            let encoder = prometheus::TextEncoder::new();
            let text = encoder.encode_to_string(&registry.gather()).unwrap();
            text.lines().filter(|line| line.contains(of)).count()
        };
        assert_eq!(series("m-l48-w0"), 0);
        // One of each of seven families, five causes and four reasons.
        assert_eq!((series("m-l49-w0"), series("actor=")), (16, 16));
    }
}
