//! An actor's body: its address, what shows its load, and the thread it lives on.

use std::{io, sync::Arc, time::Duration};

use actix::prelude::*;
use common::{Clock, ModelKey};
use inference_actor::{
    ActorId, CodelSettings, Gauge, InferenceActor, Options, RunnerLost, Watchdog, arena::Arenas,
};

use crate::{
    host::{HostId, StartActor, Started, WorkerHost},
    placement::{Grant, Place},
    repository::ModelSource,
    routing::ActorRoute,
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

/// The thread of a dedicated actor, and the right to it.
pub(crate) struct DedicatedThread {
    arbiter: Arbiter,
    grant: Grant,
}

impl DedicatedThread {
    /// Gives the thread up without waiting for it; the right to a thread goes on to the next.
    pub(crate) fn abandon(self) -> (Arbiter, Grant) {
        // It ends by itself if its run ever does.
        self.arbiter.stop();
        (self.arbiter, self.grant)
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
    pub(crate) thread: Option<DedicatedThread>,
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

    /// Starts an actor on a thread of its own; must be called on a thread of the actix system.
    pub(crate) fn on_own_thread(
        actor_defaults: &ActorDefaults,
        source: &ModelSource,
        generation: u64,
        number: usize,
        grant: Grant,
    ) -> io::Result<Self> {
        let id = actor_id(source, generation, 'd', number);
        Self::start(actor_defaults, source.clone(), id, 0, grant)
    }

    /// Starts the next actor of this place on a fresh thread; gives the old thread, if it had one
    /// that can be given up.
    pub(crate) fn replace(
        &mut self,
        actor_defaults: &ActorDefaults,
        incarnation: u64,
    ) -> io::Result<Option<Arbiter>> {
        let Some(thread) = self.thread.take() else {
            return Ok(None);
        };
        let (old, grant) = thread.abandon();
        let (source, id) = (self.source.clone(), self.id.clone());
        *self = Self::start(actor_defaults, source, id, incarnation, grant)?;
        Ok(Some(old))
    }

    fn start(
        actor_defaults: &ActorDefaults,
        source: ModelSource,
        id: ActorId,
        incarnation: u64,
        grant: Grant,
    ) -> io::Result<Self> {
        let options = actor_defaults.options(&source, &id, incarnation);
        let gauge = Arc::clone(&options.gauge);
        let arbiter = Arbiter::try_new()?;
        let addr =
            InferenceActor::start_in_arbiter(&arbiter.handle(), |_| InferenceActor::new(options));
        Ok(Self {
            source,
            id,
            addr,
            gauge,
            host: None,
            thread: Some(DedicatedThread { arbiter, grant }),
            in_routes: Arc::default(),
        })
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
