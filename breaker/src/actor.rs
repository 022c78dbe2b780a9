//! The breaker actor: wires the registry to its mailbox and to time.
//!
//! Owns every breaker. Fronts send it outcomes in batches of at most [`MAX_BATCH`]; admin asks it
//! for snapshots and forces changes; whoever speaks with other instances hands it their advice.
//! It answers nobody on the request path: fronts read the gates.
//!
//! Mailbox: [`MAILBOX`] messages. Fronts use `try_send` and keep a refused batch for the next try
//! ([`crate::OutcomeBuffer::put_back`]); a full mailbox thus costs samples, never a request.
//!
//! A panic loses the registry and what it learned, never the actor: its work runs behind a wall, and
//! its address, which every front holds, stays good. The gates keep the last states for their time to
//! live; after a wait ([`crate::revival`]) a new registry takes the same gates over
//! ([`crate::Registry::over`]). Outcomes that come in between are dropped and counted.

mod releases;

pub use releases::{CommandRelease, ObserveReleases, StartRelease};

use crate::buffer::MAX_BATCH;
use crate::canary::{ReleaseDecision, Releases};
use crate::cluster::Advice;
use crate::directory::Directory;
use crate::gate::Observation;
use crate::registry::{KeyTransition, Registry, RegistrySnapshot};
use crate::revival::Revival;
use crate::transition::Force;
use actix::{Actor, AsyncContext, Context, Handler, Message, MessageResult};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// 32 fronts with two batches each: beyond that the actor is behind, and fresher outcomes are
/// worth more than older ones.
pub const MAILBOX: usize = 64;

/// Reads the time. The actor's only source of it.
pub type ReadClock = Box<dyn Fn() -> Instant + Send>;

/// Told of every change of state, for metrics and for other instances. Must not block.
pub type OnChange = Box<dyn Fn(&KeyTransition) + Send>;

/// Told of every decision about a canary, to route by it. Must not block.
pub type OnDecision = Box<dyn Fn(&ReleaseDecision) + Send>;

/// Makes a registry over the gates of the one that was lost.
pub type Rebuild = Box<dyn Fn(Instant) -> Registry + Send>;

pub struct BreakerActorOptions {
    pub registry: Registry,
    pub rebuild: Rebuild,
    pub clock: ReadClock,
    /// Time between ticks: how late an opening, a probe phase or a ramp step may be.
    pub tick: Duration,
    /// With no tick for longer than this, the process stood still meanwhile.
    pub standstill: Duration,
    pub on_change: OnChange,
    pub on_decision: OnDecision,
}

pub struct BreakerActor {
    /// Outlive the registry: a panic of the breakers is no verdict on a canary.
    releases: Releases,
    directory: Arc<Directory>,
    on_decision: OnDecision,
    /// None from a panic until the next is due.
    registry: Option<Registry>,
    rebuild: Rebuild,
    revival: Revival,
    last_panic: Option<String>,
    clock: ReadClock,
    tick: Duration,
    standstill: Duration,
    last_seen: Option<Instant>,
    on_change: OnChange,
    outcomes: u64,
    truncated: u64,
    lost: u64,
}

impl BreakerActor {
    pub fn new(options: BreakerActorOptions) -> Self {
        Self {
            releases: Releases::default(),
            directory: options.registry.directory(),
            on_decision: options.on_decision,
            registry: Some(options.registry),
            rebuild: options.rebuild,
            revival: Revival::default(),
            last_panic: None,
            clock: options.clock,
            tick: options.tick,
            standstill: options.standstill,
            last_seen: None,
            on_change: options.on_change,
            outcomes: 0,
            truncated: 0,
            lost: 0,
        }
    }

