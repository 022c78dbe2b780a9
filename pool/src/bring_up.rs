//! Putting one model into service: load, warm, choose a place, start the actors, hand each its
//! session.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use inference_actor::{Install, ModelSpec};

use crate::{
    host::{HostId, WorkerHost},
    loader::{Loaded, Loader, load_in_background},
    member::{ActorDefaults, Member},
    placement::{Decision, Place, instances},
    repository::ModelSource,
    threads::{CoreBudget, Existing, ThreadMemory, assign},
};

/// What bringing a model up needs.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) loader: Loader,
    pub(crate) load_timeout: Duration,
    pub(crate) long_run: Duration,
    pub(crate) actor_defaults: ActorDefaults,
    pub(crate) budget: Arc<CoreBudget>,
    pub(crate) hosts: Vec<(HostId, Addr<WorkerHost>)>,
    /// Which load this is; 0 at the start of the process.
    pub(crate) generation: u64,
}

/// A model with its actors, or with the reason why it has none.
pub(crate) struct Placed {
    pub(crate) source: ModelSource,
    pub(crate) outcome: Result<InService, String>,
}

/// A model that can be asked.
pub(crate) struct InService {
    pub(crate) spec: Arc<ModelSpec>,
    pub(crate) decision: Decision,
    pub(crate) members: Vec<Member>,
}

/// Brings one model up. A model that fails on one thread is taken out on all: half a model would
/// answer only some of its callers.
pub(crate) async fn place(context: &Context, source: ModelSource, existing: &Existing) -> Placed {
    let outcome = in_service(context, &source, existing, None).await;
    Placed { source, outcome }
}

/// A version that does not load, and why.
pub(crate) type Refused = (ModelSource, String);

/// Brings a version up, or the highest one below it that loads, where the manifest asks for the
/// latest. Gives also those that were tried before.
pub(crate) async fn place_highest(
    context: &Context,
    source: ModelSource,
    existing: &Existing,
) -> (Placed, Vec<Refused>) {
    let mut refused = Vec::new();
    let mut placed = place(context, source, existing).await;
    while let (Err(reason), Some(lower)) = (&placed.outcome, placed.source.next_lower()) {
        tracing::warn!(model = %placed.source.key(), %reason, next = %lower.version, "model version does not load; the next lower one is tried");
        refused.push((placed.source, reason.clone()));
        placed = place(context, lower, existing).await;
    }
    (placed, refused)
}

/// Brings up dedicated actors of a model whose colocated ones have become too slow.
pub(crate) async fn move_to_threads(
    context: &Context,
    source: ModelSource,
    existing: &Existing,
    reason: String,
) -> Placed {
    let outcome = in_service(context, &source, existing, Some(reason)).await;
    Placed { source, outcome }
}

async fn in_service(
    context: &Context,
    source: &ModelSource,
    existing: &Existing,
    to_threads: Option<String>,
) -> Result<InService, String> {
    let first = load(context, source).await?;
    let (spec, measured) = (Arc::clone(first.0.spec()), first.1.typical_run);
    let mut decision = Decision::of(source.manifest.placement, measured, context.long_run);
    if let Some(reason) = to_threads {
        (decision.place, decision.reason) = (Place::Dedicated, reason);
    }
    let members = match decision.place {
        Place::Colocated => on_workers(context, source).await?,
        Place::Dedicated => on_threads(context, source, existing, &mut decision)?,
    };
    let mut first = Some(first);
    for member in &members {
        let (runner, warm_up) = match first.take() {
            Some(loaded) => loaded,
            None => load(context, source).await?,
        };
        // The thread may be held by a run of the actor that this one is to replace.
        let handed = member.addr.send(Install { runner, warm_up });
        let handed = tokio::time::timeout(context.load_timeout, handed).await;
        handed
            .map_err(|_| {
                let limit = common::Span(context.load_timeout);
                format!("actor {} did not take its session within models.load_timeout = {limit}: its thread is held by a run", member.id)
            })?
            .map_err(|e| format!("actor {} did not take its session: {e}", member.id))?;
    }
    Ok(InService {
        spec,
        decision,
        members,
    })
}

async fn on_workers(context: &Context, source: &ModelSource) -> Result<Vec<Member>, String> {
    let mut members = Vec::with_capacity(context.hosts.len());
    for (host, addr) in &context.hosts {
        members.push(
            Member::on_worker(
                &context.actor_defaults,
                source,
                context.generation,
                (*host, addr),
            )
            .await?,
        );
    }
    match members.is_empty() {
        false => Ok(members),
        true => Err("there is no worker thread to run it on".to_owned()),
    }
}

fn on_threads(
    context: &Context,
    source: &ModelSource,
    existing: &Existing,
    decision: &mut Decision,
) -> Result<Vec<Member>, String> {
    let wanted = instances(source.manifest.instances);
    let memory = ThreadMemory {
        arenas: Arc::clone(&context.actor_defaults.arenas),
        clock: Arc::clone(&context.actor_defaults.clock),
    };
    let assigned = assign(&context.budget, &memory, wanted, existing)
        .map_err(|e| format!("a thread could not be started: {e}"))?
        .ok_or(
            "no dedicated thread is left and none can be shared: raise models.dedicated_threads",
        )?;
    let (model, got) = (source.key(), assigned.threads.len());
    if assigned.shared {
        decision.reason +=
            "; it shares a thread with other models: models.dedicated_threads are all taken";
        tracing::warn!(%model, "model shares a dedicated thread with other models and waits for their runs: models.dedicated_threads are all taken; raise it, or set fewer instances in the model.toml of the others");
    } else if source.manifest.instances.is_some() && got < wanted {
        tracing::warn!(%model, wanted, got, "model gets fewer instances than model.toml asks for: models.dedicated_threads are all taken");
    }
    let start = |(number, thread)| {
        Member::on_thread(
            &context.actor_defaults,
            source,
            context.generation,
            number,
            thread,
        )
    };
    Ok(assigned
        .threads
        .into_iter()
        .enumerate()
        .map(start)
        .collect())
}

async fn load(context: &Context, source: &ModelSource) -> Result<Loaded, String> {
    load_in_background(context.loader.clone(), source.clone(), context.load_timeout).await
}
