//! Metrics by breaker. Those of a key that the breakers have forgotten are removed at the next
//! scrape.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use breaker::{BreakerSnapshot, KeyTransition, ReleaseDecision};
use common::metric_names as names;
use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

const QUANTITIES: [&str; 5] = ["threshold", "ceiling", "baseline", "p99", "p99_bound"];

/// Handles of the metrics by breaker.
pub(crate) struct BreakerMetrics {
    transitions: IntCounterVec,
    canary_decisions: IntCounterVec,
    state: IntGaugeVec,
    seconds: GaugeVec,
    samples: IntGaugeVec,
    restarts: IntCounter,
    seen: Mutex<Seen>,
}

/// What has series.
#[derive(Default)]
struct Seen {
    keys: BTreeSet<String>,
    transitions: BTreeSet<[String; 4]>,
}

impl BreakerMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let transitions = IntCounterVec::new(
            Opts::new(
                names::BREAKER_TRANSITIONS,
                "Changes of the breakers' states.",
            ),
            &["key", "from", "to", "reason"],
        )?;
        let help = "0 closed, 1 open, 2 half-open, 3 ramp.";
        let state = IntGaugeVec::new(Opts::new(names::BREAKER_STATE, help), &["key"])?;
        let help = "Requests in the slow window.";
        let samples = IntGaugeVec::new(Opts::new(names::BREAKER_SAMPLES, help), &["key"])?;
        let help = "What a breaker has measured and compares: threshold, ceiling, baseline, p99, p99_bound.";
        let opts = Opts::new(names::BREAKER_SECONDS, help);
        let seconds = GaugeVec::new(opts, &["key", "quantity"])?;
        let help = "Times the breaker actor was rebuilt after a panic.";
        let restarts = IntCounter::new(names::BREAKER_RESTARTS, help)?;
        let help = "Decisions about canaries, by model and decision.";
        let opts = Opts::new(names::CANARY_DECISIONS, help);
        let canary_decisions = IntCounterVec::new(opts, &["model", "decision"])?;
        registry.register(Box::new(canary_decisions.clone()))?;
        registry.register(Box::new(transitions.clone()))?;
        registry.register(Box::new(state.clone()))?;
        registry.register(Box::new(samples.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(restarts.clone()))?;
        Ok(Self {
            transitions,
            canary_decisions,
            state,
            seconds,
            samples,
            restarts,
            seen: Mutex::default(),
        })
    }

    /// A breaker changed its state.
    pub(crate) fn transition(&self, change: &KeyTransition) {
        let t = &change.transition;
        let labels = [&*change.key, t.from.name(), t.to.name(), t.reason.name()];
        self.transitions.with_label_values(&labels).inc();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.transitions.insert(labels.map(str::to_owned));
    }

    /// Something was decided about a canary.
    pub(crate) fn canary_decision(&self, decided: &ReleaseDecision) {
        let labels = [&*decided.release.model, decided.decision.name()];
        self.canary_decisions.with_label_values(&labels).inc();
    }

    /// Shows the breakers as they are now, and removes those that are no more.
    pub(crate) fn show(&self, restarts: u64, breakers: &[BreakerSnapshot]) {
        self.restarts.reset();
        self.restarts.inc_by(restarts);
        for breaker in breakers {
            let key = breaker.key.as_str();
            let state = breaker.state as i64;
            self.state.with_label_values(&[key]).set(state);
            let learned = &breaker.learned;
            let samples = i64::try_from(learned.samples).unwrap_or(i64::MAX);
            self.samples.with_label_values(&[key]).set(samples);
            let values_us = [
                learned.threshold_us,
                learned.ceiling_us,
                learned.baseline_us,
                learned.p99_us,
                learned.p99_bound_us,
            ];
            for (quantity, value_us) in QUANTITIES.into_iter().zip(values_us) {
                let labels = [key, quantity];
                match value_us {
                    Some(us) => self.seconds.with_label_values(&labels).set(us / 1e6),
                    // Not measured now: the last figure must not stand for it.
                    None => drop(self.seconds.remove_label_values(&labels)),
                }
            }
        }
        self.retain(breakers.iter().map(|breaker| breaker.key.clone()).collect());
    }

    fn retain(&self, live: BTreeSet<String>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // What was never made cannot be removed, which is no failure.
        for key in seen.keys.difference(&live) {
            let _ = self.state.remove_label_values(&[key]);
            let _ = self.samples.remove_label_values(&[key]);
            for quantity in QUANTITIES {
                let _ = self.seconds.remove_label_values(&[key.as_str(), quantity]);
            }
        }
        seen.transitions.retain(|labels| {
            let stays = live.contains(&labels[0]);
            if !stays {
                let labels = labels.each_ref().map(String::as_str);
                let _ = self.transitions.remove_label_values(&labels);
            }
            stays
        });
        seen.keys = live;
    }
}
