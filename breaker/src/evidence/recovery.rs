//! The way back: probes while half-open, then the ramp.

use super::{EvidenceBreaker, Phase};
use crate::outcome::Evidence;
use crate::probe::{ProbeTally, ProbeVerdict};
use crate::ramp::{Ramp, RampMove};
use crate::transition::{Reason, Transition};
use std::time::Instant;

impl EvidenceBreaker {
    pub(super) fn record_probe(
        &mut self,
        mut tally: ProbeTally,
        evidence: Evidence,
        now: Instant,
    ) -> Option<Transition> {
        let limits = self.limits();
        let over = |limit_us: f64| {
            evidence
                .latency
                .is_some_and(|latency| latency.as_secs_f64() * 1e6 > limit_us)
        };
        tally.record(
            evidence.failed || over(limits.ceiling_us),
            over(limits.threshold_us),
        );
        self.phase = Phase::HalfOpen(tally);
        match tally.verdict(self.tolerated_failures(), &self.settings) {
            ProbeVerdict::Undecided => None,
            ProbeVerdict::Pass => {
                Some(self.enter(Phase::Ramp(Ramp::new(now)), Reason::ProbesPassed, now))
            }
            ProbeVerdict::Failing => Some(self.condemn(Reason::ProbeFailures, false, now)),
            ProbeVerdict::Slow => Some(self.condemn(Reason::ProbeLatency, true, now)),
        }
    }

    /// The end of a step. A step without evidence passes: a key with little traffic must be able
    /// to close.
    pub(super) fn judge_ramp(&mut self, ramp: Ramp, now: Instant) -> Option<Transition> {
        let seen = self.assess();
        if let Some(reason) = seen.broken() {
            let soft = self.is_soft(reason, seen.counts);
            return self.retreat(ramp, reason, soft, now);
        }
        match ramp.advance(now, &self.settings) {
            RampMove::Step(next) => {
                self.step_to(next, now);
                None
            }
            _ => Some(self.enter(Phase::Closed, Reason::RampCompleted, now)),
        }
    }

    /// One step back, or open. A smaller share is a new era, but the state stays the same.
    pub(super) fn retreat(
        &mut self,
        ramp: Ramp,
        reason: Reason,
        soft: bool,
        now: Instant,
    ) -> Option<Transition> {
        match ramp.retreat(now, &self.settings) {
            RampMove::Step(back) => {
                self.step_to(back, now);
                None
            }
            _ => Some(self.condemn(reason, soft, now)),
        }
    }

    fn step_to(&mut self, ramp: Ramp, now: Instant) {
        self.phase = Phase::Ramp(ramp);
        self.begin_era(now);
    }
}
