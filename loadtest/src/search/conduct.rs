//! Conducts a search: step after step as the hunt asks, retried where the generator spoilt one.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    Finding, Hunt, HuntOptions, Next, Objective, StepOptions, StepResult, Tally, run_step,
};
use crate::run::{Hooks, RunError, RunPlan};

/// A step that the generator spoilt is run again so often before its rate counts as out of reach.
const SPOILT_RETRIES: u32 = 2;
/// A hunt converges in about twenty steps; a server whose capacity drifts must still end.
const MAX_STEPS: usize = 120;

/// Everything about a search but the server.
pub(crate) struct Search<'a> {
    pub base: &'a RunPlan,
    pub objective: Objective,
    pub hunt: HuntOptions,
    pub step: StepOptions,
    pub hooks: &'a Hooks,
}

impl Search<'_> {
    /// Runs the search; `tell` hears of every step.
    pub(crate) fn run(
        &self,
        mut tell: impl FnMut(&StepResult, Duration),
    ) -> Result<Finding, RunError> {
        let mut hunt = Hunt::new(self.hunt);
        let mut finding = Finding {
            objective: self.objective,
            rate: None,
            missed_at: None,
            generator_limited: false,
            interrupted: false,
            held_at: None,
            confirmations: 0,
            confirmations_held: 0,
            evidence: Tally::default(),
            miss_share_at_most: 1.0,
            steps: Vec::new(),
        };
        let mut spoilt_at: Option<f64> = None;
        while finding.steps.len() < MAX_STEPS {
            let (rate, confirms) = match hunt.next() {
                Next::Try(rate) => (rate, false),
                Next::Confirm(rate) => (rate, true),
                Next::Done(rate) => {
                    finding.rate = rate;
                    break;
                }
            };
            let left = |steps: &[StepResult]| self.time_left(&hunt, confirms, steps);
            let step = self.step(rate, confirms, &mut finding, |steps| {
                if let Some(step) = steps.last() {
                    tell(step, left(steps));
                }
            })?;
            if self.hooks.stop.load(Ordering::Relaxed) {
                finding.interrupted = true;
                break;
            }
            if step.spoilt && !step.holds {
                spoilt_at = Some(spoilt_at.map_or(rate, |at| at.min(rate)));
            }
            if confirms {
                let holds = confirm(&mut finding, &step, self.objective);
                hunt.confirmed(rate, holds);
                if !holds {
                    forget_confirmations(&mut finding);
                }
            } else {
                hunt.tried(rate, step.holds);
            }
        }
        finding.missed_at = hunt.missed_at();
        finding.held_at = hunt.held_at();
        finding.generator_limited = finding.missed_at.is_some() && finding.missed_at == spoilt_at;
        finding.miss_share_at_most = finding.evidence.share_at_most();
        Ok(finding)
    }

    /// About how long the search goes on after the step at hand: tries as long as those so far,
    /// confirming runs of full length.
    fn time_left(&self, hunt: &Hunt, confirms: bool, steps: &[StepResult]) -> Duration {
        let (tries, confirmations) = hunt.steps_left();
        let (tries, confirmations) = match confirms {
            true => (tries, confirmations.saturating_sub(1)),
            false => (tries.saturating_sub(1), confirmations),
        };
        let tried = steps.iter().filter(|step| !step.confirms);
        let (mut count, mut seconds) = (0_u32, 0.0);
        tried.for_each(|step| (count, seconds) = (count + 1, seconds + step.seconds));
        let each = match count {
            0 => self.step.most.as_secs_f64(),
            _ => seconds / f64::from(count),
        };
        let warmups = self.step.warmup * (tries + confirmations);
        Duration::from_secs_f64(each * f64::from(tries)) + self.step.most * confirmations + warmups
    }

    /// Whether as many confirming runs of such a step would have the requests that can show the
    /// objective to be missed. A handful that all went well is luck.
    fn shows_something(&self, step: &StepResult) -> bool {
        let together = step.tally.requests * u64::from(self.hunt.confirmations.max(1));
        step.sure || together >= self.objective.least_requests()
    }

    /// One step, again where the generator spoilt it; what stays spoilt does not hold.
    fn step(
        &self,
        rate: f64,
        confirms: bool,
        finding: &mut Finding,
        mut tell: impl FnMut(&[StepResult]),
    ) -> Result<StepResult, RunError> {
        let mut tries = 0;
        loop {
            // Every step has a schedule of its own: the same one would confirm its own luck.
            let seed = self.base.seed.wrapping_add(1 + finding.steps.len() as u64);
            // A confirming run that stopped at the first sure moment would confirm little.
            let options = if confirms {
                StepOptions {
                    least: self.step.most,
                    ..self.step
                }
            } else {
                self.step
            };
            let mut step = run_step(self.base, self.objective, options, rate, seed, self.hooks)?;
            step.confirms = confirms;
            step.holds &= !step.spoilt && self.shows_something(&step);
            finding.steps.push(step);
            tell(&finding.steps);
            tries += 1;
            if !step.spoilt || tries > SPOILT_RETRIES || self.hooks.stop.load(Ordering::Relaxed) {
                return Ok(step);
            }
        }
    }
}

/// Confirming runs are judged together: asking each one to hold by itself would push the rate
/// below the capacity. One that surely misses by itself ends the matter all the same.
fn confirm(finding: &mut Finding, step: &StepResult, objective: Objective) -> bool {
    finding.confirmations += 1;
    finding.confirmations_held += u32::from(step.holds);
    finding.evidence.merge(&step.tally);
    let surely_missed = step.spoilt || (step.sure && !step.holds);
    !surely_missed && finding.evidence.share() <= objective.miss_share()
}

fn forget_confirmations(finding: &mut Finding) {
    finding.confirmations = 0;
    finding.confirmations_held = 0;
    finding.evidence = Tally::default();
}
