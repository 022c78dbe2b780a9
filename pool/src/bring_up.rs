//! Putting one model into service: load, warm, start an actor on every host, hand it its session.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use common::Clock;
use inference_actor::{ActorId, Install, ModelSpec, Options, RunnerLost};

use crate::{
    host::{HostId, StartActor, Started, WorkerHost},
    loader::{Loaded, Loader, load_in_background},
    repository::ModelSource,
    routing::{ActorRoute, ModelRoute, ModelStatus},
};

/// What bringing a model up needs.
pub(crate) struct Context {
    pub(crate) loader: Loader,
    pub(crate) load_timeout: Duration,
    pub(crate) queue: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) supervisor: Recipient<RunnerLost>,
    pub(crate) hosts: Vec<(HostId, Addr<WorkerHost>)>,
    /// Which load this is; 0 at the start of the process.
    pub(crate) generation: u64,
}

/// A model with its actors, or with the reason why it has none.
pub(crate) struct Placed {
    pub(crate) source: ModelSource,
    pub(crate) route: ModelRoute,
}

/// Brings one model up on all hosts. A model that fails on one is taken out on all: half a model
/// would answer only some of its callers.
pub(crate) async fn place(context: &Context, source: ModelSource) -> Placed {
    match actors(context, &source).await {
        Ok((spec, actors)) => {
            let route = ModelRoute {
                name: source.name.clone(),
                version: Some(source.version),
                spec: Some(spec),
                actors,
                status: ModelStatus::Ready,
            };
            Placed { source, route }
        }
        Err(reason) => {
            let mut route = ModelRoute::unavailable(source.name.clone(), reason);
            route.version = Some(source.version);
            Placed { source, route }
        }
    }
}

async fn actors(
    context: &Context,
    source: &ModelSource,
) -> Result<(Arc<ModelSpec>, Vec<ActorRoute>), String> {
    let mut spec = None;
    let mut routes = Vec::with_capacity(context.hosts.len());
    let most = source.manifest.instances().unwrap_or(usize::MAX);
    for (host, addr) in context.hosts.iter().take(most) {
        let (runner, warm_up) = load(context, source).await?;
        spec.get_or_insert_with(|| Arc::clone(runner.spec()));
        let again = match context.generation {
            0 => String::new(),
            generation => format!(".{generation}"),
        };
        let id = ActorId(format!(
            "{}/{}/{}{again}",
            source.name, source.version, host.0
        ));
        let options = Options {
            id: id.clone(),
            model: source.name.clone(),
            version: source.version,
            queue: context.queue,
            clock: Arc::clone(&context.clock),
            supervisor: context.supervisor.clone(),
        };
        let gone = |e: MailboxError| format!("worker {} did not take the actor: {e}", host.0);
        let Started(actor) = addr.send(StartActor(options)).await.map_err(gone)?;
        actor
            .send(Install { runner, warm_up })
            .await
            .map_err(gone)?;
        routes.push(ActorRoute {
            id,
            host: *host,
            addr: actor,
        });
    }
    spec.map(|spec| (spec, routes))
        .ok_or_else(|| "there is no worker thread to run it on".to_owned())
}

async fn load(context: &Context, source: &ModelSource) -> Result<Loaded, String> {
    load_in_background(context.loader.clone(), source.clone(), context.load_timeout).await
}
