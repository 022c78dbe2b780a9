//! Bad news of actors: a panic, a run that does not end.

use std::{io, sync::Arc};

use actix::prelude::*;
use common::ModelKey;
use inference_actor::{ActorId, Hung, RunnerLost};

use super::PoolActor;
use crate::threads::DedicatedThread;

/// The watchdog gave a run up.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RunHung(pub(crate) Hung);

impl PoolActor {
    /// Gives a thread up that a run holds. Whoever else lives on it gets another one too.
    fn give_up(&mut self, thread: &Arc<DedicatedThread>, key: &ModelKey) -> io::Result<()> {
        self.given_up += 1;
        self.quarantine
            .extend(thread.end().map(|arbiter| (key.clone(), arbiter)));
        // What they hold is lost with the thread.
        self.retiring.retain(|_, member| !member.is_on(thread));
        let mut left = self
            .members
            .values_mut()
            .filter(|m| m.is_on(thread))
            .peekable();
        if left.peek().is_some() {
            let successor = thread.successor()?;
            left.for_each(|member| member.thread = Some(Arc::clone(&successor)));
        }
        Ok(())
    }

    /// Puts the next actor in the place of one whose thread is lost.
    pub(super) fn replace(&mut self, id: &ActorId, incarnation: u64) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        member.replace(&self.actor_defaults, incarnation);
        let name = member.source.name.clone();
        self.reroute(&name);
    }

    /// Forgets given-up threads that ended after all.
    pub(super) fn purge_quarantine(&mut self) {
        self.quarantine.retain(|(_, arbiter)| arbiter.alive());
    }

    /// Parks a version whose runs hold more threads than one may: its next run would cost another.
    fn park_if_too_many_hang(&mut self, key: &ModelKey, ctx: &mut Context<Self>) {
        self.purge_quarantine();
        let held = self.quarantine.iter().filter(|(of, _)| of == key).count();
        if held <= self.options.quarantine {
            return;
        }
        let reason = format!(
            "{held} of its runs do not end when they are told to, and each holds a thread; mend the model and load it again, or restart the process"
        );
        tracing::error!(model = %key, held, "model parked: its runs do not end when they are told to, and each holds a thread; the others serve on");
        for id in self.of_version(key) {
            let effects = self.supervisor.park(&id, &reason);
            self.carry_out(&id, effects, ctx);
        }
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
        let known = self.members.get(&actor);
        let Some(member) = known.or_else(|| self.retiring.get(&actor)) else {
            return;
        };
        let now = self.supervisor.slot(&actor);
        if now.is_some_and(|slot| slot.incarnation != incarnation) {
            return;
        }
        let cause = format!("a run went on for {grace} after it was told to end");
        let Some(thread) = member.thread.clone() else {
            return self.wedge(format!(
                "the worker thread of actor {actor} is held: {cause}"
            ));
        };
        let key = member.source.key();
        let (good_runs, _) = member.gauge.typical_run();
        let beside: Vec<_> = self
            .members
            .values()
            .filter(|m| m.is_on(&thread) && m.id != actor)
            .map(|m| m.id.clone())
            .collect();
        tracing::error!(%actor, model = %key, %cause, "dedicated thread abandoned and replaced");
        if let Err(error) = self.give_up(&thread, &key) {
            return self.wedge(format!("no thread for actor {actor}: {error}"));
        }
        let failure = self.failure(cause);
        let effects = self
            .supervisor
            .hung(&actor, incarnation, good_runs, failure);
        self.carry_out(&actor, effects, ctx);
        for id in beside {
            let effects = self.supervisor.displaced(&id);
            self.carry_out(&id, effects, ctx);
        }
        self.park_if_too_many_hang(&key, ctx);
    }
}
