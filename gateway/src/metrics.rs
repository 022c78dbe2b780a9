//! Metrics of the request path: handles resolved once, then only atomics.

mod arena;
mod process;

use common::{ErrorCode, metric_names as names};
use inference_actor::RunTimes;
use prometheus::{
    CounterVec, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry,
};

use self::process::ProcessFigures;
use crate::request::Protocol;

struct PerProtocol {
    ok: IntCounter,
    failed: Vec<IntCounter>,
    seconds: Histogram,
}

/// Every metric of the process.
pub(crate) struct Metrics {
    registry: Registry,
    protocols: Vec<PerProtocol>,
    parse: Histogram,
    features: Histogram,
    queue: Histogram,
    batch: Histogram,
    run: Histogram,
    encode: Histogram,
    batch_rows: Histogram,
    ready: IntGauge,
    degraded: IntCounterVec,
    retried_on_other_actor: IntCounter,
    silent_connections: IntCounter,
    /// Breakers' changes of state.
    transitions: IntCounterVec,
    /// Memory of bodies in flight; set when scraped.
    pub(crate) body_bytes: IntGauge,
    /// Times the breakers were made anew; set when scraped, from their actor's own count.
    pub(crate) breaker_restarts: IntCounter,
    /// Breakers as of the last scrape.
    pub(crate) breaker_state: IntGaugeVec,
    pub(crate) breaker_seconds: GaugeVec,
    pub(crate) breaker_samples: IntGaugeVec,
    /// Engine time spent on answers nobody waited for; set when scraped.
    pub(crate) wasted: CounterVec,
    /// Tensor memory; set when scraped.
    pub(crate) arena: arena::ArenaMetrics,
    /// Processor time inside the engine, by actor; set when scraped.
    pub(crate) run_cpu: CounterVec,
    /// Runs, by actor; likewise.
    pub(crate) runs: IntCounterVec,
    /// Rows of those runs, by actor; likewise.
    pub(crate) rows: IntCounterVec,
    /// Waiting requests, by actor; set when scraped.
    pub(crate) mailbox_depth: IntGaugeVec,
    /// What sessions hold, by actor; set when scraped.
    pub(crate) session_memory: IntGaugeVec,
    /// New sessions, by actor and cause; set when scraped, from the actors' own counts.
    pub(crate) restarts: IntCounterVec,
    /// Entries dropped before their run, by actor and reason; likewise.
    pub(crate) dropped: IntCounterVec,
}

