//! Metrics of the request path: handles resolved once, then only atomics.

mod actors;
mod arena;
mod breakers;
mod connections;
mod log;
mod process;
mod requests;

use common::{ErrorCode, metric_names as names};
use inference_actor::RunTimes;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

pub(crate) use self::{
    actors::{ActorFigures, ActorMetrics},
    breakers::BreakerMetrics,
    requests::{RequestMetrics, RequestSeries},
};
use self::{log::LogFigures, process::ProcessFigures};
use crate::history::Reading;

/// Every metric of the process.
pub(crate) struct Metrics {
    registry: Registry,
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
    /// Requests by what they asked.
    pub(crate) requests: RequestMetrics,
    /// Memory of bodies in flight; set when scraped.
    pub(crate) body_bytes: IntGauge,
    /// The breakers; set when scraped.
    pub(crate) breakers: BreakerMetrics,
    /// Tensor memory; set when scraped.
    pub(crate) arena: arena::ArenaMetrics,
    /// Connections of all ports.
    pub(crate) connections: connections::ConnectionMetrics,
    /// The inference actors; set when scraped.
    pub(crate) actors: ActorMetrics,
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
        let counters =
            |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
                let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
                registry.register(Box::new(counter.clone()))?;
                Ok(counter)
            };
        registry.register(Box::new(ProcessFigures::new()?))?;
        registry.register(Box::new(LogFigures::new()?))?;
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
        let help = "Memory that bodies in flight take together.";
        let body_bytes = IntGauge::new(names::BODY_BYTES, help)?;
        registry.register(Box::new(body_bytes.clone()))?;
        let help = "Answers given without the model, by reason.";
        let degraded = counters(names::DEGRADED, help, &["reason"])?;
        // There from the start: a rate over a counter that appears with its first event misses it.
        for reason in [ErrorCode::Overloaded, ErrorCode::BreakerOpen] {
            degraded.with_label_values(&[reason.as_str()]);
        }
        Ok(Self {
            requests: RequestMetrics::new(&registry)?,
            actors: ActorMetrics::new(&registry)?,
            breakers: BreakerMetrics::new(&registry)?,
            arena: arena::ArenaMetrics::new(&registry)?,
            connections: connections::ConnectionMetrics::new(&registry)?,
            parse: seconds(names::PARSE_SECONDS, "Reading and parsing the request.")?,
            features: seconds(names::FEATURES_SECONDS, "Features, candidates and tensors.")?,
            queue: seconds(names::QUEUE_SECONDS, "Waiting for the actor.")?,
            batch: seconds(
                names::BATCH_SECONDS,
                "Gathering a batch and splitting its outputs.",
            )?,
            run: seconds(names::RUN_SECONDS, "Inside the engine.")?,
            encode: seconds(names::ENCODE_SECONDS, "Ranking and writing the items.")?,
            degraded,
            batch_rows,
            retried_on_other_actor,
            body_bytes,
            ready,
            registry,
        })
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

    /// A request was asked of a second actor.
    pub(crate) fn retried_on_other_actor(&self) {
        self.retried_on_other_actor.inc();
    }

    /// Tells scrapers whether the process is ready.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// The totals that the history is made of.
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            cpu_seconds: process::cpu_seconds(),
            ..self.requests.reading()
        }
    }

    /// Everything, in Prometheus' text format.
    pub(crate) fn text(&self) -> Result<String, prometheus::Error> {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

#[cfg(test)]
mod tests {
    use common::ModelKey;

    use super::*;
    use crate::request::Protocol;

    #[test]
    fn the_promise_is_a_bucket_edge_and_codes_are_labels() {
        let metrics = Metrics::new().unwrap();
        let model: ModelKey = "m:1".parse().unwrap();
        let series = metrics.requests.series(Protocol::Rest, &model, "home");
        series.answered(Some(ErrorCode::Deadline), 0.0109);
        let text = metrics.text().unwrap();
        assert!(text.contains("le=\"0.011\"} 1"), "{text}");
        assert!(text.contains("code=\"INFRA.IO.DEADLINE\",model=\"m\""));
    }
}
