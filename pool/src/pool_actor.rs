//! The pool's actor: carries the supervisor's decisions out.
//!
//! Lives on the main thread. Its mailbox stays at the default of 16: its senders (actors that lost
//! their session, the watchdog, admin, start-up) wait for room or come back. It loads nothing
//! itself but hands loads to the blocking pool, so it is always there to take news. It runs no
//! engine code, so nothing in it panics on a model's account.

mod control;
mod inheritance;
mod news;
mod observe;
mod placing;
mod retiring;
mod steer;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use arc_swap::ArcSwap;
use common::{ModelKey, ModelName};
use inference_actor::{ActorId, Drain, Install, OnHung, Park, Watchdog};
use tokio::sync::watch;

pub use self::control::ChangeError;
use self::news::RunHung;
pub(crate) use self::{
    control::{LoadModel, SplitModel, UnloadModel},
    observe::Observe,
    steer::{Ask, Stop},
};
use crate::{
    bring_up::Context as BringUpContext,
    loader::load_in_background,
    member::{ActorDefaults, Member},
    options::PoolOptions,
    placement::{Decision, LiveRuns},
    routing::{ModelRoute, ModelStatus, RoutingTable},
    supervisor::{Effect, Failure, Supervisor},
    threads::CoreBudget,
};

/// How often live run times and memory are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct PoolActor {
    options: PoolOptions,
    supervisor: Supervisor,
    table: Arc<ArcSwap<RoutingTable>>,
    actor_defaults: ActorDefaults,
    budget: Arc<CoreBudget>,
    members: BTreeMap<ActorId, Member>,
    /// Actors out of service that still answer what they hold.
    retiring: BTreeMap<ActorId, Member>,
    decisions: HashMap<ModelKey, Decision>,
    live_runs: HashMap<ModelKey, LiveRuns>,
    /// Versions whose dedicated actors are being brought up.
    moving: HashSet<ModelKey>,
    /// What models were brought up with, for those that are moved later.
    hosts: BringUpHosts,
    /// Models being loaded or unloaded: one change of a model at a time.
    changing: HashSet<ModelName>,
    /// Counts loads, so that actors of a reloaded model are not taken for the former ones.
    generation: u64,
    /// Threads given up because a run of this version holds them.
    quarantine: Vec<(ModelKey, Arbiter)>,
    given_up: u64,
    moved: u64,
    tell_wedged: watch::Sender<Option<String>>,
    random: fastrand::Rng,
}

type BringUpHosts = Vec<(crate::host::HostId, Addr<crate::host::WorkerHost>)>;

/// Starts the actor and the watchdog that tells it of hung runs.
pub(crate) fn start(
    options: PoolOptions,
    table: Arc<ArcSwap<RoutingTable>>,
    tell_wedged: watch::Sender<Option<String>>,
) -> io::Result<Addr<PoolActor>> {
    let context = Context::new();
    let told = context.address().recipient::<RunHung>();
    // A full mailbox is no loss: the watchdog tells again. A closed one has nobody to tell.
    let on_hung: OnHung =
        Box::new(move |hung| !matches!(told.try_send(RunHung(hung)), Err(SendError::Full(_))));
    let clock = Arc::clone(&options.clock);
    let watchdog = Watchdog::start(options.timeouts, Arc::clone(&clock), on_hung)?;
    let actor_defaults = ActorDefaults {
        queue: options.queue,
        codel: options.codel,
        turn: options.turn,
        arenas: Arc::clone(&options.arenas),
        clock,
        supervisor: context.address().recipient(),
        watchdog: Arc::new(watchdog),
    };
    let actor = PoolActor {
        supervisor: Supervisor::new(options.policy.clone()),
        budget: CoreBudget::new(options.dedicated_threads),
        options,
        table,
        actor_defaults,
        members: BTreeMap::new(),
        retiring: BTreeMap::new(),
        decisions: HashMap::new(),
        live_runs: HashMap::new(),
        moving: HashSet::new(),
        hosts: Vec::new(),
        changing: HashSet::new(),
        generation: 0,
        quarantine: Vec::new(),
        given_up: 0,
        moved: 0,
        tell_wedged,
        random: fastrand::Rng::new(),
    };
    Ok(context.run(actor))
}

impl PoolActor {
    fn failure(&mut self, cause: String) -> Failure {
        Failure {
            cause,
            now: self.options.clock.now(),
            jitter: self.random.f64(),
        }
    }

    fn bring_up_context(&self) -> BringUpContext {
        BringUpContext {
            loader: self.options.loader.clone(),
            load_timeout: self.options.load_timeout,
            long_run: self.options.long_run,
            actor_defaults: self.actor_defaults.clone(),
            budget: Arc::clone(&self.budget),
            hosts: self.hosts.clone(),
            generation: self.generation,
        }
    }

