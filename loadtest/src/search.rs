//! The highest Poisson rate at which a latency objective holds.
//!
//! ```text
//!  Hunt (which rate next) ◄── Outcome ── Judge (enough seen?) ◄── samples ── run
//! ```
//!
//! After MLPerf LoadGen's server scenario: a step ends when a binomial test at 99 % confidence
//! says so, not after a fixed time. Unlike there, the test knows that a queue's misses come in
//! clumps: it counts them as fewer, by the measured design effect.

mod binomial;
mod conduct;
mod hunt;
mod judge;
mod step;

use serde::{Deserialize, Serialize};

pub(crate) use conduct::Search;
pub(crate) use hunt::{Hunt, HuntOptions, Next};
pub(crate) use judge::{Judge, Ruling};
pub(crate) use step::{StepOptions, StepResult, run_step};

use binomial::share_upper_bound;

use crate::{
    threshold::{Metric, parse_metric},
    units::{micros, parse_duration},
};

/// Confidence of every test.
pub(crate) const CONFIDENCE: f64 = 0.99;

/// A latency objective: all but a share of the requests end within a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Objective {
    /// The quantile, such as 0.99.
    pub quantile: f64,
    /// The time, microseconds.
    pub limit_us: f64,
}

/// An objective that was not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no objective; write a quantile and a time, such as p99=11ms")]
pub(crate) struct ObjectiveError(String);

impl std::str::FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        let fault = || ObjectiveError(text.to_owned());
        let (metric, limit) = text.split_once('=').ok_or_else(fault)?;
        let Some(Metric::Quantile(quantile)) = parse_metric(metric.trim()) else {
            return Err(fault());
        };
        let limit = parse_duration(limit).map_err(|_| fault())?;
        if limit.is_zero() {
            Err(fault())
        } else {
            Ok(Self {
                quantile,
                limit_us: micros(limit),
            })
        }
    }
}

impl Objective {
    /// The share of requests that may miss.
    pub(crate) fn miss_share(&self) -> f64 {
        1.0 - self.quantile
    }

    /// Fewer requests, none of which missed, are no sign of anything: a single miss among them would
    /// be more than the share that may.
    pub(crate) fn least_requests(&self) -> u64 {
        (1.0 / self.miss_share()).round() as u64
    }
}

/// Misses among requests, and how much their clumping weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Requests judged.
    pub requests: u64,
    /// Of these, failed or too late.
    pub misses: u64,
    /// How many requests weigh as much as one independent one.
    pub design_effect: f64,
}

impl Tally {
    /// Observed share of misses.
    pub(crate) fn share(&self) -> f64 {
        if self.requests == 0 {
            0.0
        } else {
            self.misses as f64 / self.requests as f64
        }
    }

    /// Requests and misses as independent ones.
    fn effective(&self) -> (u64, u64) {
        let weight = self.design_effect.max(1.0);
        let requests = (self.requests as f64 / weight).floor() as u64;
        (
            requests,
            ((self.misses as f64 / weight).ceil() as u64).min(requests),
        )
    }

    /// The share of misses lies below this with 99 % confidence.
    pub(crate) fn share_at_most(&self) -> f64 {
        let (requests, misses) = self.effective();
        share_upper_bound(misses, requests, CONFIDENCE)
    }

    /// Adds independent evidence.
    pub(crate) fn merge(&mut self, other: &Self) {
        let total = (self.requests + other.requests).max(1) as f64;
        self.design_effect = (self.design_effect * self.requests as f64
            + other.design_effect * other.requests as f64)
            / total;
        self.requests += other.requests;
        self.misses += other.misses;
    }
}

/// What a search found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// The objective.
    pub objective: Objective,
    /// The highest rate at which it was confirmed; none where it held at no rate tried.
    pub rate: Option<f64>,
    /// The lowest rate at which it was missed; none where the generator's limit came first.
    pub missed_at: Option<f64>,
    /// True where the generator, not the server, set that rate.
    pub generator_limited: bool,
    /// True where the search was ended before it had found anything out.
    #[serde(default)]
    pub interrupted: bool,
    /// The highest rate that held, confirmed or not.
    #[serde(default)]
    pub held_at: Option<f64>,
    /// Confirming runs at the rate found.
    pub confirmations: u32,
    /// Of these, with a share of misses within the objective.
    pub confirmations_held: u32,
    /// All confirming runs together.
    pub evidence: Tally,
    /// The share of misses lies below this with 99 % confidence.
    pub miss_share_at_most: f64,
    /// Every step taken.
    pub steps: Vec<StepResult>,
}

impl Finding {
    /// In one paragraph.
    pub(crate) fn text(&self) -> String {
        if self.interrupted {
            let rate = |rate: Option<f64>, none: &str| {
                rate.map_or(none.to_owned(), |rate| format!("{rate:.1}/s"))
            };
            return format!(
                "INTERRUPTED after {} steps, no capacity is confirmed: highest rate that held {}, \
                 lowest rate at which it was missed {}\n",
                self.steps.len(),
                rate(self.held_at, "none yet"),
                rate(self.missed_at, "none yet"),
            );
        }
        let Some(rate) = self.rate else {
            let tried = self.missed_at.unwrap_or(0.0);
            return format!(
                "the objective held at no rate tried, down to {tried:.1}/s; the server misses it \
                 even when nearly idle, or --step is too short for {} requests at that rate\n",
                self.objective.least_requests()
            );
        };
        let mut text = format!(
            "capacity {rate:.1}/s: {} of {} confirming runs held; {} requests, {:.3} % missed, \
             below {:.3} % with {:.0} % confidence (objective {:.3} %, {:.1} requests weigh as \
             one)\n",
            self.confirmations_held,
            self.confirmations,
            self.evidence.requests,
            self.evidence.share() * 100.0,
            self.miss_share_at_most * 100.0,
            CONFIDENCE * 100.0,
            self.objective.miss_share() * 100.0,
            self.evidence.design_effect.max(1.0),
        );
        match self.missed_at {
            Some(missed) if self.generator_limited => {
                text += &format!(
                    "INVALID as a limit of the server: at {missed:.1}/s the generator itself was \
                     late; the capacity is at least the rate above\n"
                );
            }
            Some(missed) => text += &format!("lowest rate at which it was missed: {missed:.1}/s\n"),
            None => text += "no rate tried missed it: the search ended at --max-rate\n",
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read() {
        let objective: Objective = "p99=11ms".parse().expect("objective");
        assert_eq!(
            objective,
            Objective {
                quantile: 0.99,
                limit_us: 11_000.0
            }
        );
        for bad in [
            "p99", "p99=11", "rate=5ms", "p99<5ms", "p100=5ms", "=5ms", "p99=0ms",
        ] {
            assert!(bad.parse::<Objective>().is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn clumped_misses_prove_less() {
        let lone = Tally {
            requests: 10_000,
            misses: 50,
            design_effect: 1.0,
        };
        let clumped = Tally {
            design_effect: 10.0,
            ..lone
        };
        assert!(lone.share_at_most() < 0.0075);
        assert!(clumped.share_at_most() > 0.01);
        assert_eq!(lone.share(), clumped.share());
    }
}
