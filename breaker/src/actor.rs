//! The breaker actor: wires the registry to its mailbox and to time.
//!
//! Owns every breaker. Fronts send it outcomes in batches of at most [`MAX_BATCH`]; admin asks it
//! for snapshots and forces changes; whoever speaks with other instances hands it their advice.
//! It answers nobody on the request path: fronts read the gates.
//!
//! Mailbox: [`MAILBOX`] messages. Fronts use `try_send` and keep a refused batch for the next try
//! ([`crate::OutcomeBuffer::put_back`]); a full mailbox thus costs samples, never a request.
//!
//! A panic ends the actor and loses what was learned. The gates keep the last states for their time
//! to live; a new actor takes the same gates over ([`crate::Registry::over`]).

use crate::buffer::MAX_BATCH;
use crate::cluster::Advice;
use crate::gate::Observation;
use crate::registry::{KeyTransition, Registry, RegistrySnapshot};
use crate::transition::Force;
use actix::{Actor, AsyncContext, Context, Handler, Message, MessageResult};
use std::time::{Duration, Instant};

/// 32 fronts with two batches each: beyond that the actor is behind, and fresher outcomes are
/// worth more than older ones.
pub const MAILBOX: usize = 64;

/// Reads the time. The actor's only source of it.
pub type ReadClock = Box<dyn Fn() -> Instant + Send>;

/// Told of every change of state, for metrics and for other instances. Must not block.
pub type OnChange = Box<dyn Fn(&KeyTransition) + Send>;

pub struct BreakerActorOptions {
    pub registry: Registry,
    pub clock: ReadClock,
    /// Time between ticks: how late an opening, a probe phase or a ramp step may be.
    pub tick: Duration,
    pub on_change: OnChange,
}

pub struct BreakerActor {
    registry: Registry,
    clock: ReadClock,
    tick: Duration,
    on_change: OnChange,
    changes: Vec<KeyTransition>,
    outcomes: u64,
    truncated: u64,
}

impl BreakerActor {
    pub fn new(options: BreakerActorOptions) -> Self {
        Self {
            registry: options.registry,
            clock: options.clock,
            tick: options.tick,
            on_change: options.on_change,
            changes: Vec::new(),
            outcomes: 0,
            truncated: 0,
        }
    }

    fn tell_changes(&mut self) {
        for change in self.changes.drain(..) {
            log_change(&change);
            (self.on_change)(&change);
        }
    }
}

fn log_change(change: &KeyTransition) {
    let t = &change.transition;
    tracing::warn!(
        key = %change.key,
        from = t.from.name(),
        to = t.to.name(),
        reason = t.reason.name(),
        era = t.era,
        "breaker changed state"
    );
}

impl Actor for BreakerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(self.tick, |actor, _| {
            let now = (actor.clock)();
            actor.registry.tick(now, &mut actor.changes);
            actor.tell_changes();
        });
    }
}

/// Outcomes of admitted requests, oldest first.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ObserveOutcomes(pub Vec<Observation>);

impl Handler<ObserveOutcomes> for BreakerActor {
    type Result = ();

    fn handle(&mut self, message: ObserveOutcomes, _: &mut Self::Context) {
        let batch = &message.0[..message.0.len().min(MAX_BATCH)];
        self.truncated += (message.0.len() - batch.len()) as u64;
        self.outcomes += batch.len() as u64;
        let now = (self.clock)();
        self.registry.record(batch, now, &mut self.changes);
        self.tell_changes();
    }
}

/// Asks for everything there is to see.
#[derive(Message)]
#[rtype(result = "ActorSnapshot")]
pub struct Observe;

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ActorSnapshot {
    #[serde(flatten)]
    pub registry: RegistrySnapshot,
    pub outcomes: u64,
    /// Outcomes beyond the bound of a batch, not looked at.
    pub truncated: u64,
}

impl Handler<Observe> for BreakerActor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        MessageResult(ActorSnapshot {
            registry: self.registry.snapshot((self.clock)()),
            outcomes: self.outcomes,
            truncated: self.truncated,
        })
    }
}

/// An operator's command. Logged with who and why.
#[derive(Message)]
#[rtype(result = "Result<KeyTransition, UnknownKey>")]
pub struct ForceBreaker {
    /// `model:version:scene`, or `process`.
    pub key: String,
    pub force: Force,
    pub who: String,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no breaker is named `{0}`; list them with GET /admin/breakers")]
pub struct UnknownKey(pub String);

impl Handler<ForceBreaker> for BreakerActor {
    type Result = Result<KeyTransition, UnknownKey>;

    fn handle(&mut self, message: ForceBreaker, _: &mut Self::Context) -> Self::Result {
        let ForceBreaker {
            key,
            force,
            who,
            why,
        } = message;
        let now = (self.clock)();
        let change = self
            .registry
            .force(&key, force, now)
            .ok_or(UnknownKey(key))?;
        tracing::warn!(key = %change.key, ?force, who, why, "breaker forced");
        self.changes.push(change.clone());
        self.tell_changes();
        Ok(change)
    }
}

/// What the other instances' records mean for one key.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Advise {
    pub key: String,
    pub advice: Advice,
}

impl Handler<Advise> for BreakerActor {
    type Result = ();

    fn handle(&mut self, message: Advise, _: &mut Self::Context) {
        let now = (self.clock)();
        let change = self.registry.advise(&message.key, message.advice, now);
        self.changes.extend(change);
        self.tell_changes();
    }
}

#[cfg(test)]
mod tests;
