//! The pool's actor: wires the supervisor's decisions to loading, hosts and the routing table.
//!
//! Lives on the main thread. Its mailbox stays at the default of 16: its senders (actors that lost
//! their session, admin, start-up) wait for room. It loads nothing itself but hands loads to the
//! blocking pool, so it is always there to take news. It runs no engine code, so nothing in it
//! panics on a model's account.

mod control;

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use arc_swap::ArcSwap;
use common::{Clock, ModelName};
use inference_actor::{ActorId, InferenceActor, Install, Park, RunnerLost};

pub use self::control::ChangeError;
use self::control::{LoadModel, UnloadModel};
use crate::{
    bring_up::{Context as BringUpContext, Placed, place},
    host::{HostId, WorkerHost},
    loader::{Loader, load_in_background},
    repository::ModelSource,
    routing::{ModelRoute, ModelStatus, RoutingTable},
    supervisor::{Policy, SlotState, Supervisor, Verdict},
};

/// What a pool is made of.
pub struct PoolOptions {
    /// When failed actors come back.
    pub policy: Policy,
    /// Most requests one actor holds.
    pub queue: usize,
    /// A load that takes longer has failed.
    pub load_timeout: Duration,
    /// The folder that models are loaded from while the process serves.
    pub repository: PathBuf,
    /// Makes sessions.
    pub loader: Loader,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// A handle to the pool, for every thread.
#[derive(Clone)]
pub struct Pool {
    table: Arc<ArcSwap<RoutingTable>>,
    actor: Addr<PoolActor>,
}

impl Pool {
    /// Starts the pool's actor on this thread, which must run an actix system.
    #[must_use]
    pub fn start(options: PoolOptions) -> Self {
        let table = Arc::new(ArcSwap::from_pointee(RoutingTable::default()));
        let actor = PoolActor {
            supervisor: Supervisor::new(options.policy.clone()),
            table: Arc::clone(&table),
            options,
            placed: HashMap::new(),
            hosts: Vec::new(),
            changing: HashSet::new(),
            generation: 0,
            random: fastrand::Rng::new(),
        };
        Self {
            table,
            actor: actor.start(),
        }
    }

    /// The routing table of this moment.
    #[must_use]
    pub fn table(&self) -> arc_swap::Guard<Arc<RoutingTable>> {
        self.table.load()
    }

    /// Loads models and starts their actors; tells how each fared.
    pub async fn bring_up(&self, request: BringUp) -> Vec<ModelOutcome> {
        self.actor.send(request).await.unwrap_or_default()
    }

    /// Loads a model as its folder is now, in the place of what serves it.
    pub async fn load_model(&self, name: ModelName) -> Result<(), ChangeError> {
        let done = self.actor.send(LoadModel(name)).await;
        done.unwrap_or(Err(ChangeError::Stopping))
    }

    /// Takes a model out of service and gives its memory back.
    pub async fn unload_model(&self, name: ModelName) -> Result<(), ChangeError> {
        let done = self.actor.send(UnloadModel(name)).await;
        done.unwrap_or(Err(ChangeError::Stopping))
    }

    /// The supervisor's view of every actor.
    pub async fn slots(&self) -> Vec<SlotReport> {
        self.actor.send(ObserveSlots).await.unwrap_or_default()
    }
}

/// Load these models and start an actor of each on every host.
#[derive(Message)]
#[rtype(result = "Vec<ModelOutcome>")]
pub struct BringUp {
    /// What to load.
    pub sources: Vec<ModelSource>,
    /// What the repository already found unusable.
    pub unusable: Vec<(ModelName, String)>,
    /// The threads that take actors.
    pub hosts: Vec<(HostId, Addr<WorkerHost>)>,
}

/// How a model fared.
#[derive(Debug, Clone)]
pub struct ModelOutcome {
    /// The model.
    pub model: ModelName,
    /// Why it cannot serve, if so.
    pub failure: Option<String>,
}

/// The supervisor's view of one actor.
#[derive(Debug, Clone, serde::Serialize)]
pub struct SlotReport {
    /// Which actor.
    pub id: String,
    /// `loading`, `serving`, `waiting` or `parked`.
    pub state: &'static str,
    /// Failures since it last served well.
    pub failures_in_row: u32,
    /// Panics of its engine.
    pub panics: u64,
    /// Sessions that could not be loaded.
    pub load_failures: u64,
    /// What the last failure said.
    pub last_cause: String,
}

#[derive(Message)]
#[rtype(result = "Vec<SlotReport>")]
struct ObserveSlots;

struct Member {
    source: ModelSource,
    addr: Addr<InferenceActor>,
}

struct PoolActor {
    options: PoolOptions,
    supervisor: Supervisor,
    table: Arc<ArcSwap<RoutingTable>>,
    placed: HashMap<ActorId, Member>,
    hosts: Vec<(HostId, Addr<WorkerHost>)>,
    /// Models being loaded: one change of a model at a time.
    changing: HashSet<ModelName>,
    /// Counts loads, so that actors of a reloaded model are not taken for the former ones.
    generation: u64,
    random: fastrand::Rng,
}

impl PoolActor {
    fn register(&mut self, placed: Placed) -> ModelOutcome {
        self.enlist(&placed);
        self.publish(placed.route)
    }

    /// Takes a model's actors under supervision.
    fn enlist(&mut self, placed: &Placed) {
        for actor in &placed.route.actors {
            self.supervisor.add(actor.id.clone());
            self.supervisor.become_serving(&actor.id);
            let member = Member {
                source: placed.source.clone(),
                addr: actor.addr.clone(),
            };
            self.placed.insert(actor.id.clone(), member);
        }
    }

