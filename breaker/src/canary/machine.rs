//! The way of one canary: step by step, held, promoted or taken back.

use super::arm::Arm;
use super::judge::{CanarySettings, CanaryVerdict, RollbackReason, judge};
use super::plan::{CanaryPlan, PlanStep};
use crate::outcome::Report;
use serde::Serialize;
use std::time::{Duration, Instant};

/// A step lasts at most this many times its time, then the canary is taken back.
const MAX_HOLD: u32 = 2;

/// Where a canary stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryState {
    /// Within its step's time.
    Running,
    /// The step's time has passed without enough evidence.
    Held,
    /// The canary answers everyone.
    Promoted,
    /// The stable version answers everyone.
    RolledBack,
    /// An operator stopped the clock; the share stays, and a proven fault still ends it.
    Paused,
}

impl CanaryState {
    /// Whether the split is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Promoted | Self::RolledBack)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Held => "held",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
            Self::Paused => "paused",
        }
    }
}

/// What the caller has to carry out. Each is also worth a log line and a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The next step: this share from now on.
    Advance { percent: u8 },
    /// Not enough evidence yet; the share stays.
    Hold(&'static str),
    /// Everyone to the canary.
    Promote,
    /// Everyone to the stable version.
    RollBack(RollbackReason),
}

impl Decision {
    /// As metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Advance { .. } => "advance",
            Self::Hold(_) => "hold",
            Self::Promote => "promote",
            Self::RollBack(reason) => reason.name(),
        }
    }
}

/// What a canary is started with.
#[derive(Debug, Clone, PartialEq)]
pub struct CanaryOptions {
    pub plan: CanaryPlan,
    pub settings: CanarySettings,
    /// The configured limit of a request.
    pub deadline: Duration,
}

/// A canary under way, or its end.
#[derive(Debug, Clone)]
pub struct Canary {
    options: CanaryOptions,
    steps: Vec<PlanStep>,
    step: usize,
    /// Time spent in the step, pauses left out, up to `counted_to`.
    spent: Duration,
    counted_to: Instant,
    state: CanaryState,
    reason: &'static str,
    stable: Arm,
    canary: Arm,
    served: u64,
}

impl Canary {
    /// A plan without a judged step is promotion at once.
    pub fn start(options: CanaryOptions, now: Instant) -> Self {
        let steps = options.plan.judged_steps();
        let state = match steps.is_empty() {
            true => CanaryState::Promoted,
            false => CanaryState::Running,
        };
        Self {
            stable: Arm::new(options.deadline),
            canary: Arm::new(options.deadline),
            options,
            steps,
            step: 0,
            spent: Duration::ZERO,
            counted_to: now,
            state,
            reason: "started",
            served: 0,
        }
    }

    pub fn state(&self) -> CanaryState {
        self.state
    }

    /// Share of the users that the canary answers.
    pub fn percent(&self) -> u8 {
        match self.state {
            CanaryState::Promoted => 100,
            CanaryState::RolledBack => 0,
            _ => self.steps.get(self.step).map_or(0, |step| step.percent),
        }
    }

    /// Takes what became of a request that this arm answered.
    pub fn record(&mut self, is_canary: bool, report: &Report) {
        if self.state.is_over() {
            return;
        }
        if is_canary {
            self.served += 1;
            self.canary.record(report);
        } else {
            self.stable.record(report);
        }
    }

    /// An output of the canary held NaN or an infinite value: it ends at once.
    pub fn not_finite(&mut self) -> Option<Decision> {
        self.canary.record_not_finite();
        self.end(RollbackReason::NotFinite)
    }

    /// A breaker of the canary opened: it ends at once.
    pub fn breaker_opened(&mut self) -> Option<Decision> {
        self.end(RollbackReason::BreakerOpen)
    }

