//! Bringing models into service, and moving those whose live runs have become long.

use std::time::Duration;

use actix::prelude::*;
use common::ModelKey;
use inference_actor::ActorId;

use super::{PoolActor, inheritance::add_neighbours};
use crate::{
    bring_up::{InService, Placed, move_to_threads, place_highest},
    messages::{BringUp, ModelOutcome},
    placement::Place,
    repository::{ModelSource, manifest::Placement},
    routing::{ModelRoute, ModelStatus},
    threads::Existing,
};

impl PoolActor {
    fn register(&mut self, placed: Placed, ctx: &mut Context<Self>) -> ModelOutcome {
        let Placed { source, outcome } = placed;
        let model = source.name.clone();
        let failure = outcome
            .map(|in_service| self.put_in_service(&source, in_service, &[], ctx))
            .err();
        if let Some(reason) = &failure {
            self.show_refused(&source, reason);
        }
        ModelOutcome { model, failure }
    }

    /// Shows a version that does not load, with the reason.
    pub(super) fn show_refused(&self, source: &ModelSource, reason: &str) {
        let mut route = ModelRoute::unavailable(source.name.clone(), reason.to_owned());
        route.version = Some(source.version);
        self.publish(route);
    }

    /// Puts a freshly loaded version into service in place of the actors that `former` lists. The
    /// table is swapped once, so no request finds the new version's inputs with an old actor.
    pub(super) fn put_in_service(
        &mut self,
        source: &ModelSource,
        in_service: InService,
        former: &[ActorId],
        ctx: &mut Context<Self>,
    ) {
        let InService {
            spec,
            decision,
            members,
        } = in_service;
        let key = source.key();
        tracing::info!(model = %key, place = ?decision.place, reason = %decision.reason, "model placed");
        self.live_runs.remove(&key);
        self.decisions.insert(key, decision);
        former.iter().for_each(|id| self.retire(id, ctx));
        for member in members {
            self.supervisor.add(member.id.clone());
            self.members.insert(member.id.clone(), member);
        }
        let route = self.staffed(ModelRoute {
            name: source.name.clone(),
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

    /// Versions on the worker threads that may be moved and whose runs have become long.
    fn slow_models(&mut self) -> Vec<ModelSource> {
        let mut slow = Vec::new();
        for (key, decision) in &self.decisions {
            let mut members = self.members.values().filter(|m| m.serves(key));
            let Some(first) = members.clone().next() else {
                continue;
            };
            let movable = decision.place == Place::Colocated
                && !self.moving.contains(key)
                && !self.changing.contains(&key.name)
                && first.source.manifest.placement == Placement::Auto;
            if !movable {
                continue;
            }
            let runs: u64 = members.clone().map(|m| m.gauge.typical_run().0).sum();
            let (_, median) = members
                .by_ref()
                .map(|m| m.gauge.typical_run())
                .max_by_key(|(_, median)| *median)
                .unwrap_or((0, Duration::ZERO));
            let live = self.live_runs.entry(key.clone()).or_default();
            if live.too_long(runs, median, self.options.long_run) {
                slow.push(first.source.clone());
            }
        }
        slow.iter().for_each(|source| {
            self.live_runs.remove(&source.key());
        });
        slow
    }

    fn move_to_threads(&mut self, source: ModelSource, ctx: &mut Context<Self>) {
        let limit = common::Span(self.options.long_run);
        let reason = format!("live runs took more than models.long_run = {limit} at the median");
        let key = source.key();
        tracing::warn!(model = %key, %reason, "model moves to dedicated threads");
        self.moving.insert(key.clone());
        let context = self.bring_up_context();
        let existing = self.threads_beside(&key);
        let moved = async move { move_to_threads(&context, source, &existing, reason).await };
        ctx.spawn(moved.into_actor(self).map(move |placed, actor, ctx| {
            actor.moving.remove(&key);
            let former = actor.of_version(&key);
            let Placed { source, outcome } = placed;
            match outcome {
                // It was unloaded or reloaded meanwhile: what was brought up here is dropped.
                Ok(_) if former.is_empty() || actor.changing.contains(&key.name) => {}
                Ok(in_service) => {
                    actor.moved += 1;
                    actor.put_in_service(&source, in_service, &former, ctx);
                    tracing::info!(model = %key, "model moved to dedicated threads");
                }
                // It goes on where it is; the next look may find room.
                Err(reason) => {
                    tracing::warn!(model = %key, %reason, "model could not be moved to dedicated threads");
                }
            }
        }));
    }

    /// The actors that serve a version now.
    pub(super) fn of_version(&self, key: &ModelKey) -> Vec<ActorId> {
        let members = self.members.values().filter(|m| m.serves(key));
        members.map(|m| m.id.clone()).collect()
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
            let mut existing = Existing::default();
            for source in sources {
                let (one, refused) = place_highest(&context, source, &existing).await;
                if let Ok(in_service) = &one.outcome {
                    add_neighbours(&mut existing.neighbours, &in_service.members);
                }
                placed.push((one, refused));
            }
            placed
        };
        Box::pin(work.into_actor(self).map(move |placed, actor, ctx| {
            for (placed, refused) in placed {
                for (source, reason) in &refused {
                    actor.show_refused(source, reason);
                }
                outcomes.push(actor.register(placed, ctx));
            }
            one_outcome_a_model(outcomes)
        }))
    }
}

/// A model serves where one of its versions does; what the others said is in the log.
fn one_outcome_a_model(outcomes: Vec<ModelOutcome>) -> Vec<ModelOutcome> {
    let mut merged: Vec<ModelOutcome> = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        let Some(known) = merged.iter_mut().find(|known| known.model == outcome.model) else {
            merged.push(outcome);
            continue;
        };
        let refused = match (&known.failure, outcome.failure) {
            (Some(_), None) => known.failure.take(),
            (None, Some(reason)) => Some(reason),
            (None, None) | (Some(_), Some(_)) => None,
        };
        if let Some(reason) = refused {
            tracing::warn!(model = %known.model, %reason, "a version of the model does not load; its other versions serve");
        }
    }
    merged
}
