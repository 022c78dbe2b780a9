//! Trials: one question asked of many seeds.

use super::driver::Driver;
use super::traffic::Traffic;
use crate::settings::{BreakerSettings, KeyProfile};
use crate::transition::State;
use std::time::Duration;

/// Runs `traffic` for a time; the driver holds what happened.
pub fn run(
    settings: &BreakerSettings,
    profile: KeyProfile,
    traffic: &Traffic,
    seed: u64,
    until: Duration,
) -> Driver {
    let mut driver = Driver::new(settings, profile, seed);
    for arrival in traffic.generate(seed) {
        if arrival.at >= until {
            break;
        }
        driver.offer(arrival);
    }
    driver.advance(until);
    driver
}

/// Openings of a breaker under healthy traffic.
pub fn false_trips(
    settings: &BreakerSettings,
    profile: KeyProfile,
    traffic: &Traffic,
    seed: u64,
    until: Duration,
) -> usize {
    openings(
        &run(settings, profile, traffic, seed, until),
        Duration::ZERO,
    )
}

fn openings(driver: &Driver, from: Duration) -> usize {
    driver
        .log()
        .iter()
        .filter(|l| l.at >= from && l.transition.to == State::Open)
        .count()
}

/// A fault that begins within a sample's time of `onset`, watched for `watch`.
#[derive(Debug, Clone, Copy)]
pub struct DetectionTrial {
    pub onset: Duration,
    pub watch: Duration,
    pub seeds: u64,
}

/// When the breaker opened after the onset, over the seeds.
#[derive(Debug, Clone, Default)]
pub struct Detection {
    /// Delays of the seeds that opened, sorted.
    pub delays: Vec<Duration>,
    pub missed: usize,
    /// Opened before the fault began.
    pub early: usize,
}

impl Detection {
    pub fn share_within(&self, limit: Duration) -> f64 {
        let hits = self.delays.iter().filter(|&&delay| delay <= limit).count();
        hits as f64 / (self.delays.len() + self.missed + self.early).max(1) as f64
    }

    pub fn median(&self) -> Option<Duration> {
        self.delays.get(self.delays.len() / 2).copied()
    }

    pub fn latest(&self) -> Option<Duration> {
        self.delays.last().copied()
    }
}

/// Seeds begin their fault at different phases of a sample.
fn phase(seed: u64) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    Duration::from_secs_f64(5.0 * (seed as f64 * GOLDEN).fract())
}

/// Runs `traffic(onset)` for each seed until the breaker opens or the time is over.
pub fn measure_detection(
    settings: &BreakerSettings,
    profile: KeyProfile,
    trial: DetectionTrial,
    traffic: impl Fn(Duration) -> Traffic,
) -> Detection {
    let mut detection = Detection::default();
    for seed in 0..trial.seeds {
        let onset = trial.onset + phase(seed);
        let until = onset + trial.watch;
        let mut driver = Driver::new(settings, profile, seed);
        for arrival in traffic(onset).generate(seed) {
            if arrival.at >= until || driver.state() == State::Open {
                break;
            }
            driver.offer(arrival);
        }
        if driver.state() != State::Open {
            driver.advance(until);
        }
        match driver.log().iter().find(|l| l.transition.to == State::Open) {
            None => detection.missed += 1,
            Some(logged) if logged.at < onset => detection.early += 1,
            Some(logged) => detection.delays.push(logged.at - onset),
        }
    }
    detection.delays.sort_unstable();
    detection
}

/// How a breaker came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// When it closed for good, if it is closed at the end.
    pub closed_at: Option<Duration>,
    pub openings: usize,
}

impl Recovery {
    pub fn of(driver: &Driver, fault_from: Duration) -> Self {
        let last = driver.log().last();
        let closed_at = match last {
            Some(l) if l.transition.to == State::Closed => Some(l.at),
            _ => None,
        };
        Self {
            closed_at,
            openings: openings(driver, fault_from),
        }
    }
}
