//! `--fail-if` expressions: `METRIC OP VALUE`, stating what counts as a failure.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::units::{micros, parse_duration};

/// What an expression is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Metric {
    /// A quantile of latency from the scheduled time, 0 to 1.
    Quantile(f64),
    /// The longest latency.
    Max,
    /// The mean latency.
    Mean,
    /// Failed requests over sent requests.
    ErrorRate,
    /// Answers per second.
    Rate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// One parsed expression; its value is in microseconds, a share, or requests per second.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    metric: Metric,
    comparison: Comparison,
    value: f64,
}

/// An expression that was not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ThresholdError {
    /// No comparison sign.
    #[error("`{0}` has no <, <=, > or >=; write what counts as failure, such as p99>100ms")]
    NoComparison(String),
    /// Unknown metric.
    #[error(
        "`{0}` is no metric; known are p50, p90, p99, p999 and any other pN, max, mean, \
         error_rate and rate"
    )]
    Metric(String),
    /// Value that does not fit the metric.
    #[error("`{value}` does not fit `{metric}`; write {example}")]
    Value {
        /// The metric as written.
        metric: String,
        /// The value as written.
        value: String,
        /// One that would do.
        example: &'static str,
    },
}

/// What the run gave for one expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The expression as written.
    pub expression: String,
    /// The measured value: microseconds, a share, or requests per second.
    pub actual: f64,
    /// True where the failure it states has happened.
    pub failed: bool,
}

impl Threshold {
    /// What it is about.
    pub fn metric(&self) -> &Metric {
        &self.metric
    }

    /// The latency it names in microseconds, if it is about latency.
    pub fn latency_us(&self) -> Option<f64> {
        match self.metric {
            Metric::Quantile(_) | Metric::Max | Metric::Mean => Some(self.value),
            Metric::ErrorRate | Metric::Rate => None,
        }
    }

    /// Judges a measured value, given in the unit of [`Verdict::actual`].
    pub fn judge(&self, actual: f64) -> Verdict {
        let failed = match self.comparison {
            Comparison::Less => actual < self.value,
            Comparison::LessOrEqual => actual <= self.value,
            Comparison::Greater => actual > self.value,
            Comparison::GreaterOrEqual => actual >= self.value,
        };
        Verdict {
            expression: self.text.clone(),
            actual,
            failed,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let text = text.trim();
        let at = text
            .find(['<', '>'])
            .ok_or_else(|| ThresholdError::NoComparison(text.to_owned()))?;
        let (name, rest) = text.split_at(at);
        let (comparison, value) = match rest.as_bytes() {
            [b'<', b'=', ..] => (Comparison::LessOrEqual, &rest[2..]),
            [b'>', b'=', ..] => (Comparison::GreaterOrEqual, &rest[2..]),
            [b'<', ..] => (Comparison::Less, &rest[1..]),
            _ => (Comparison::Greater, &rest[1..]),
        };
        let (name, value) = (name.trim(), value.trim());
        let metric = parse_metric(name).ok_or_else(|| ThresholdError::Metric(name.to_owned()))?;
        let value = parse_value(&metric, value).ok_or_else(|| ThresholdError::Value {
            metric: name.to_owned(),
            value: value.to_owned(),
            example: example(&metric),
        })?;
        Ok(Self {
            text: text.to_owned(),
            metric,
            comparison,
            value,
        })
    }
}

/// Reads `p99`, `p999` (99.9 %), `p99.9`, `max`, `mean`, `error_rate` or `rate`.
pub(crate) fn parse_metric(name: &str) -> Option<Metric> {
    match name {
        "max" => Some(Metric::Max),
        "mean" => Some(Metric::Mean),
        "error_rate" => Some(Metric::ErrorRate),
        "rate" => Some(Metric::Rate),
        _ => parse_quantile(name.strip_prefix('p')?).map(Metric::Quantile),
    }
}

/// `5` → 0.05, `99` → 0.99, `999` → 0.999, `99.9` → 0.999: digits past the second are decimals.
/// Without a point only those of the tail are taken that way, or p100 would be the tenth part.
fn parse_quantile(digits: &str) -> Option<f64> {
    let (whole, decimals) = match digits.split_once('.') {
        Some(parts) => parts,
        None if digits.len() > 2 && digits.starts_with('9') => digits.split_at(2),
        None => (digits, ""),
    };
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 2 || !is_number(whole) || !is_number(decimals) {
        return None;
    }
    let quantile: f64 = format!("0.{whole:0>2}{decimals}").parse().ok()?;
    (quantile > 0.0).then_some(quantile)
}

fn parse_value(metric: &Metric, value: &str) -> Option<f64> {
    match metric {
        Metric::Quantile(_) | Metric::Max | Metric::Mean => parse_duration(value).ok().map(micros),
        Metric::ErrorRate => {
            let (number, scale) = value
                .strip_suffix('%')
                .map_or((value, 1.0), |percent| (percent, 100.0));
            let share = number.trim().parse::<f64>().ok()? / scale;
            (0.0..=1.0).contains(&share).then_some(share)
        }
        Metric::Rate => {
            let rate = value.trim_end_matches("/s").parse::<f64>().ok()?;
            (rate.is_finite() && rate >= 0.0).then_some(rate)
        }
    }
}

fn example(metric: &Metric) -> &'static str {
    match metric {
        Metric::ErrorRate => "a share such as 0.1% or 0.001",
        Metric::Rate => "requests per second such as 1000",
        _ => "a time with its unit such as 100ms",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Threshold {
        text.parse().expect(text)
    }

    #[test]
    fn the_documented_expressions_are_read() {
        assert_eq!(parse("p99>100ms").latency_us(), Some(100_000.0));
        assert_eq!(parse("p999 > 20ms").metric(), &Metric::Quantile(0.999));
        assert_eq!(parse("max>1s").latency_us(), Some(1e6));
        assert_eq!(parse("error_rate>0.1%").latency_us(), None);
        assert_eq!(parse("rate<1000").metric(), &Metric::Rate);
        assert_eq!(parse("p50>1ms").metric(), &Metric::Quantile(0.5));
        assert_eq!(parse("p99.9>1ms").metric(), &Metric::Quantile(0.999));
    }

    #[test]
    fn an_expression_states_the_failure() {
        assert!(parse("p99>100ms").judge(100_001.0).failed);
        assert!(!parse("p99>100ms").judge(100_000.0).failed);
        assert!(parse("p99>=100ms").judge(100_000.0).failed);
        assert!(parse("rate<1000").judge(999.9).failed);
        assert!(!parse("rate<=1000").judge(1000.1).failed);
        assert!(parse("error_rate>0.1%").judge(0.002).failed);
        assert!(!parse("error_rate>0.1%").judge(0.001).failed);
    }

    #[test]
    fn what_is_not_an_expression_is_refused() {
        let bad = [
            "p99",
            "p99=5ms",
            "q99>5ms",
            "p100>5ms",
            "p0>5ms",
            "p>5ms",
            "p99>5",
            "p99>",
            "error_rate>2",
            "error_rate>5ms",
            "rate<-1",
            "rate<1ms",
            ">5ms",
            "",
            "p9x>1ms",
        ];
        for text in bad {
            assert!(text.parse::<Threshold>().is_err(), "`{text}` was accepted");
        }
    }
}
