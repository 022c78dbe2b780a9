//! Who brings a failed actor back, and when: a pure state machine, one slot an actor.
//!
//! A slot has two sides: what the operator wants of it ([`Intent`]) and what its session is doing
//! ([`SessionState`]). Events and commands change them and give back [`Effect`]s, which the pool's
//! actor carries out; nothing here loads, waits or sends.
//!
//! An actor that served well before it failed gets its next session after the shortest wait; one
//! that fails again at once waits twice as long each time, and after `park_after` failures in a row
//! it is parked until an operator acts. Waits are jittered so that actors that failed together do
//! not load together.

mod command;
mod slot;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use inference_actor::ActorId;

pub use self::command::{Command, Conflict};
pub use self::slot::Counts;
pub(crate) use self::slot::{Intent, SessionState, Slot};

/// When to try again, and when to stop trying.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The shortest wait before a new session.
    pub restart_delay: Duration,
    /// The longest.
    pub restart_delay_max: Duration,
    /// Successful runs after which a failure counts as the first again.
    pub healthy_runs: u64,
    /// Failures in a row that park an actor.
    pub park_after: u32,
}

/// What the pool is to do about an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Load a session for this incarnation and report how that went.
    Load {
        /// Of which of the actors that took this place in turn.
        incarnation: u64,
    },
    /// Ask for what is due then.
    WakeAt(Instant),
    /// Drop the session and answer whoever waits for it.
    Release {
        /// What to tell them.
        reason: String,
    },
    /// Give the actor's thread up and start this incarnation on another.
    Replace {
        /// Of the new actor.
        incarnation: u64,
    },
    /// Let the actor answer what it holds, and report when it has.
    Drain,
    /// Whether it may be asked has changed.
    Reroute,
}

/// A failure, and what is needed to decide about it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// What it said.
    pub(crate) cause: String,
    /// When.
    pub(crate) now: Instant,
    /// In 0…1.
    pub(crate) jitter: f64,
}

/// All slots of the pool.
#[derive(Debug)]
pub(crate) struct Supervisor {
    policy: Policy,
    slots: BTreeMap<ActorId, Slot>,
}

