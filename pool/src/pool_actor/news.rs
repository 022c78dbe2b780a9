//! Bad news of actors: a panic, a run that does not end.

use actix::prelude::*;
use inference_actor::{ActorId, Hung, RunnerLost};

use super::PoolActor;
use crate::placement::Place;

/// The watchdog gave a run up.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RunHung(pub(crate) Hung);

impl PoolActor {
    /// Puts the next actor in the place of one whose thread is lost.
    pub(super) fn replace(&mut self, id: &ActorId, incarnation: u64) {
        let actor_defaults = self.actor_defaults.clone();
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        let name = member.source.name.clone();
        match member.replace(&actor_defaults, incarnation) {
            Ok(Some(lost)) => {
                self.given_up += 1;
                self.quarantine.push(lost);
            }
            Ok(None) => {}
            Err(error) => self.wedge(format!("no thread for actor {id}: {error}")),
        }
        self.purge_quarantine();
        if self.quarantine.len() > self.options.quarantine {
            let lost = self.quarantine.len();
            self.wedge(format!("{lost} threads are held by runs that do not end"));
        }
        self.reroute(&name);
    }

    /// Forgets given-up threads that ended after all.
    pub(super) fn purge_quarantine(&mut self) {
        self.quarantine.retain(Arbiter::alive);
    }

    fn wedge(&self, reason: String) {
        tracing::error!(%reason, "this process is wedged and will end");
        self.tell_wedged.send_if_modified(|told| {
            let first = told.is_none();
            told.get_or_insert(reason);
            first
        });
    }
}

impl Handler<RunnerLost> for PoolActor {
    type Result = ();

    fn handle(&mut self, lost: RunnerLost, ctx: &mut Context<Self>) {
        let RunnerLost {
            actor,
            incarnation,
            cause,
            runs_since_install,
            ..
        } = lost;
        tracing::warn!(%actor, %cause, good_runs = runs_since_install, "the engine panicked");
        let failure = self.failure(cause);
        let supervisor = &mut self.supervisor;
        let effects = supervisor.panicked(&actor, incarnation, runs_since_install, failure);
        self.carry_out(&actor, effects, ctx);
    }
}

impl Handler<RunHung> for PoolActor {
    type Result = ();

    fn handle(&mut self, RunHung(hung): RunHung, ctx: &mut Context<Self>) {
        let Hung { actor, incarnation } = hung;
        let grace = common::Span(self.options.timeouts.hang_grace);
        let Some(member) = self.members.get(&actor) else {
            return;
        };
        let cause = format!("a run went on for {grace} after it was told to end");
        if member.place() == Place::Colocated {
            return self.wedge(format!(
                "the worker thread of actor {actor} is held: {cause}"
            ));
        }
        let (good_runs, _) = member.gauge.typical_run();
        tracing::error!(%actor, %cause, "its thread is given up and replaced");
        let failure = self.failure(cause);
        let effects = self
            .supervisor
            .hung(&actor, incarnation, good_runs, failure);
        self.carry_out(&actor, effects, ctx);
    }
}
