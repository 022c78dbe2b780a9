//! Bringing models into service, and moving those whose live runs have become long.

use std::time::Duration;

use actix::prelude::*;
use inference_actor::{ActorId, Drain};

use super::PoolActor;
use crate::{
    bring_up::{InService, Placed, move_to_threads, place},
    member::Member,
    placement::Place,
    pool::{BringUp, ModelOutcome},
    repository::{ModelSource, manifest::Placement},
    routing::{ModelRoute, ModelStatus},
};

impl PoolActor {
    fn register(&mut self, placed: Placed) -> ModelOutcome {
        let Placed { source, outcome } = placed;
        let model = source.name.clone();
        let failure = outcome
            .map(|in_service| self.put_in_service(&source, in_service))
            .err();
        if let Some(reason) = &failure {
            let mut route = ModelRoute::unavailable(model.clone(), reason.clone());
            route.version = Some(source.version);
            self.publish(route);
        }
        ModelOutcome { model, failure }
    }

    pub(super) fn put_in_service(&mut self, source: &ModelSource, in_service: InService) {
        let name = &source.name;
        let InService {
            spec,
            decision,
            members,
        } = in_service;
        tracing::info!(model = %name, place = ?decision.place, reason = %decision.reason, "placed");
        self.decisions.insert(name.clone(), decision);
        for member in members {
            self.supervisor.add(member.id.clone());
            self.members.insert(member.id.clone(), member);
        }
        let route = self.staffed(ModelRoute {
            name: name.clone(),
            version: Some(source.version),
            spec: Some(spec),
            actors: Vec::new(),
            status: ModelStatus::Ready,
        });
        self.publish(route);
    }

    /// The regular look at what only time shows.
    pub(super) fn look(&mut self, ctx: &mut Context<Self>) {
        self.purge_quarantine();
        self.recycle_outgrown(ctx);
        for source in self.slow_models() {
            self.move_to_threads(source, ctx);
        }
    }

    fn recycle_outgrown(&mut self, ctx: &mut Context<Self>) {
        let Some(limit) = self.options.actor_memory_bytes else {
            return;
        };
        let outgrown = self
            .members
            .values()
            .filter(|m| m.gauge.memory_bytes() > limit);
        // The largest first; the supervisor takes one at a time.
        let largest = outgrown.max_by_key(|m| m.gauge.memory_bytes());
        let Some(id) = largest.map(|m| m.id.clone()) else {
            return;
        };
        let effects = self.supervisor.outgrown(&id);
        if !effects.is_empty() {
            tracing::warn!(actor = %id, limit_bytes = limit, "its session has grown past supervision.actor_memory and is replaced");
        }
        self.carry_out(&id, effects, ctx);
    }

    /// Models on the worker threads that may be moved and whose runs have become long.
    fn slow_models(&mut self) -> Vec<ModelSource> {
        let mut slow = Vec::new();
        for (name, decision) in &self.decisions {
            let mut members = self.members.values().filter(|m| m.source.name == *name);
            let Some(first) = members.clone().next() else {
                continue;
            };
            let movable = decision.place == Place::Colocated
                && !self.moving.contains(name)
                && first.source.manifest.placement == Placement::Auto
                && self.budget.used() < self.budget.granted();
            if !movable {
                continue;
            }
            let runs: u64 = members.clone().map(|m| m.gauge.typical_run().0).sum();
            let (_, median) = members
                .by_ref()
                .map(|m| m.gauge.typical_run())
                .max_by_key(|(_, median)| *median)
                .unwrap_or((0, Duration::ZERO));
            let live = self.live_runs.entry(name.clone()).or_default();
            if live.too_long(runs, median, self.options.long_run) {
                slow.push(first.source.clone());
            }
        }
        slow.iter().for_each(|source| {
            self.live_runs.remove(&source.name);
        });
        slow
    }

    fn move_to_threads(&mut self, source: ModelSource, ctx: &mut Context<Self>) {
        let limit = common::Span(self.options.long_run);
        let reason = format!("live runs took more than models.long_run = {limit} at the median");
        tracing::warn!(model = %source.name, %reason, "moves to threads of its own");
        self.moving.insert(source.name.clone());
        let context = self.bring_up_context();
        let moved = async move { move_to_threads(&context, source, reason).await };
        ctx.spawn(moved.into_actor(self).map(|placed, actor, ctx| {
            let Placed { source, outcome } = placed;
            actor.moving.remove(&source.name);
            match outcome {
                Ok(in_service) => {
                    let old = actor.colocated(&source);
                    actor.moved += 1;
                    actor.put_in_service(&source, in_service);
                    old.into_iter().for_each(|id| actor.retire(&id, ctx));
                    actor.reroute(&source.name);
                }
                // It goes on where it is; the next look may find room.
                Err(reason) => tracing::warn!(model = %source.name, %reason, "could not be moved"),
            }
        }));
    }

    fn colocated(&self, source: &ModelSource) -> Vec<ActorId> {
        let same =
            |m: &&Member| (&m.source.name, m.source.version) == (&source.name, source.version);
        let of_version = self.members.values().filter(same);
        of_version
            .filter(|m| m.place() == Place::Colocated)
            .map(|m| m.id.clone())
            .collect()
    }

    /// Takes an actor out for good; it answers what it holds first, and ends with its last address.
    pub(super) fn retire(&mut self, id: &ActorId, ctx: &mut Context<Self>) {
        self.supervisor.remove(id);
        if let Some(member) = self.members.remove(id) {
            let addr = member.addr.clone();
            let drained = async move { addr.send(Drain).await };
            ctx.spawn(drained.into_actor(self).map(move |_, _, _| drop(member)));
        }
    }
}

impl Handler<BringUp> for PoolActor {
    type Result = ResponseActFuture<Self, Vec<ModelOutcome>>;

    fn handle(&mut self, request: BringUp, _: &mut Context<Self>) -> Self::Result {
        let BringUp {
            sources,
            unusable,
            hosts,
        } = request;
        self.hosts = hosts;
        let mut outcomes = Vec::with_capacity(sources.len() + unusable.len());
        for (model, reason) in unusable {
            self.publish(ModelRoute::unavailable(model.clone(), reason.clone()));
            let failure = Some(reason);
            outcomes.push(ModelOutcome { model, failure });
        }
        let context = self.bring_up_context();
        let work = async move {
            let mut placed = Vec::with_capacity(sources.len());
            for source in sources {
                placed.push(place(&context, source).await);
            }
            placed
        };
        Box::pin(work.into_actor(self).map(move |placed, actor, _| {
            outcomes.extend(placed.into_iter().map(|placed| actor.register(placed)));
            outcomes
        }))
    }
}
