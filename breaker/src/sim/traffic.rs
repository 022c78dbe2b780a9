//! Generators of traffic: how often, how slow, how correlated, and what goes wrong when.

use super::driver::{Arrival, Fate};
use crate::outcome::Outcome;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1, StandardNormal};
use std::time::Duration;

/// The 99 % point of the standard normal distribution.
const Z99: f64 = 2.326_347_874;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    LogNormal { sigma: f64 },
    Pareto { alpha: f64 },
}

impl Shape {
    /// A latency, in units of the distribution's P99, from a standard normal variate.
    fn at(self, z: f64) -> f64 {
        match self {
            Self::LogNormal { sigma } => (sigma * (z - Z99)).exp(),
            Self::Pareto { alpha } => {
                let survival = 0.5 * libm::erfc(z / std::f64::consts::SQRT_2);
                (survival.max(1e-12) / 0.01).powf(-1.0 / alpha)
            }
        }
    }
}

/// Correlation of latency from one request to the next (of its normal score).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Correlation {
    None,
    Ar1 { rho: f64 },
}

/// What multiplies the latency over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Level {
    Step {
        at_s: f64,
        until_s: f64,
        factor: f64,
    },
    /// Grows by `factor` every 5 s.
    Ramp {
        from_s: f64,
        factor: f64,
    },
    Diurnal {
        amplitude: f64,
    },
    /// The logarithm wanders as an Ornstein-Uhlenbeck process of this deviation and time.
    Wander {
        sigma: f64,
        tau_s: f64,
    },
}

/// Times of more requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bursts {
    pub factor: f64,
    pub every_s: f64,
    pub lasting_s: f64,
}

/// A share of the requests fails for a while, in place of their normal outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultSpan {
    pub from_s: f64,
    pub until_s: f64,
    pub share: f64,
    pub outcome: Outcome,
    pub short_deadline: bool,
    /// Their latency; `None` leaves it as drawn.
    pub latency_ms: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    pub rate_per_s: f64,
    pub shape: Shape,
    /// P99 at level 1.
    pub p99_ms: f64,
    pub correlation: Correlation,
    pub levels: Vec<Level>,
    pub diurnal_rate: f64,
    pub bursts: Option<Bursts>,
    pub faults: Vec<FaultSpan>,
    /// One batch of 32 that fails as a whole in so many requests.
    pub failed_batch_every: Option<u64>,
}

const BATCH: u64 = 32;
const DAY_S: f64 = 86_400.0;

impl Traffic {
    pub fn new(rate_per_s: f64, shape: Shape, p99_ms: f64) -> Self {
        Self {
            rate_per_s,
            shape,
            p99_ms,
            correlation: Correlation::None,
            levels: Vec::new(),
            diurnal_rate: 0.0,
            bursts: None,
            faults: Vec::new(),
            failed_batch_every: None,
        }
    }

    pub fn with_level(mut self, level: Level) -> Self {
        self.levels.push(level);
        self
    }

    pub fn with_fault(mut self, fault: FaultSpan) -> Self {
        self.faults.push(fault);
        self
    }

    pub fn generate(&self, seed: u64) -> TrafficSource {
        TrafficSource {
            traffic: self.clone(),
            rng: StdRng::seed_from_u64(seed ^ 0x5eed_0f7a_ff1c),
            t: 0.0,
            score: None,
            wander: 0.0,
            wandered_to: 0.0,
            count: 0,
            failing_left: 0,
        }
    }

    fn rate(&self, t: f64) -> f64 {
        let daily = 1.0 + self.diurnal_rate * (std::f64::consts::TAU * t / DAY_S).sin();
        let burst = match self.bursts {
            Some(b) if t % b.every_s < b.lasting_s => b.factor,
            _ => 1.0,
        };
        self.rate_per_s * daily * burst
    }
}

/// An endless stream of arrivals, Poisson in time.
#[derive(Debug)]
pub struct TrafficSource {
    traffic: Traffic,
    rng: StdRng,
    t: f64,
    score: Option<f64>,
    wander: f64,
    wandered_to: f64,
    count: u64,
    failing_left: u64,
}

impl TrafficSource {
    fn normal(&mut self) -> f64 {
        let fresh: f64 = StandardNormal.sample(&mut self.rng);
        match (self.traffic.correlation, self.score) {
            (Correlation::Ar1 { rho }, Some(last)) => {
                let score = rho * last + (1.0 - rho * rho).sqrt() * fresh;
                self.score = Some(score);
                score
            }
            _ => {
                self.score = Some(fresh);
                fresh
            }
        }
    }

    fn level(&mut self) -> f64 {
        let t = self.t;
        let mut level = 1.0;
        for i in 0..self.traffic.levels.len() {
            level *= match self.traffic.levels[i] {
                Level::Step {
                    at_s,
                    until_s,
                    factor,
                } => {
                    if (at_s..until_s).contains(&t) {
                        factor
                    } else {
                        1.0
                    }
                }
                Level::Ramp { from_s, factor } => factor.powf(((t - from_s) / 5.0).max(0.0)),
                Level::Diurnal { amplitude } => {
                    1.0 + amplitude * (std::f64::consts::TAU * t / DAY_S).sin()
                }
                Level::Wander { sigma, tau_s } => self.wander(sigma, tau_s).exp(),
            };
        }
        level
    }

    fn wander(&mut self, sigma: f64, tau_s: f64) -> f64 {
        let keep = (-(self.t - self.wandered_to) / tau_s).exp();
        let fresh: f64 = StandardNormal.sample(&mut self.rng);
        self.wander = self.wander * keep + sigma * (1.0 - keep * keep).sqrt() * fresh;
        self.wandered_to = self.t;
        self.wander
    }

    fn fate(&mut self) -> Fate {
        let z = self.normal();
        let latency_ms = self.traffic.p99_ms * self.traffic.shape.at(z) * self.level();
        let mut fate = Fate {
            latency: millis(latency_ms),
            outcome: Outcome::Ok,
            short_deadline: false,
            batch: None,
        };
        for i in 0..self.traffic.faults.len() {
            let fault = self.traffic.faults[i];
            let inside = (fault.from_s..fault.until_s).contains(&self.t);
            if inside && self.rng.random::<f64>() < fault.share {
                fate.outcome = fault.outcome;
                fate.short_deadline = fault.short_deadline;
                fate.latency = fault.latency_ms.map_or(fate.latency, millis);
            }
        }
        if let Some(every) = self.traffic.failed_batch_every {
            if self.count % every == every / 2 {
                self.failing_left = BATCH;
            }
            if self.failing_left > 0 {
                self.failing_left -= 1;
                fate.outcome = Outcome::Failure;
            }
        }
        fate
    }
}

impl Iterator for TrafficSource {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let gap: f64 = Exp1.sample(&mut self.rng);
        // The requests of one batch arrive together.
        if self.failing_left == 0 {
            self.t += gap / self.traffic.rate(self.t);
        }
        self.count += 1;
        let fate = self.fate();
        Some(Arrival {
            at: Duration::from_secs_f64(self.t),
            fate,
        })
    }
}

fn millis(ms: f64) -> Duration {
    Duration::from_secs_f64(ms.min(1e9) / 1e3)
}
