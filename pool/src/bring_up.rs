//! Putting one model into service: load, warm, choose a place, start the actors, hand each its
//! session.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use inference_actor::{Install, ModelSpec};

use crate::{
    host::{HostId, WorkerHost},
    loader::{Loaded, Loader, load_in_background},
    member::{ActorDefaults, Member},
    placement::{CoreBudget, Decision, Place},
    repository::{ModelSource, manifest::Placement},
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
pub(crate) async fn place(context: &Context, source: ModelSource) -> Placed {
    let outcome = in_service(context, &source, None).await;
    Placed { source, outcome }
}

/// Brings up dedicated actors of a model whose colocated ones have become too slow.
pub(crate) async fn move_to_threads(
    context: &Context,
    source: ModelSource,
    reason: String,
) -> Placed {
    let outcome = in_service(context, &source, Some(reason)).await;
    Placed { source, outcome }
}

async fn in_service(
    context: &Context,
    source: &ModelSource,
    to_threads: Option<String>,
) -> Result<InService, String> {
    let first = load(context, source).await?;
    let (spec, measured) = (Arc::clone(first.0.spec()), first.1.typical_run);
    let wanted = source.manifest.placement;
    let mut decision = Decision::of(wanted, measured, context.long_run);
    if let Some(reason) = &to_threads {
        (decision.place, decision.reason) = (Place::Dedicated, reason.clone());
    }
    let members = match decision.place {
        Place::Colocated => on_workers(context, source).await?,
        Place::Dedicated => match on_threads(context, source)? {
            Some(members) => members,
            None if wanted == Placement::Auto && to_threads.is_none() => {
                decision.place = Place::Colocated;
                decision.reason +=
                    "; colocated all the same: models.dedicated_threads are all taken";
                on_workers(context, source).await?
            }
            None => {
                let told = "no thread is left for it: raise models.dedicated_threads, or set placement = \"colocated\"";
                return Err(told.to_owned());
            }
        },
    };
    let mut first = Some(first);
    for member in &members {
        let (runner, warm_up) = match first.take() {
            Some(loaded) => loaded,
            None => load(context, source).await?,
        };
        let handed = member.addr.send(Install { runner, warm_up }).await;
        handed.map_err(|e| format!("actor {} did not take its session: {e}", member.id))?;
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

/// None where no thread is left.
fn on_threads(context: &Context, source: &ModelSource) -> Result<Option<Vec<Member>>, String> {
    let Some(grants) = context.budget.take(source.manifest.instances) else {
        return Ok(None);
    };
    if let Some(wanted) = source.manifest.instances.filter(|n| n.get() > grants.len()) {
        let got = grants.len();
        tracing::warn!(model = %source.name, %wanted, got, "fewer instances than wanted: models.dedicated_threads are all taken");
    }
    let start = |(number, grant)| {
        Member::on_own_thread(
            &context.actor_defaults,
            source,
            context.generation,
            number,
            grant,
        )
    };
    let members: std::io::Result<Vec<_>> = grants.into_iter().enumerate().map(start).collect();
    let members = members.map_err(|e| format!("a thread could not be started: {e}"))?;
    Ok(Some(members))
}

async fn load(context: &Context, source: &ModelSource) -> Result<Loaded, String> {
    load_in_background(context.loader.clone(), source.clone(), context.load_timeout).await
}