    /// Looks at the evidence. Call it as often as is convenient: the tests allow for it.
    pub fn tick(&mut self, now: Instant) -> Option<Decision> {
        if self.state.is_over() {
            return None;
        }
        self.count_time(now);
        let verdict = judge(
            &self.stable,
            &self.canary,
            self.options.deadline,
            self.steps.len(),
            &self.options.settings,
        );
        if let CanaryVerdict::Bad(reason) = verdict {
            return self.end(reason);
        }
        let time = self.steps.get(self.step)?.time;
        if self.state == CanaryState::Paused || self.spent < time {
            return None;
        }
        match verdict {
            CanaryVerdict::Good if self.options.plan.is_automatic() => Some(self.advance()),
            CanaryVerdict::Good => self.hold("good enough; an operator promotes it"),
            _ if self.options.plan.is_automatic() && self.spent >= time * MAX_HOLD => {
                self.end(RollbackReason::HeldTooLong)
            }
            CanaryVerdict::Open(why) => self.hold(why),
            CanaryVerdict::Bad(reason) => self.end(reason),
        }
    }

    /// Stops the clock.
    pub fn pause(&mut self, now: Instant) {
        if !self.state.is_over() {
            self.count_time(now);
            self.state = CanaryState::Paused;
            self.reason = "paused by an operator";
        }
    }

    /// Lets the clock go on.
    pub fn resume(&mut self, now: Instant) {
        if self.state == CanaryState::Paused {
            self.count_time(now);
            self.state = CanaryState::Running;
            self.reason = "resumed by an operator";
        }
    }

    /// An operator's promotion, whatever the evidence.
    pub fn promote(&mut self) -> Option<Decision> {
        (!self.state.is_over()).then(|| self.become_promoted("promoted by an operator"))
    }

    /// An operator's rollback. Of a canary already promoted too: its former version may be warm.
    pub fn roll_back(&mut self) -> Option<Decision> {
        if self.state == CanaryState::Promoted {
            self.state = CanaryState::Running;
        }
        self.end(RollbackReason::Operator)
    }

    fn count_time(&mut self, now: Instant) {
        if self.state != CanaryState::Paused {
            self.spent += now.saturating_duration_since(self.counted_to);
        }
        self.counted_to = self.counted_to.max(now);
    }

    fn advance(&mut self) -> Decision {
        if self.step + 1 >= self.steps.len() {
            return self.become_promoted("every step was proven good");
        }
        self.step += 1;
        self.spent = Duration::ZERO;
        self.state = CanaryState::Running;
        self.reason = "the last step was proven good";
        // The load on both arms has changed, so both are measured anew.
        self.stable.clear();
        self.canary.clear();
        Decision::Advance {
            percent: self.percent(),
        }
    }

    /// Told once, not at every look.
    fn hold(&mut self, why: &'static str) -> Option<Decision> {
        let is_news = self.state != CanaryState::Held || self.reason != why;
        self.state = CanaryState::Held;
        self.reason = why;
        is_news.then_some(Decision::Hold(why))
    }

    fn become_promoted(&mut self, reason: &'static str) -> Decision {
        self.state = CanaryState::Promoted;
        self.reason = reason;
        Decision::Promote
    }

    fn end(&mut self, reason: RollbackReason) -> Option<Decision> {
        if self.state.is_over() {
            return None;
        }
        self.state = CanaryState::RolledBack;
        self.reason = reason.name();
        Some(Decision::RollBack(reason))
    }

    /// What an operator can see.
    pub fn snapshot(&self) -> CanarySnapshot {
        CanarySnapshot {
            state: self.state,
            step: self.step + 1,
            steps: self.steps.len(),
            percent: self.percent(),
            stable_p99_us: self.stable.p99_us(),
            canary_p99_us: self.canary.p99_us(),
            stable_samples: self.stable.requests(),
            canary_samples: self.canary.requests(),
            stable_failures: self.stable.failures(),
            canary_failures: self.canary.failures(),
            served: self.served,
            step_seconds: self.spent.as_secs_f64(),
            reason: self.reason,
        }
    }
}

/// A canary at one moment. Samples and quantiles are those of the step at hand.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CanarySnapshot {
    pub state: CanaryState,
    /// Counted from 1.
    pub step: usize,
    pub steps: usize,
    pub percent: u8,
    pub stable_p99_us: Option<f64>,
    pub canary_p99_us: Option<f64>,
    pub stable_samples: u64,
    pub canary_samples: u64,
    pub stable_failures: u64,
    pub canary_failures: u64,
    /// Requests that the canary has answered since its start.
    pub served: u64,
    /// Time spent in the step.
    pub step_seconds: f64,
    pub reason: &'static str,
}

#[cfg(test)]
mod tests;
