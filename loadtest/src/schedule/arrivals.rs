//! Arrival processes: how irregular the gaps between due requests are.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use rand_distr::{Distribution, Exp1, Gamma};
use serde::{Deserialize, Serialize};

use super::curve::RateCurve;

/// A process with two states, calm and burst, that switches at random: a Markov-modulated
/// Poisson process. The mean rate stays that of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MmppSpec {
    /// How many times the calm rate the burst rate is, at least 1.
    pub burst_ratio: f64,
    /// Mean length of a burst.
    pub burst_s: f64,
    /// Mean length of a calm.
    pub calm_s: f64,
}

impl MmppSpec {
    /// Factors on the curve's rate in a calm and in a burst; their mean over time is 1.
    fn factors(&self) -> [f64; 2] {
        let share = self.burst_s / (self.burst_s + self.calm_s);
        let calm = 1.0 / (share * self.burst_ratio + 1.0 - share);
        [calm, calm * self.burst_ratio]
    }
}

/// Which arrival process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ArrivalSpec {
    /// Equal gaps. Kind to the server: real users do not queue up like that.
    Constant,
    /// Independent users: exponential gaps.
    Poisson,
    /// Gamma-distributed gaps; a coefficient of variation of 1 is Poisson, above it bursty.
    Gamma {
        /// Standard deviation of the gap over its mean.
        cv: f64,
    },
    /// Calm and burst by turns.
    Mmpp(MmppSpec),
    /// Recorded times; the rate curve only bounds them.
    Trace {
        /// Seconds since the start, ascending.
        at_s: Vec<f64>,
    },
}

impl ArrivalSpec {
    /// The name used on the command line and in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
            Self::Gamma { .. } => "gamma",
            Self::Mmpp(_) => "mmpp",
            Self::Trace { .. } => "trace",
        }
    }
}

#[derive(Debug)]
enum Process {
    Constant,
    Poisson,
    Gamma(Gamma<f64>),
    Mmpp(Mmpp),
    Trace { at_s: Vec<f64>, next: usize },
}

#[derive(Debug)]
struct Mmpp {
    factors: [f64; 2],
    mean_stay_s: [f64; 2],
    bursting: bool,
    /// When the present state ends, seconds.
    switch_at: f64,
    /// Where the last arrival was, seconds.
    now: f64,
}

/// Draws due times one after the other.
#[derive(Debug)]
pub(super) struct Gaps {
    process: Process,
    curve: RateCurve,
    rng: ChaCha8Rng,
    /// Operational time of the last arrival: requests expected up to it.
    position: f64,
    started: bool,
}

impl Gaps {
    pub(super) fn new(spec: &ArrivalSpec, curve: RateCurve, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let process = match spec {
            ArrivalSpec::Constant => Process::Constant,
            ArrivalSpec::Poisson => Process::Poisson,
            ArrivalSpec::Gamma { cv } => {
                // Shape and scale that give a mean of 1 and the asked variation; the command
                // line has refused a variation that is not above zero.
                let variance = (cv * cv).max(f64::MIN_POSITIVE);
                Gamma::new(1.0 / variance, variance).map_or(Process::Constant, Process::Gamma)
            }
            ArrivalSpec::Mmpp(spec) => Process::Mmpp(Mmpp::new(spec, &mut rng)),
            ArrivalSpec::Trace { at_s } => Process::Trace {
                at_s: at_s.clone(),
                next: 0,
            },
        };
        Self {
            process,
            curve,
            rng,
            position: 0.0,
            started: false,
        }
    }

    pub(super) fn next_due(&mut self) -> Option<Duration> {
        let gap = match &mut self.process {
            // The first request of an even schedule is due at once, so that rate × duration
            // requests fit.
            Process::Constant => f64::from(u8::from(self.started)),
            Process::Poisson => Exp1.sample(&mut self.rng),
            Process::Gamma(gamma) => gamma.sample(&mut self.rng),
            Process::Mmpp(mmpp) => {
                let seconds = mmpp.next_due(&self.curve, &mut self.rng)?;
                return Some(Duration::from_secs_f64(seconds));
            }
            Process::Trace { at_s, next } => {
                let seconds = *at_s.get(*next)?;
                *next += 1;
                return (seconds < self.curve.end_s()).then(|| Duration::from_secs_f64(seconds));
            }
        };
        self.started = true;
        self.position += gap;
        self.curve
            .time_of(self.position)
            .map(Duration::from_secs_f64)
    }
}

impl Mmpp {
    fn new(spec: &MmppSpec, rng: &mut ChaCha8Rng) -> Self {
        let share = spec.burst_s / (spec.burst_s + spec.calm_s);
        let mut mmpp = Self {
            factors: spec.factors(),
            mean_stay_s: [spec.calm_s, spec.burst_s],
            // Start in either state with its long-run probability, or short runs would be biased.
            bursting: rng.random::<f64>() < share,
            switch_at: 0.0,
            now: 0.0,
        };
        mmpp.switch_at = mmpp.stay(rng);
        mmpp
    }

    fn stay(&self, rng: &mut ChaCha8Rng) -> f64 {
        let length: f64 = Exp1.sample(rng);
        length * self.mean_stay_s[usize::from(self.bursting)]
    }

    fn next_due(&mut self, curve: &RateCurve, rng: &mut ChaCha8Rng) -> Option<f64> {
        let mut wanted: f64 = Exp1.sample(rng);
        loop {
            let factor = self.factors[usize::from(self.bursting)];
            let done = curve.due_by(self.now);
            let until_switch = (curve.due_by(self.switch_at) - done) * factor;
            if wanted < until_switch {
                self.now = curve.time_of(done + wanted / factor)?;
                return Some(self.now);
            }
            if self.switch_at >= curve.end_s() {
                return None;
            }
            wanted -= until_switch;
            self.now = self.switch_at;
            self.bursting = !self.bursting;
            self.switch_at = self.now + self.stay(rng);
        }
    }
}
