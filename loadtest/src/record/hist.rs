//! Histograms of times: three significant digits from nanoseconds to minutes, merged and never
//! averaged, written in HdrHistogram's own V2 format so that other tools can read them.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer as HdrReader, Serializer as _, V2DeflateSerializer},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

const SIGNIFICANT_DIGITS: u8 = 3;

/// A histogram that could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum HistError {
    /// Not base64.
    #[error("a histogram is not base64")]
    Base64(#[from] base64::DecodeError),
    /// Not a V2 histogram.
    #[error("a histogram is not in HdrHistogram's V2 format: {0}")]
    Format(String),
}

/// The quantiles that every report shows, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Number of values.
    pub count: u64,
    pub min_us: f64,
    pub mean_us: f64,
    pub p50_us: f64,
    pub p75_us: f64,
    pub p90_us: f64,
    pub p95_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub p9999_us: f64,
    pub max_us: f64,
}

/// A histogram in nanoseconds.
#[derive(Clone, Debug)]
pub struct Hist(Histogram<u64>);

impl Default for Hist {
    fn default() -> Self {
        Self(Histogram::new(SIGNIFICANT_DIGITS).expect("3 digits are within the format's 0 to 5"))
    }
}

impl Hist {
    /// Adds one value; a histogram that resizes itself takes any.
    pub fn record(&mut self, value: Duration) {
        self.record_nanos(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX), 1);
    }

    /// Adds one value given in microseconds, `count` times.
    #[cfg(test)]
    pub fn record_us(&mut self, us: f64, count: u64) {
        self.record_nanos((us * 1e3).round() as u64, count);
    }

    fn record_nanos(&mut self, nanos: u64, count: u64) {
        // Clamped to what the format can hold: 1 ns to 146 years.
        self.0
            .record_n(nanos.clamp(1, u64::MAX / 4), count)
            .expect("a resizing histogram takes every value up to 2^62");
    }

    /// Adds all values of another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("a resizing histogram takes every value of its own precision");
    }

    /// Number of values.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// True without values.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at a quantile between 0 and 1, in microseconds; 0 without values.
    pub fn quantile_us(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e3
    }

    /// Longest value in microseconds.
    pub fn max_us(&self) -> f64 {
        self.0.max() as f64 / 1e3
    }

    /// Mean in microseconds.
    pub fn mean_us(&self) -> f64 {
        self.0.mean() / 1e3
    }

    /// The quantiles of a report.
    pub fn quantiles(&self) -> Quantiles {
        if self.0.is_empty() {
            return Quantiles::default();
        }
        Quantiles {
            count: self.0.len(),
            min_us: self.0.min() as f64 / 1e3,
            mean_us: self.mean_us(),
            p50_us: self.quantile_us(0.5),
            p75_us: self.quantile_us(0.75),
            p90_us: self.quantile_us(0.9),
            p95_us: self.quantile_us(0.95),
            p99_us: self.quantile_us(0.99),
            p999_us: self.quantile_us(0.999),
            p9999_us: self.quantile_us(0.9999),
            max_us: self.max_us(),
        }
    }

    /// Distinct values in ascending order with their counts: (microseconds, count).
    pub fn values(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.0.iter_recorded().map(|step| {
            (
                step.value_iterated_to() as f64 / 1e3,
                step.count_since_last_iteration(),
            )
        })
    }

    /// HdrHistogram's percentile table (`.hgrm`), in milliseconds, which its plotters read.
    pub fn hgrm(&self) -> String {
        use std::fmt::Write;
        let mut out = format!(
            "{:>12} {:>14} {:>10} {:>14}\n\n",
            "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
        );
        let mut total = 0;
        for step in self.0.iter_quantiles(5) {
            total += step.count_since_last_iteration();
            let (ms, share) = (
                step.value_iterated_to() as f64 / 1e6,
                step.quantile_iterated_to(),
            );
            let rarity = match share < 1.0 {
                true => format!("{:>14.2}", 1.0 / (1.0 - share)),
                false => String::new(),
            };
            writeln!(out, "{ms:>12.3} {share:>14.12} {total:>10} {rarity}")
                .expect("writing to memory cannot fail");
        }
        let (mean, deviation) = (self.0.mean() / 1e6, self.0.stdev() / 1e6);
        let max = self.0.max() as f64 / 1e6;
        let buckets = self.0.buckets();
        out + &format!(
            "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]\n\
             #[Max     = {max:>12.3}, Total count    = {:>12}]\n\
             #[Buckets = {buckets:>12}, SubBuckets     = {:>12}]\n",
            self.0.len(),
            2048
        )
    }

    /// Writes the histogram as base64 of the compressed V2 format.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut bytes)
            .expect("writing to memory cannot fail, and counts are far below 2^63");
        BASE64.encode(bytes)
    }

    /// Reads what [`Hist::encode`] wrote.
    pub fn decode(text: &str) -> Result<Self, HistError> {
        let bytes = BASE64.decode(text)?;
        let read: Histogram<u64> = HdrReader::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|fault| HistError::Format(fault.to_string()))?;
        let mut hist = Self::default();
        hist.0
            .add(&read)
            .map_err(|fault| HistError::Format(fault.to_string()))?;
        Ok(hist)
    }
}

impl Serialize for Hist {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.encode())
    }
}

impl<'de> Deserialize<'de> for Hist {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::decode(&text).map_err(D::Error::custom)
    }
}
