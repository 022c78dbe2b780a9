//! The canaries that the breaker's actor judges: it sees the outcomes of both versions anyway.

use super::BreakerActor;
use crate::canary::{
    CanaryOptions, Release, ReleaseCommand, ReleaseDecision, ReleaseError, ReleaseSnapshot,
};
use crate::gate::Observation;
use crate::registry::KeyTransition;
use crate::transition::{Reason, State};
use actix::{Context, Handler, Message, MessageResult};
use std::time::Instant;

impl BreakerActor {
    pub(super) fn record_arms(&mut self, batch: &[Observation]) {
        if self.releases.is_idle() {
            return;
        }
        for seen in batch {
            let interrupted = self.registry.as_ref();
            if interrupted.is_some_and(|registry| registry.was_interrupted(seen)) {
                continue;
            }
            let Some((key, _)) = self.directory.resolve(seen.key) else {
                continue;
            };
            if let Some(decided) = self.releases.record(&key, &seen.report) {
                self.tell(&decided);
            }
        }
    }

    pub(super) fn end_canaries_of(&mut self, changes: &[KeyTransition]) {
        if self.releases.is_idle() {
            return;
        }
        // What an operator or other instances opened says nothing about this instance's canary.
        let by_itself = |change: &&KeyTransition| {
            let reason = change.transition.reason;
            change.transition.to == State::Open
                && !matches!(
                    reason,
                    Reason::ForcedOpen | Reason::ClusterAgreed | Reason::TakenOver
                )
        };
        for change in changes.iter().filter(by_itself) {
            let found = self.directory.find(&change.key);
            let Some((key, _)) = found.and_then(|key| self.directory.resolve(key)) else {
                continue;
            };
            if let Some(decided) = self.releases.breaker_opened(&key) {
                self.tell(&decided);
            }
        }
    }

    pub(super) fn judge_releases(&mut self, now: Instant) {
        for decided in self.releases.tick(now) {
            self.tell(&decided);
        }
    }

    fn tell(&self, decided: &ReleaseDecision) {
        let Release {
            model,
            stable,
            canary,
        } = &decided.release;
        tracing::warn!(%model, stable, canary, decision = ?decided.decision, "canary decided");
        (self.on_decision)(decided);
    }
}

/// Starts a canary. Both versions serve, and the split is at 0 percent.
#[derive(Message)]
#[rtype(result = "Result<(), ReleaseError>")]
pub struct StartRelease {
    pub release: Release,
    pub options: CanaryOptions,
}

impl Handler<StartRelease> for BreakerActor {
    type Result = Result<(), ReleaseError>;

    fn handle(&mut self, message: StartRelease, _: &mut Context<Self>) -> Self::Result {
        let now = (self.clock)();
        let StartRelease { release, options } = message;
        let decided = self.releases.start(release, options, now)?;
        self.tell(&decided);
        Ok(())
    }
}

/// An operator's command about a model's canary.
#[derive(Message)]
#[rtype(result = "Result<(), ReleaseError>")]
pub struct CommandRelease {
    pub model: String,
    pub command: ReleaseCommand,
}

impl Handler<CommandRelease> for BreakerActor {
    type Result = Result<(), ReleaseError>;

    fn handle(&mut self, message: CommandRelease, _: &mut Context<Self>) -> Self::Result {
        let now = (self.clock)();
        let CommandRelease { model, command } = message;
        tracing::warn!(model, ?command, "canary commanded by an operator");
        if let Some(decided) = self.releases.command(&model, command, now)? {
            self.tell(&decided);
        }
        Ok(())
    }
}

/// Asks for every canary.
#[derive(Message)]
#[rtype(result = "Vec<ReleaseSnapshot>")]
pub struct ObserveReleases;

impl Handler<ObserveReleases> for BreakerActor {
    type Result = MessageResult<ObserveReleases>;

    fn handle(&mut self, _: ObserveReleases, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.releases.snapshot())
    }
}
