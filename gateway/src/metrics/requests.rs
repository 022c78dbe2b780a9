//! Requests by what they asked: protocol, outcome, model, version and scene.
//!
//! The labels are bounded: a series is created for a version in service and a configured scene, and
//! removed when either is gone. A request that names anything else, or that was refused before its
//! model was known, counts as `other`.

use std::cell::OnceCell;

use common::{ErrorCode, ModelKey, metric_names as names};
use dashmap::DashSet;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
    core::Collector,
};

use crate::{history::Reading, request::Protocol};

/// The label of what is not known, or not configured.
const OTHER: &str = "other";

/// What a series is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Subject {
    protocol: Protocol,
    model: ModelKey,
    scene: Box<str>,
}

/// The requests of one subject, as one thread counts them: the handles are made once, then only
/// atomics.
pub(crate) struct RequestSeries {
    labels: [Box<str>; 4],
    requests: IntCounterVec,
    ok: IntCounter,
    failed: Vec<OnceCell<IntCounter>>,
    seconds: Histogram,
}

impl RequestSeries {
    /// A request was answered: with a result, or with an error.
    pub(crate) fn answered(&self, failure: Option<ErrorCode>, seconds: f64) {
        match failure {
            None => self.ok.inc(),
            Some(code) => self.refused(code),
        }
        self.seconds.observe(seconds);
    }

    /// A request was refused before it reached any work, so its latency says nothing.
    pub(crate) fn refused(&self, code: ErrorCode) {
        let make = || counter(&self.requests, &self.labels, code.as_str());
        self.failed[code as usize].get_or_init(make).inc();
    }
}

fn counter(requests: &IntCounterVec, labels: &[Box<str>; 4], code: &str) -> IntCounter {
    let [protocol, model, version, scene] = labels;
    requests.with_label_values(&[&**protocol, code, model, version, scene])
}

/// Every series of requests.
pub(crate) struct RequestMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    subjects: DashSet<Subject>,
}

