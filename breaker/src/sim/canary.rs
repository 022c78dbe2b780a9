//! Canaries in simulated traffic: two arms of lognormal latency at a constant rate, one clock.

use crate::canary::{Canary, CanaryOptions, CanaryPlan, CanarySettings, CanaryState, Decision};
use crate::outcome::{Outcome, Report};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_millis(800);
/// P99 of the stable version.
const P99_MS: f64 = 30.0;
/// The 99 % point of the standard normal distribution.
const Z99: f64 = 2.326_347_874;
/// How often the evidence is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// One release to simulate.
#[derive(Debug, Clone)]
pub struct CanaryTrial {
    pub plan: CanaryPlan,
    /// Requests per second, both arms together.
    pub rate_per_s: f64,
    pub sigma: f64,
    /// The canary's latency is this many times the stable version's.
    pub slower: f64,
}

/// How a simulated release ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CanaryEnd {
    pub state: CanaryState,
    pub after: Duration,
    /// Requests that the canary answered.
    pub served: u64,
    /// Whether it was held on the way.
    pub held: bool,
}

impl CanaryTrial {
    /// Runs the release to its end.
    pub fn run(&self, seed: u64) -> CanaryEnd {
        let origin = origin();
        let options = CanaryOptions {
            plan: self.plan.clone(),
            settings: CanarySettings::default(),
            deadline: DEADLINE,
        };
        let mut canary = Canary::start(options, origin);
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut after, mut held) = (Duration::ZERO, false);
        let per_look = (self.rate_per_s * LOOK.as_secs_f64()).round() as u64;
        while !canary.state().is_over() {
            let share = f64::from(canary.percent()) / 100.0;
            for _ in 0..per_look {
                let is_canary = rng.random::<f64>() < share;
                canary.record(is_canary, &self.request(is_canary, &mut rng));
            }
            after += LOOK;
            held |= matches!(canary.tick(origin + after), Some(Decision::Hold(_)));
        }
        CanaryEnd {
            state: canary.state(),
            after,
            served: canary.snapshot().served,
            held,
        }
    }

    fn request(&self, is_canary: bool, rng: &mut StdRng) -> Report {
        let z: f64 = StandardNormal.sample(rng);
        let level = if is_canary { self.slower } else { 1.0 };
        let ms = P99_MS * level * (self.sigma * (z - Z99)).exp();
        Report::new(Outcome::Ok, Duration::from_secs_f64(ms / 1e3))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "simulated time needs one real instant to count from"
)]
fn origin() -> Instant {
    Instant::now()
}
