//! One second of the measured window.

use serde::{Deserialize, Serialize};

use super::hist::Hist;

/// What was scheduled in one second and what became of it. Its histogram is kept packed: an hour
/// of seconds would otherwise fill memory with mostly empty buckets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Second {
    /// Due in this second.
    pub scheduled: u64,
    /// Of these, sent.
    pub sent: u64,
    /// Of these, not sent for too many in flight.
    pub dropped: u64,
    /// Of these, failed.
    pub errors: u64,
    /// Answers read in this second, whenever they were due.
    pub answered: u64,
    /// P99 of the send lag, microseconds; of merged parts, the worst part's.
    pub send_lag_p99_us: f64,
    /// Latency from the scheduled time, packed; empty without requests.
    pub latency: Packed,
}

/// A histogram as base64 text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Packed(String);

impl Packed {
    /// Packs a histogram.
    pub fn pack(hist: &Hist) -> Self {
        Self(if hist.is_empty() {
            String::new()
        } else {
            hist.encode()
        })
    }

    /// The histogram; an empty one for text that this program did not write.
    pub fn unpack(&self) -> Hist {
        Hist::decode(&self.0).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Second {
    /// Adds another part's share of the same second.
    pub fn merge(&mut self, other: &Self) {
        self.scheduled += other.scheduled;
        self.sent += other.sent;
        self.dropped += other.dropped;
        self.errors += other.errors;
        self.answered += other.answered;
        self.send_lag_p99_us = self.send_lag_p99_us.max(other.send_lag_p99_us);
        if self.latency.is_empty() {
            self.latency = other.latency.clone();
        } else if !other.latency.is_empty() {
            let mut both = self.latency.unpack();
            both.merge(&other.latency.unpack());
            self.latency = Packed::pack(&both);
        }
    }
}