impl RequestMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let help = "Requests answered, by protocol, outcome, model, version and scene.";
        let labels = ["protocol", "code", "model", "version", "scene"];
        let requests = IntCounterVec::new(Opts::new(names::REQUESTS, help), &labels)?;
        registry.register(Box::new(requests.clone()))?;
        let help = "From the last header byte to the answer handed to the socket.";
        let opts = HistogramOpts::new(names::REQUEST_SECONDS, help);
        let seconds = HistogramVec::new(
            opts.buckets(names::LATENCY_BUCKETS_SECONDS.to_vec()),
            &["protocol", "model", "version", "scene"],
        )?;
        registry.register(Box::new(seconds.clone()))?;
        let metrics = Self {
            requests,
            seconds,
            subjects: DashSet::new(),
        };
        // There from the start: a rate over a counter that appears with its first event misses it.
        for protocol in Protocol::ALL {
            let series = metrics.other(protocol);
            for code in ErrorCode::ALL {
                counter(&series.requests, &series.labels, code.as_str());
            }
        }
        Ok(metrics)
    }

    /// The requests for a version in a scene.
    #[must_use]
    pub(crate) fn series(
        &self,
        protocol: Protocol,
        model: &ModelKey,
        scene: &str,
    ) -> RequestSeries {
        self.subjects.insert(Subject {
            protocol,
            model: model.clone(),
            scene: scene.into(),
        });
        self.labelled(labels(protocol, model, scene))
    }

    /// The requests of a protocol that name nothing known.
    #[must_use]
    pub(crate) fn other(&self, protocol: Protocol) -> RequestSeries {
        let other = || Box::from(OTHER);
        self.labelled([protocol.label().into(), other(), other(), other()])
    }

    fn labelled(&self, labels: [Box<str>; 4]) -> RequestSeries {
        RequestSeries {
            ok: counter(&self.requests, &labels, "OK"),
            failed: ErrorCode::ALL.iter().map(|_| OnceCell::new()).collect(),
            seconds: self
                .seconds
                .with_label_values(&labels.each_ref().map(|l| &**l)),
            requests: self.requests.clone(),
            labels,
        }
    }

    /// Requests by outcome and by latency, over all series.
    pub(super) fn reading(&self) -> Reading {
        let mut reading = Reading::default();
        for family in self.requests.collect() {
            for metric in family.get_metric() {
                let code = metric.get_label().iter().find(|l| l.name() == "code");
                let code = code.map(|l| l.value().to_owned()).unwrap_or_default();
                // Counters of whole requests: exact up to 2^53.
                let count = metric.get_counter().get_value() as u64;
                *reading.by_code.entry(code).or_default() += count;
            }
        }
        reading.cumulative = vec![0; names::LATENCY_BUCKETS_SECONDS.len() + 1];
        for family in self.seconds.collect() {
            for metric in family.get_metric() {
                let histogram = metric.get_histogram();
                let buckets = histogram.get_bucket().iter().map(|b| b.cumulative_count());
                let all = std::iter::once(histogram.get_sample_count());
                for (sum, count) in reading.cumulative.iter_mut().zip(buckets.chain(all)) {
                    *sum += count;
                }
            }
        }
        reading
    }

    /// Removes the series whose version or scene is gone.
    pub(crate) fn retain(&self, live: impl Fn(&ModelKey, &str) -> bool) {
        self.subjects.retain(|subject| {
            let stays = live(&subject.model, &subject.scene);
            if !stays {
                let labels = labels(subject.protocol, &subject.model, &subject.scene);
                self.remove(&labels);
            }
            stays
        });
    }

    fn remove(&self, labels: &[Box<str>; 4]) {
        let [protocol, model, version, scene] = labels.each_ref().map(|l| &**l);
        // What was never made cannot be removed, which is no failure.
        let _ = self
            .seconds
            .remove_label_values(&[protocol, model, version, scene]);
        for code in std::iter::once("OK").chain(ErrorCode::ALL.iter().map(|code| code.as_str())) {
            let _ = self
                .requests
                .remove_label_values(&[protocol, code, model, version, scene]);
        }
    }
}

fn labels(protocol: Protocol, model: &ModelKey, scene: &str) -> [Box<str>; 4] {
    let version = model.version.to_string();
    [
        protocol.label().into(),
        model.name.as_str().into(),
        version.into(),
        scene.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(registry: &Registry) -> String {
        let encoder = prometheus::TextEncoder::new();
        encoder.encode_to_string(&registry.gather()).unwrap()
    }

    #[test]
    fn series_are_labelled_by_what_was_asked_and_leave_with_it() {
        let registry = Registry::new();
        let metrics = RequestMetrics::new(&registry).unwrap();
        let model: ModelKey = "m:7".parse().unwrap();
        let series = metrics.series(Protocol::Rest, &model, "home");
        series.answered(None, 0.001);
        series.answered(Some(ErrorCode::Deadline), 0.0109);
        let labels = r#"model="m",protocol="rest",scene="home",version="7""#;
        let line = format!("fusebox_requests_total{{code=\"INFRA.IO.DEADLINE\",{labels}}} 1");
        let found = text(&registry);
        assert!(found.contains(&line), "{found}");
        metrics.retain(|key, scene| *key == model && scene == "home");
        assert!(text(&registry).contains(&line));
        metrics.retain(|_, _| false);
        assert!(!text(&registry).contains("model=\"m\""));
    }

    #[test]
    fn what_names_nothing_known_is_other() {
        let registry = Registry::new();
        let metrics = RequestMetrics::new(&registry).unwrap();
        metrics.other(Protocol::Oip).refused(ErrorCode::NotFound);
        let line = r#"code="BUSI.INPUT.NOT_FOUND",model="other",protocol="oip",scene="other",version="other"} 1"#;
        assert!(text(&registry).contains(line));
    }
}