    fn bring_up_context(
        &self,
        hosts: Vec<(HostId, Addr<WorkerHost>)>,
        ctx: &Context<Self>,
    ) -> BringUpContext {
        BringUpContext {
            loader: self.options.loader.clone(),
            load_timeout: self.options.load_timeout,
            queue: self.options.queue,
            clock: Arc::clone(&self.options.clock),
            supervisor: ctx.address().recipient(),
            hosts,
            generation: self.generation,
        }
    }

    fn publish(&mut self, route: ModelRoute) -> ModelOutcome {
        let failure = match &route.status {
            ModelStatus::Ready => None,
            ModelStatus::Unavailable(reason) => Some(reason.clone()),
        };
        let outcome = ModelOutcome {
            model: route.name.clone(),
            failure,
        };
        let table = RoutingTable::clone(&self.table.load());
        self.table.store(Arc::new(table.with(route)));
        outcome
    }

    fn follow(&mut self, id: &ActorId, verdict: Verdict, ctx: &mut Context<Self>) {
        match verdict {
            Verdict::RetryAt(at) => {
                let wait = at.saturating_duration_since(self.options.clock.now());
                ctx.run_later(wait, |actor, ctx| actor.reload_due(ctx));
            }
            Verdict::Park => self.park(id, ctx),
            Verdict::Ignore => {}
        }
    }

    fn reload_due(&mut self, ctx: &mut Context<Self>) {
        for id in self.supervisor.due(self.options.clock.now()) {
            let Some(member) = self.placed.get(&id) else {
                continue;
            };
            let load = load_in_background(
                self.options.loader.clone(),
                member.source.clone(),
                self.options.load_timeout,
            );
            let addr = member.addr.clone();
            let install = async move {
                let (runner, warm_up) = load.await?;
                let sent = addr.send(Install { runner, warm_up }).await;
                sent.map_err(|e| format!("the actor is gone: {e}"))
            };
            ctx.spawn(install.into_actor(self).map(move |done, actor, ctx| match done {
                Ok(()) => actor.supervisor.become_serving(&id),
                Err(cause) => {
                    tracing::warn!(actor = %id, %cause, "a new session could not be loaded");
                    let (now, jitter) = (actor.options.clock.now(), actor.random.f64());
                    let verdict = actor.supervisor.load_failed(&id, cause, now, jitter);
                    actor.follow(&id, verdict, ctx);
                }
            }));
        }
    }

    /// Takes an actor that keeps failing out of the table and answers those who wait for it.
    fn park(&mut self, id: &ActorId, ctx: &mut Context<Self>) {
        let Some(member) = self.placed.get(id) else {
            return;
        };
        let cause = self
            .supervisor
            .slot(id)
            .map_or_else(String::new, |s| s.last_cause.clone());
        tracing::error!(actor = %id, %cause, "parked after repeated failures; restart the gateway once mended");
        let reason = format!("its actors keep failing: {cause}");
        let told = member.addr.send(Park {
            reason: reason.clone(),
        });
        ctx.spawn(told.into_actor(self).map(|_, _, _| ()));
        let current = self
            .table
            .load()
            .version(&member.source.name, member.source.version)
            .map(|r| ModelRoute::clone(r));
        if let Some(mut route) = current {
            route.actors.retain(|a| a.id != *id);
            if route.actors.is_empty() {
                route.status = ModelStatus::Unavailable(reason);
            }
            self.publish(route);
        }
    }
}

impl Actor for PoolActor {
    type Context = Context<Self>;
}

impl Handler<BringUp> for PoolActor {
    type Result = ResponseActFuture<Self, Vec<ModelOutcome>>;

    fn handle(&mut self, request: BringUp, ctx: &mut Context<Self>) -> Self::Result {
        let unusable = request.unusable.into_iter();
        let mut outcomes: Vec<_> = unusable
            .map(|(name, reason)| self.publish(ModelRoute::unavailable(name, reason)))
            .collect();
        self.hosts.clone_from(&request.hosts);
        let context = self.bring_up_context(request.hosts, ctx);
        let work = async move {
            let mut placed = Vec::with_capacity(request.sources.len());
            for source in request.sources {
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

impl Handler<RunnerLost> for PoolActor {
    type Result = ();

    fn handle(&mut self, lost: RunnerLost, ctx: &mut Context<Self>) {
        tracing::warn!(actor = %lost.actor, cause = %lost.cause, good_runs = lost.runs_since_install, "the engine panicked");
        let (now, jitter) = (self.options.clock.now(), self.random.f64());
        let verdict = self.supervisor.panicked(
            &lost.actor,
            lost.cause,
            lost.runs_since_install,
            now,
            jitter,
        );
        self.follow(&lost.actor, verdict, ctx);
    }
}

impl Handler<ObserveSlots> for PoolActor {
    type Result = Vec<SlotReport>;

    fn handle(&mut self, _: ObserveSlots, _: &mut Context<Self>) -> Vec<SlotReport> {
        let report = |id: &ActorId| {
            let slot = self.supervisor.slot(id)?;
            let state = match slot.state {
                SlotState::Loading => "loading",
                SlotState::Serving => "serving",
                SlotState::Waiting { .. } => "waiting",
                SlotState::Parked => "parked",
            };
            Some(SlotReport {
                id: id.to_string(),
                state,
                failures_in_row: slot.failures_in_row,
                panics: slot.panics,
                load_failures: slot.load_failures,
                last_cause: slot.last_cause.clone(),
            })
        };
        let mut reports: Vec<_> = self.placed.keys().filter_map(report).collect();
        reports.sort_by(|a, b| a.id.cmp(&b.id));
        reports
    }
}
