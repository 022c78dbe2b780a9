//! The last 15 minutes in figures, one sample a second, for the page of the admin port.
//!
//! Pure: a sample is made from two readings of the counters, with the time passed in. The bound is
//! [`SAMPLES`]; the oldest sample leaves.

mod sampler;

use std::collections::{BTreeMap, VecDeque};

use common::metric_names::LATENCY_BUCKETS_SECONDS;
use serde::Serialize;

pub(crate) use self::sampler::{History, Sampler};

/// 15 minutes of one sample a second.
const SAMPLES: usize = 900;
/// Latency quantiles are taken over this many seconds, so that a quiet second still has some.
const WINDOW: usize = 10;

/// What the counters said at one moment. All of it only grows, but for a series that leaves.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reading {
    /// Requests by outcome: `OK` or an error code.
    pub by_code: BTreeMap<String, u64>,
    /// Requests at or below each edge of [`LATENCY_BUCKETS_SECONDS`], then all.
    pub cumulative: Vec<u64>,
    /// Processor time of the process, in seconds.
    pub cpu_seconds: f64,
}

/// One second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Sample {
    /// Wall-clock time, for the axis only.
    pub at_ms: u64,
    /// Requests answered, per second.
    pub requests_per_s: f64,
    /// Errors of that second by code; codes without any are left out.
    pub errors: BTreeMap<String, u64>,
    /// Median latency of the last ten seconds; none without requests.
    pub p50_us: Option<u64>,
    /// 99th percentile of the last ten seconds.
    pub p99_us: Option<u64>,
    /// Cores in use.
    pub cores: f64,
}

/// The samples, and the readings that the next one needs.
#[derive(Debug, Default)]
pub(super) struct Ring {
    samples: VecDeque<Sample>,
    readings: VecDeque<Reading>,
}

impl Ring {
    /// Takes a reading `seconds` after the one before; the first makes no sample.
    pub(super) fn push(&mut self, reading: Reading, at_ms: u64, seconds: f64) -> Option<&Sample> {
        let previous = self.readings.back().cloned();
        if self.readings.len() == WINDOW {
            self.readings.pop_front();
        }
        self.readings.push_back(reading);
        let (previous, now) = (previous?, self.readings.back()?);
        let first = self.readings.front()?;
        let seconds = seconds.max(1e-3);
        let answered: u64 = growth(&previous.by_code, &now.by_code)
            .map(|(_, n)| n)
            .sum();
        let latencies = Latencies::between(first, now);
        let sample = Sample {
            at_ms,
            requests_per_s: answered as f64 / seconds,
            errors: growth(&previous.by_code, &now.by_code)
                .filter(|(code, n)| *n > 0 && code.as_str() != "OK")
                .map(|(code, n)| (code.clone(), n))
                .collect(),
            p50_us: latencies.quantile_us(0.50),
            p99_us: latencies.quantile_us(0.99),
            cores: (now.cpu_seconds - previous.cpu_seconds).max(0.0) / seconds,
        };
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        self.samples.back()
    }

    pub(super) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }
}

/// What was added to each counter. A series that left with its model must not count backwards.
fn growth<'r>(
    before: &'r BTreeMap<String, u64>,
    now: &'r BTreeMap<String, u64>,
) -> impl Iterator<Item = (&'r String, u64)> {
    now.iter().map(|(code, n)| {
        let earlier = before.get(code).copied().unwrap_or(0);
        (code, n.saturating_sub(earlier))
    })
}

/// Requests by bucket between two readings.
struct Latencies(Vec<u64>);

impl Latencies {
    fn between(before: &Reading, now: &Reading) -> Self {
        let earlier = |place: usize| before.cumulative.get(place).copied().unwrap_or(0);
        let pairs = now.cumulative.iter().enumerate();
        Self(pairs.map(|(i, n)| n.saturating_sub(earlier(i))).collect())
    }

    /// Interpolated inside the bucket, as Prometheus does; beyond the last edge, that edge.
    fn quantile_us(&self, share: f64) -> Option<u64> {
        let all = *self.0.last()?;
        if all == 0 {
            return None;
        }
        let rank = share * all as f64;
        let mut lower = (0.0, 0.0);
        for (edge, count) in LATENCY_BUCKETS_SECONDS.iter().zip(&self.0) {
            let count = *count as f64;
            if count >= rank {
                let inside = count - lower.1;
                let part = if inside > 0.0 {
                    (rank - lower.1) / inside
                } else {
                    1.0
                };
                return Some(((lower.0 + (edge - lower.0) * part) * 1e6).round() as u64);
            }
            lower = (*edge, count);
        }
        Some((lower.0 * 1e6) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(ok: u64, failed: u64, within_11_ms: u64) -> Reading {
        let edges = LATENCY_BUCKETS_SECONDS.iter();
        let mut cumulative: Vec<u64> = edges
            .map(|edge| if *edge >= 0.011 { within_11_ms } else { 0 })
            .collect();
        cumulative.push(ok + failed);
        let by_code = [("OK", ok), ("INFRA.IO.OVERLOADED", failed)];
        Reading {
            by_code: by_code.map(|(code, n)| (code.to_owned(), n)).into(),
            cumulative,
            cpu_seconds: 0.0,
        }
    }

    #[test]
    fn a_sample_is_the_growth_since_the_reading_before() {
        let mut ring = Ring::default();
        assert_eq!(ring.push(reading(0, 0, 0), 1_000, 1.0), None);
        let sample = ring.push(reading(90, 10, 100), 2_000, 1.0).unwrap();
        assert_eq!(sample.requests_per_s, 100.0);
        assert_eq!(sample.errors["INFRA.IO.OVERLOADED"], 10);
        // All lie between 7.5 and 11 ms.
        assert_eq!(sample.p99_us, Some(10_965));
        let quiet = ring.push(reading(90, 10, 100), 3_000, 1.0).unwrap();
        assert_eq!((quiet.requests_per_s, quiet.errors.len()), (0.0, 0));
        assert_eq!(quiet.p99_us, Some(10_965), "of the last ten seconds");
    }

    #[test]
    fn a_series_that_leaves_makes_no_negative_figure() {
        let mut ring = Ring::default();
        ring.push(reading(90, 10, 100), 1_000, 1.0);
        let sample = ring.push(reading(5, 0, 5), 2_000, 1.0).unwrap();
        assert_eq!((sample.requests_per_s, sample.p99_us), (0.0, None));
    }

    #[test]
    fn the_oldest_sample_leaves_after_15_minutes() {
        let mut ring = Ring::default();
        for second in 0..1_000 {
            ring.push(reading(second, 0, second), second * 1_000, 1.0);
        }
        let kept: Vec<_> = ring.samples().map(|sample| sample.at_ms).collect();
        assert_eq!((kept.len(), kept[0]), (SAMPLES, 100_000));
    }
}