    /// Works on the registry and tells what changed; `None` where there is none, or none any more.
    fn guarded<R>(
        &mut self,
        now: Instant,
        work: impl FnOnce(&mut Registry, &mut Vec<KeyTransition>) -> R,
    ) -> Option<R> {
        let gap = self.gap_before(now);
        let (registry, on_change) = (self.registry.as_mut()?, &self.on_change);
        // What a panic leaves half done inside the registry goes with it.
        let done = catch_unwind(AssertUnwindSafe(|| {
            let mut changes = Vec::new();
            if let Some(from) = gap {
                let missing = now.saturating_duration_since(from);
                tracing::warn!(
                    ?missing,
                    "the process stood still; requests in flight are no evidence"
                );
                registry.stood_still(from, now);
            }
            let result = work(registry, &mut changes);
            for change in &changes {
                log_change(change);
                on_change(change);
            }
            (result, changes)
        }));
        if let Ok((_, changes)) = &done {
            self.end_canaries_of(changes);
        }
        let done = done.map(|(result, _)| result);
        done.map_err(|panic| self.fall(&*panic, now)).ok()
    }

    /// When this actor last ran, if that is too long ago for a thread that runs.
    fn gap_before(&mut self, now: Instant) -> Option<Instant> {
        let last = self.last_seen.replace(now)?;
        (now.saturating_duration_since(last) > self.standstill).then_some(last)
    }

    fn fall(&mut self, panic: &(dyn Any + Send), now: Instant) {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let text = text.unwrap_or("a panic without words");
        self.registry = None;
        let wait = self.revival.lost(now);
        tracing::error!(panic = text, ?wait, "the breakers are lost and made anew");
        self.last_panic = Some(text.to_owned());
    }

    fn rise(&mut self, now: Instant) {
        if !self.revival.is_due(now) {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| (self.rebuild)(now))) {
            Ok(registry) => self.registry = Some(registry),
            Err(panic) => self.fall(&*panic, now),
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
            actor.rise(now);
            actor.guarded(now, |registry, changes| registry.tick(now, changes));
            actor.judge_releases(now);
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
        self.record_arms(batch);
        let taken = self.guarded(now, |registry, changes| {
            registry.record(batch, now, changes);
        });
        if taken.is_none() {
            self.lost += batch.len() as u64;
        }
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
    /// Outcomes that came while there was no registry.
    pub lost: u64,
    /// Times a panic lost all that was learned.
    pub restarts: u64,
    /// What the last of them said.
    pub last_panic: Option<String>,
    /// Whether there is no registry right now.
    pub is_down: bool,
}

impl Handler<Observe> for BreakerActor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        let now = (self.clock)();
        let registry = self.guarded(now, |registry, _| registry.snapshot(now));
        MessageResult(ActorSnapshot {
            is_down: registry.is_none(),
            registry: registry.unwrap_or_default(),
            outcomes: self.outcomes,
            truncated: self.truncated,
            lost: self.lost,
            restarts: self.revival.restarts(),
            last_panic: self.last_panic.clone(),
        })
    }
}

/// An operator's command. Logged with who and why.
#[derive(Message)]
#[rtype(result = "Result<KeyTransition, ForceError>")]
pub struct ForceBreaker {
    /// `model:version:scene`, or `process`.
    pub key: String,
    pub force: Force,
    pub who: String,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForceError {
    #[error("no breaker is named `{0}`; list them with GET /admin/breakers")]
    UnknownKey(String),
    #[error("the breakers are being made anew after a panic; try again in a moment")]
    Restarting,
}

impl Handler<ForceBreaker> for BreakerActor {
    type Result = Result<KeyTransition, ForceError>;

    fn handle(&mut self, message: ForceBreaker, _: &mut Self::Context) -> Self::Result {
        let ForceBreaker {
            key,
            force,
            who,
            why,
        } = message;
        let now = (self.clock)();
        let forced = self.guarded(now, |registry, changes| {
            let change = registry.force(&key, force, now)?;
            tracing::warn!(key = %change.key, ?force, who, why, "breaker forced");
            changes.push(change.clone());
            Some(change)
        });
        match forced {
            Some(change) => change.ok_or(ForceError::UnknownKey(key)),
            None => Err(ForceError::Restarting),
        }
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
        self.guarded(now, |registry, changes| {
            changes.extend(registry.advise(&message.key, message.advice, now));
        });
    }
}

#[cfg(test)]
mod tests;