    /// Does what the supervisor decided about an actor.
    fn carry_out(&mut self, id: &ActorId, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        for effect in effects {
            match effect {
                Effect::Load { incarnation } => self.load(id, incarnation, ctx),
                Effect::WakeAt(at) => {
                    let wait = at.saturating_duration_since(self.options.clock.now());
                    ctx.run_later(wait, Self::load_due);
                }
                Effect::Release { reason } => self.release(id, reason, ctx),
                Effect::Replace { incarnation } => self.replace(id, incarnation),
                Effect::Drain => self.drain(id, ctx),
                Effect::Reroute => {
                    if let Some(name) = self.members.get(id).map(|m| m.source.name.clone()) {
                        self.reroute(&name);
                    }
                }
            }
        }
    }

    fn load_due(&mut self, ctx: &mut Context<Self>) {
        for (id, effect) in self.supervisor.due(self.options.clock.now()) {
            self.carry_out(&id, vec![effect], ctx);
        }
    }

    fn load(&mut self, id: &ActorId, incarnation: u64, ctx: &mut Context<Self>) {
        let Some(member) = self.members.get(id) else {
            return;
        };
        let loader = self.options.loader.clone();
        let load = load_in_background(loader, member.source.clone(), self.options.load_timeout);
        // The address is of the incarnation that the load is for.
        let (id, addr) = (id.clone(), member.addr.clone());
        let install = async move {
            let (runner, warm_up) = load.await?;
            let sent = addr.send(Install { runner, warm_up }).await;
            sent.map_err(|e| format!("the actor is gone: {e}"))
        };
        ctx.spawn(install.into_actor(self).map(move |done, actor, ctx| {
            let effects = match done {
                Ok(()) => actor.supervisor.loaded(&id, incarnation),
                Err(cause) => {
                    tracing::warn!(actor = %id, %cause, "a new session could not be loaded");
                    let failure = actor.failure(cause);
                    actor.supervisor.load_failed(&id, incarnation, failure)
                }
            };
            actor.carry_out(&id, effects, ctx);
        }));
    }

    /// Drops the actor's session and answers those who wait for it.
    fn release(&mut self, id: &ActorId, reason: String, ctx: &mut Context<Self>) {
        let Some(member) = self.members.get(id) else {
            return;
        };
        tracing::warn!(actor = %id, %reason, "gives its session up; POST /admin/actors/{id}/resume brings it back");
        let told = member.addr.send(Park { reason });
        ctx.spawn(told.into_actor(self).map(|_, _, _| ()));
    }

    fn drain(&mut self, id: &ActorId, ctx: &mut Context<Self>) {
        let slot = self.supervisor.slot(id);
        let (Some(member), Some(slot)) = (self.members.get(id), slot) else {
            return;
        };
        let (id, incarnation) = (id.clone(), slot.incarnation);
        let drained = member.addr.send(Drain).into_actor(self);
        ctx.spawn(drained.map(move |_, actor, ctx| {
            let effects = actor.supervisor.drained(&id, incarnation);
            actor.carry_out(&id, effects, ctx);
        }));
    }

    /// Publishes which of a model's actors may be asked, version by version.
    fn reroute(&mut self, name: &ModelName) {
        let table = RoutingTable::clone(&self.table.load());
        let routes: Vec<_> = table.versions(name).map(|r| ModelRoute::clone(r)).collect();
        let routes = routes.into_iter().filter(|route| route.spec.is_some());
        let table = routes.fold(table, |table, route| table.with(self.staffed(route)));
        self.table.store(Arc::new(table));
    }

    /// The route with the actors of its version that take requests.
    fn staffed(&self, mut route: ModelRoute) -> ModelRoute {
        let mut idle = Vec::new();
        route.actors.clear();
        let of_version =
            |m: &&Member| m.source.name == route.name && Some(m.source.version) == route.version;
        for member in self.members.values().filter(of_version) {
            match self.supervisor.slot(&member.id) {
                Some(slot) if slot.takes_requests() => route.actors.push(member.route()),
                Some(slot) => {
                    idle.push(format!(
                        "{} is {} {}",
                        member.id,
                        slot.label(),
                        slot.last_cause
                    ));
                }
                None => {}
            }
        }
        route.status = match route.actors.is_empty() {
            false => ModelStatus::Ready,
            true => {
                let idle: Vec<_> = idle.iter().map(|text| text.trim()).collect();
                let told = format!("none of its actors takes requests: {}", idle.join("; "));
                ModelStatus::Unavailable(told)
            }
        };
        route
    }

    fn publish(&self, route: ModelRoute) {
        let table = RoutingTable::clone(&self.table.load());
        self.table.store(Arc::new(table.with(route)));
    }
}

impl Actor for PoolActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(LOOK_EVERY, Self::look);
    }
}
