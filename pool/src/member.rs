//! An actor's body: its address, what shows its load, and the thread it lives on.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use common::{Clock, ModelKey};
use inference_actor::{
    ActorId, CodelSettings, Gauge, InferenceActor, Options, RunnerLost, Watchdog, arena::Arenas,
};

use crate::{
    host::{HostId, StartActor, Started, WorkerHost},
    placement::Place,
    repository::ModelSource,
    routing::ActorRoute,
    threads::DedicatedThread,
};

/// What every actor is started with.
#[derive(Clone)]
pub(crate) struct ActorDefaults {
    pub(crate) queue: usize,
    pub(crate) codel: CodelSettings,
    pub(crate) turn: Duration,
    pub(crate) arenas: Arc<Arenas>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) supervisor: Recipient<RunnerLost>,
    pub(crate) watchdog: Arc<Watchdog>,
}

impl ActorDefaults {
    fn options(&self, source: &ModelSource, id: &ActorId, incarnation: u64) -> Options {
        let gauge = Gauge::new();
        Options {
            id: id.clone(),
            incarnation,
            watch: self
                .watchdog
                .watch(id.clone(), incarnation, Arc::clone(&gauge)),
            gauge,
            model: source.name.clone(),
            version: source.version,
            queue: self.queue,
            codel: self.codel,
            turn: self.turn,
            arenas: Arc::clone(&self.arenas),
            clock: Arc::clone(&self.clock),
            supervisor: self.supervisor.clone(),
        }
    }
}

/// The name of an actor's place. A reloaded model's actors stand beside the former ones for a
/// moment, so their names tell the load: none for the start of the process.
fn actor_id(source: &ModelSource, generation: u64, kind: char, number: usize) -> ActorId {
    let load = match generation {
        0 => String::new(),
        generation => format!("-l{generation}"),
    };
    ActorId(format!(
        "{}-{}{load}-{kind}{number}",
        source.name, source.version
    ))
}

/// An actor of the pool.
pub(crate) struct Member {
    pub(crate) source: ModelSource,
    pub(crate) id: ActorId,
    pub(crate) addr: Addr<InferenceActor>,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) host: Option<HostId>,
    /// The thread it lives on, if that is not a worker's.
    pub(crate) thread: Option<Arc<DedicatedThread>>,
    /// Held once by each route that names this actor, so that it is known when none does.
    in_routes: Arc<()>,
}

impl Member {
    /// Starts an actor on a worker thread.
    pub(crate) async fn on_worker(
        actor_defaults: &ActorDefaults,
        source: &ModelSource,
        generation: u64,
        (host, addr): (HostId, &Addr<WorkerHost>),
    ) -> Result<Self, String> {
        let id = actor_id(source, generation, 'w', host.0);
        let options = actor_defaults.options(source, &id, 0);
        let gauge = Arc::clone(&options.gauge);
        let started = addr.send(StartActor(options)).await;
        let Started(addr) =
            started.map_err(|e| format!("worker {} did not take the actor: {e}", host.0))?;
        Ok(Self {
            source: source.clone(),
            id,
            addr,
            gauge,
            host: Some(host),
            thread: None,
            in_routes: Arc::default(),
        })
    }

    /// Starts an actor on a dedicated thread.
    pub(crate) fn on_thread(
        actor_defaults: &ActorDefaults,
        source: &ModelSource,
        generation: u64,
        number: usize,
        thread: Arc<DedicatedThread>,
    ) -> Self {
        let id = actor_id(source, generation, 'd', number);
        Self::start(actor_defaults, source.clone(), id, 0, thread)
    }

    /// Starts the next actor of this place on its thread, which is another than the last one's.
    pub(crate) fn replace(&mut self, actor_defaults: &ActorDefaults, incarnation: u64) {
        if let Some(thread) = self.thread.take() {
            let (source, id) = (self.source.clone(), self.id.clone());
            *self = Self::start(actor_defaults, source, id, incarnation, thread);
        }
    }

    fn start(
        actor_defaults: &ActorDefaults,
        source: ModelSource,
        id: ActorId,
        incarnation: u64,
        thread: Arc<DedicatedThread>,
    ) -> Self {
        let options = actor_defaults.options(&source, &id, incarnation);
        let gauge = Arc::clone(&options.gauge);
        let new = |_: &mut Context<InferenceActor>| InferenceActor::new(options);
        let addr = InferenceActor::start_in_arbiter(thread.handle(), new);
        Self {
            source,
            id,
            addr,
            gauge,
            host: None,
            thread: Some(thread),
            in_routes: Arc::default(),
        }
    }

    /// Whether it lives on this thread.
    pub(crate) fn is_on(&self, thread: &Arc<DedicatedThread>) -> bool {
        let own = self.thread.as_ref();
        own.is_some_and(|own| Arc::ptr_eq(own, thread))
    }

    pub(crate) fn place(&self) -> Place {
        match self.host {
            Some(_) => Place::Colocated,
            None => Place::Dedicated,
        }
    }

    pub(crate) fn route(&self) -> ActorRoute {
        ActorRoute {
            id: self.id.clone(),
            host: self.host,
            addr: self.addr.clone(),
            gauge: Arc::clone(&self.gauge),
            in_routes: Arc::clone(&self.in_routes),
        }
    }

    /// Whether it is an actor of this version.
    pub(crate) fn serves(&self, key: &ModelKey) -> bool {
        (&self.source.name, self.source.version) == (&key.name, key.version)
    }

    /// Tells, while the member lives, whether anybody holds a route that names its actor.
    pub(crate) fn in_routes(&self) -> impl Fn() -> bool + use<> {
        let routes = Arc::downgrade(&self.in_routes);
        // The member itself holds it as well.
        move || routes.strong_count() > 1
    }
}