impl Supervisor {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            slots: BTreeMap::new(),
        }
    }

    /// A new actor that has its first session.
    pub(crate) fn add(&mut self, id: ActorId) {
        self.slots.insert(id, Slot::serving());
    }

    /// The actor is gone for good.
    pub(crate) fn remove(&mut self, id: &ActorId) {
        self.slots.remove(id);
    }

    pub(crate) fn slot(&self, id: &ActorId) -> Option<&Slot> {
        self.slots.get(id)
    }

    /// What news of an actor changes: nothing, if another actor has taken its place by now.
    fn news(
        &mut self,
        id: &ActorId,
        incarnation: u64,
        change: impl FnOnce(&mut Slot, &Policy) -> Vec<Effect>,
    ) -> Vec<Effect> {
        match self.slots.get_mut(id) {
            Some(slot) if slot.incarnation == incarnation => change(slot, &self.policy),
            _ => Vec::new(),
        }
    }

    /// The session asked for is in place.
    pub(crate) fn loaded(&mut self, id: &ActorId, incarnation: u64) -> Vec<Effect> {
        self.news(id, incarnation, |slot, _| {
            slot.recycling = false;
            if slot.session == SessionState::Loading {
                slot.session = SessionState::Ready;
            }
            vec![Effect::Reroute]
        })
    }

    /// The session asked for could not be loaded.
    pub(crate) fn load_failed(
        &mut self,
        id: &ActorId,
        incarnation: u64,
        failure: Failure,
    ) -> Vec<Effect> {
        self.news(id, incarnation, |slot, policy| {
            let recycling = std::mem::take(&mut slot.recycling);
            slot.counts.load_failures += 1;
            if slot.session == SessionState::Loading {
                return slot.fail(failure, policy);
            }
            if recycling {
                // The old session goes on serving; that is the point of recycling warm.
                slot.last_cause = failure.cause;
            }
            Vec::new()
        })
    }

    /// An actor's engine panicked after so many good runs.
    pub(crate) fn panicked(
        &mut self,
        id: &ActorId,
        incarnation: u64,
        good_runs: u64,
        failure: Failure,
    ) -> Vec<Effect> {
        self.news(id, incarnation, |slot, policy| {
            // An actor runs what waits for it as soon as it has a session, so the news of a panic
            // may come before the news that the session is in place.
            if !matches!(slot.session, SessionState::Ready | SessionState::Loading) {
                return Vec::new();
            }
            slot.counts.panics += 1;
            if good_runs >= policy.healthy_runs {
                slot.failures_in_row = 0;
            }
            slot.lose_session(failure, policy)
        })
    }

    /// An actor's run does not end. Its thread is lost, so another actor takes its place.
    pub(crate) fn hung(
        &mut self,
        id: &ActorId,
        incarnation: u64,
        good_runs: u64,
        failure: Failure,
    ) -> Vec<Effect> {
        self.news(id, incarnation, |slot, policy| {
            slot.counts.kills += 1;
            slot.incarnation += 1;
            // What was being loaded would go to the actor that is given up.
            slot.recycling = false;
            if good_runs >= policy.healthy_runs {
                slot.failures_in_row = 0;
            }
            let incarnation = slot.incarnation;
            let mut effects = vec![Effect::Replace { incarnation }];
            effects.extend(slot.lose_session(failure, policy));
            effects
        })
    }

    /// The thread of an actor was given up because of another actor's run: it goes on elsewhere, with
    /// a session of its own, and has failed at nothing.
    pub(crate) fn displaced(&mut self, id: &ActorId) -> Vec<Effect> {
        let Some(slot) = self.slots.get_mut(id) else {
            return Vec::new();
        };
        slot.incarnation += 1;
        slot.recycling = false;
        let mut effects = vec![Effect::Replace {
            incarnation: slot.incarnation,
        }];
        match (&slot.session, slot.intent) {
            (SessionState::Ready | SessionState::Loading, Intent::Drain) => {
                effects.extend(slot.release("its thread was given up while it was being drained"));
            }
            (SessionState::Ready | SessionState::Loading, _) => effects.push(slot.load()),
            // It gets its next session when that is due, or when an operator asks.
            (SessionState::Waiting { .. } | SessionState::Parked | SessionState::Released, _) => {}
        }
        effects
    }

    /// Stops trying: the actor gets no session until an operator acts.
    pub(crate) fn park(&mut self, id: &ActorId, reason: &str) -> Vec<Effect> {
        match self.slots.get_mut(id) {
            Some(slot) => slot.park(reason),
            None => Vec::new(),
        }
    }

    /// An actor that was told to drain has answered all it held.
    pub(crate) fn drained(&mut self, id: &ActorId, incarnation: u64) -> Vec<Effect> {
        self.news(id, incarnation, |slot, _| {
            if slot.intent == Intent::Drain && slot.session == SessionState::Ready {
                return slot.release("this actor was drained by an operator");
            }
            Vec::new()
        })
    }

    /// An actor's session has grown past its limit: a fresh one is loaded beside it, unless another
    /// actor is being loaded for, since two loads at a time would take two cores from serving.
    pub(crate) fn outgrown(&mut self, id: &ActorId) -> Vec<Effect> {
        let busy = |slot: &Slot| slot.recycling || slot.session == SessionState::Loading;
        if self.slots.values().any(busy) {
            return Vec::new();
        }
        match self.slots.get_mut(id) {
            Some(slot) if slot.session == SessionState::Ready && slot.intent != Intent::Drain => {
                slot.counts.recycles += 1;
                slot.recycle()
            }
            _ => Vec::new(),
        }
    }

    /// Loads for the actors whose wait is over.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<(ActorId, Effect)> {
        let over =
            |slot: &Slot| matches!(slot.session, SessionState::Waiting { until } if until <= now);
        let due = self.slots.iter_mut().filter(|(_, slot)| over(slot));
        due.map(|(id, slot)| (id.clone(), slot.load())).collect()
    }

    /// An operator's wish.
    pub(crate) fn command(
        &mut self,
        id: &ActorId,
        command: Command,
    ) -> Result<Vec<Effect>, Conflict> {
        let slot = self.slots.get_mut(id).ok_or(Conflict::Unknown)?;
        slot.command(command)
    }
}
