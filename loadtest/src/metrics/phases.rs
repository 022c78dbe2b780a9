//! Time histograms out of a page of metrics: how long each phase took during the run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Series;

/// One time histogram's growth during the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Name and labels, without `le`.
    pub name: String,
    /// Observations.
    pub count: f64,
    /// Their mean.
    pub mean_us: f64,
    /// Median, interpolated within its bucket.
    pub p50_us: f64,
    /// P99, interpolated within its bucket; the last bound where it lies beyond all.
    pub p99_us: f64,
}

#[derive(Default)]
struct Parts {
    buckets: Vec<(f64, f64)>,
    sum: f64,
    count: f64,
}

/// Every histogram in seconds with observations, the slowest first.
pub(crate) fn phases(delta: &Series) -> Vec<Phase> {
    let mut parts: BTreeMap<String, Parts> = BTreeMap::new();
    for (series, value) in delta {
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}');
        if let Some(base) = name.strip_suffix("_seconds_bucket") {
            let (le, rest) = take_le(labels);
            if let Some(le) = le {
                parts
                    .entry(key(base, &rest))
                    .or_default()
                    .buckets
                    .push((le, *value));
            }
        } else if let Some(base) = name.strip_suffix("_seconds_sum") {
            parts.entry(key(base, labels)).or_default().sum = *value;
        } else if let Some(base) = name.strip_suffix("_seconds_count") {
            parts.entry(key(base, labels)).or_default().count = *value;
        }
    }
    let mut phases: Vec<Phase> = parts
        .into_iter()
        .filter(|(_, parts)| parts.count > 0.0)
        .map(|(name, mut parts)| {
            parts.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            Phase {
                name,
                count: parts.count,
                mean_us: parts.sum / parts.count * 1e6,
                p50_us: quantile(&parts.buckets, parts.count * 0.5) * 1e6,
                p99_us: quantile(&parts.buckets, parts.count * 0.99) * 1e6,
            }
        })
        .collect();
    phases.sort_by(|a, b| b.mean_us.total_cmp(&a.mean_us));
    phases
}

fn key(base: &str, labels: &str) -> String {
    if labels.is_empty() {
        base.to_owned()
    } else {
        format!("{base}{{{labels}}}")
    }
}

/// The bound of a bucket, and its other labels.
fn take_le(labels: &str) -> (Option<f64>, String) {
    let mut bound = None;
    let mut rest = Vec::new();
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        match label.trim().strip_prefix("le=\"") {
            Some("+Inf\"") => bound = Some(f64::INFINITY),
            Some(le) => bound = le.trim_end_matches('"').parse().ok(),
            None => rest.push(label.trim()),
        }
    }
    (bound, rest.join(","))
}

/// Buckets that did not grow are absent; counts are cumulative.
fn quantile(buckets: &[(f64, f64)], rank: f64) -> f64 {
    let (mut low, mut below) = (0.0, 0.0);
    for &(bound, count) in buckets {
        if count >= rank {
            if bound.is_infinite() {
                return low;
            }
            let share = if count > below {
                (rank - below) / (count - below)
            } else {
                1.0
            };
            return low + (bound - low) * share;
        }
        (low, below) = (bound, count);
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::parse;

    #[test]
    fn queue_and_run_are_told_apart() {
        let delta = parse(
            "queue_seconds_bucket{model=\"m\",le=\"0.001\"} 50\n\
             queue_seconds_bucket{model=\"m\",le=\"0.002\"} 100\n\
             queue_seconds_bucket{model=\"m\",le=\"+Inf\"} 100\n\
             queue_seconds_sum{model=\"m\"} 0.1\nqueue_seconds_count{model=\"m\"} 100\n\
             run_seconds_sum 0.5\nrun_seconds_count 100\nother_total 9\n",
        );
        let phases = phases(&delta);
        assert_eq!(phases.len(), 2);
        assert_eq!(phases[0].name, "run");
        assert!((phases[0].mean_us - 5000.0).abs() < 1e-6);
        assert_eq!(phases[1].name, "queue{model=\"m\"}");
        assert!((phases[1].p50_us - 1000.0).abs() < 1e-6);
        assert!((phases[1].p99_us - 1980.0).abs() < 1e-6);
    }
}