impl Metrics {
    /// Fresh metrics in a registry of their own.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let seconds = |name: &str, help: &str| -> Result<Histogram, prometheus::Error> {
            let opts =
                HistogramOpts::new(name, help).buckets(names::LATENCY_BUCKETS_SECONDS.to_vec());
            let histogram = Histogram::with_opts(opts)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok(histogram)
        };
        let gauges =
            |name: &str, help: &str, labels: &[&str]| -> Result<IntGaugeVec, prometheus::Error> {
                let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
                registry.register(Box::new(gauge.clone()))?;
                Ok(gauge)
            };
        let counters =
            |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
                let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
                registry.register(Box::new(counter.clone()))?;
                Ok(counter)
            };
        let seconds_by_actor = |name: &str, help: &str| -> Result<CounterVec, prometheus::Error> {
            let counter = CounterVec::new(Opts::new(name, help), &["actor"])?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        registry.register(Box::new(ProcessFigures::new()?))?;
        let batch_rows = Histogram::with_opts(
            HistogramOpts::new(names::BATCH_ROWS, "Candidate rows of a run.").buckets(vec![
                1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 400.0, 1000.0,
            ]),
        )?;
        registry.register(Box::new(batch_rows.clone()))?;
        let ready = IntGauge::new(names::READY, "Whether the process is ready (1) or not (0).")?;
        registry.register(Box::new(ready.clone()))?;
        let build = IntGaugeVec::new(
            Opts::new(names::BUILD_INFO, "Build information."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        let help = "Requests asked of a second actor because the first could not finish.";
        let retried_on_other_actor = IntCounter::new(names::RETRIES, help)?;
        registry.register(Box::new(retried_on_other_actor.clone()))?;
        let help = "Connections closed because they said nothing in their time.";
        let silent_connections = IntCounter::new(names::SILENT_CONNECTIONS, help)?;
        registry.register(Box::new(silent_connections.clone()))?;
        let help = "Memory that bodies in flight take together.";
        let body_bytes = IntGauge::new(names::BODY_BYTES, help)?;
        registry.register(Box::new(body_bytes.clone()))?;
        let help = "Times the breakers were made anew after a panic.";
        let breaker_restarts = IntCounter::new(names::BREAKER_RESTARTS, help)?;
        registry.register(Box::new(breaker_restarts.clone()))?;
        let actor = &["actor"];
        let help = "Answers given without the model, by reason.";
        let degraded = counters(names::DEGRADED, help, &["reason"])?;
        // There from the start: a rate over a counter that appears with its first event misses it.
        for reason in [ErrorCode::Overloaded, ErrorCode::BreakerOpen] {
            degraded.with_label_values(&[reason.as_str()]);
        }
        Ok(Self {
            protocols: protocols(&registry)?,
            arena: arena::ArenaMetrics::new(&registry)?,
            parse: seconds(names::PARSE_SECONDS, "Reading and parsing the request.")?,
            features: seconds(names::FEATURES_SECONDS, "Features, candidates and tensors.")?,
            queue: seconds(names::QUEUE_SECONDS, "Waiting for the actor.")?,
            batch: seconds(
                names::BATCH_SECONDS,
                "Gathering a batch and splitting its outputs.",
            )?,
            run: seconds(names::RUN_SECONDS, "Inside the engine.")?,
            encode: seconds(names::ENCODE_SECONDS, "Ranking and writing the items.")?,
            mailbox_depth: gauges(names::MAILBOX_DEPTH, "Requests waiting, by actor.", actor)?,
            session_memory: gauges(
                names::SESSION_MEMORY,
                "What a session holds, by the engine's account; 0 where it does not say.",
                actor,
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
            degraded,
            transitions: counters(
                names::BREAKER_TRANSITIONS,
                "Breakers' changes of state.",
                &["key", "from", "to", "reason"],
            )?,
            breaker_state: gauges(
                names::BREAKER_STATE,
                "0 closed, 1 open, 2 half-open, 3 ramp.",
                &["key"],
            )?,
            breaker_samples: gauges(
                names::BREAKER_SAMPLES,
                "Requests in the slow window.",
                &["key"],
            )?,
            breaker_seconds: {
                let help = "What a breaker has measured and compares: threshold, ceiling, baseline, p99, p99_bound.";
                let gauge = GaugeVec::new(
                    Opts::new(names::BREAKER_SECONDS, help),
                    &["key", "quantity"],
                )?;
                registry.register(Box::new(gauge.clone()))?;
                gauge
            },
            wasted: seconds_by_actor(
                names::WASTED_SECONDS,
                "Engine time spent on answers that nobody waited for.",
            )?,
            run_cpu: seconds_by_actor(
                names::RUN_CPU_SECONDS,
                "Processor time inside the engine, by actor; of runs under 200 us one in 16 is measured, \
                 drawn by lot, and stands for those since the last.",
            )?,
            runs: counters(names::RUNS, "Runs that gave outputs, by actor.", actor)?,
            rows: counters(
                names::ROWS,
                "Candidate rows of those runs, by actor.",
                actor,
            )?,
            batch_rows,
            retried_on_other_actor,
            silent_connections,
            breaker_restarts,
            body_bytes,
            ready,
            registry,
        })
    }

    /// One request was answered: with a result, or with an error.
    pub(crate) fn answered(&self, protocol: Protocol, failure: Option<ErrorCode>, seconds: f64) {
        let of = &self.protocols[protocol as usize];
        match failure {
            None => of.ok.inc(),
            Some(code) => of.failed[code as usize].inc(),
        }
        of.seconds.observe(seconds);
    }

    /// A request was refused before it reached any work, so its latency says nothing.
    pub(crate) fn refused(&self, protocol: Protocol, code: ErrorCode) {
        self.protocols[protocol as usize].failed[code as usize].inc();
    }

    /// Where the time of an answered request went.
    pub(crate) fn phases(&self, times: &crate::timing::Times) {
        self.parse.observe(times.parse.as_secs_f64());
        self.features.observe(times.features.as_secs_f64());
        self.encode.observe(times.encode.as_secs_f64());
        self.run(&times.run);
    }

    /// Where the time of an answered inference request went; it looks up no features.
    pub(crate) fn inference(&self, times: &crate::timing::Times) {
        self.parse.observe(times.parse.as_secs_f64());
        self.encode.observe(times.encode.as_secs_f64());
        self.run(&times.run);
    }

    fn run(&self, times: &RunTimes) {
        // A request whose candidate list was empty was never run.
        if times.batch_rows == 0 {
            return;
        }
        self.queue.observe(times.queue.as_secs_f64());
        if times.leads_batch {
            self.batch.observe(times.batch.as_secs_f64());
            self.run.observe(times.run.as_secs_f64());
            self.batch_rows.observe(times.batch_rows as f64);
        }
    }

    /// A fallback answered, for this reason.
    pub(crate) fn degraded(&self, reason: ErrorCode) {
        self.degraded.with_label_values(&[reason.as_str()]).inc();
    }

    /// A breaker changed its state.
    pub(crate) fn transition(&self, change: &breaker::KeyTransition) {
        let t = &change.transition;
        let labels = [&*change.key, t.from.name(), t.to.name(), t.reason.name()];
        self.transitions.with_label_values(&labels).inc();
    }

    /// A request was asked of a second actor.
    pub(crate) fn retried_on_other_actor(&self) {
        self.retried_on_other_actor.inc();
    }

    /// A connection said nothing in its time.
    pub(crate) fn closed_silent(&self) {
        self.silent_connections.inc();
    }

    /// Tells scrapers whether the process is ready.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// Everything, in Prometheus' text format.
    pub(crate) fn text(&self) -> Result<String, prometheus::Error> {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn protocols(registry: &Registry) -> Result<Vec<PerProtocol>, prometheus::Error> {
    let help = "Requests answered, by protocol and outcome.";
    let requests = IntCounterVec::new(Opts::new(names::REQUESTS, help), &["protocol", "code"])?;
    registry.register(Box::new(requests.clone()))?;
    let help = "From the last header byte to the answer handed to the socket.";
    let opts = HistogramOpts::new(names::REQUEST_SECONDS, help);
    let seconds = HistogramVec::new(
        opts.buckets(names::LATENCY_BUCKETS_SECONDS.to_vec()),
        &["protocol"],
    )?;
    registry.register(Box::new(seconds.clone()))?;
    let of = |protocol: Protocol| {
        let label = protocol.label();
        PerProtocol {
            ok: requests.with_label_values(&[label, "OK"]),
            failed: ErrorCode::ALL
                .iter()
                .map(|c| requests.with_label_values(&[label, c.as_str()]))
                .collect(),
            seconds: seconds.with_label_values(&[label]),
        }
    };
    Ok(Protocol::ALL.into_iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_promise_is_a_bucket_edge_and_codes_are_labels() {
        let metrics = Metrics::new().unwrap();
        metrics.answered(Protocol::Rest, Some(ErrorCode::Deadline), 0.0109);
        let text = metrics.text().unwrap();
        assert!(text.contains("le=\"0.011\"} 1"), "{text}");
        assert!(
            text.contains("fusebox_requests_total{code=\"INFRA.IO.DEADLINE\",protocol=\"rest\"} 1")
        );
    }
}
