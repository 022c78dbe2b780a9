//! From settings to a gateway that is ready.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use actix::{Actor, Addr};
use arc_swap::ArcSwap;
use breaker::{BreakerActor, BreakerActorOptions, Directory, Registry};
use common::{
    Clock, ModelName,
    config::{ModelWatch, Settings},
};
use inference_actor::{CodelSettings, OrtLibrary, WatchdogTimeouts, arena::Arenas};
use pool::{
    BringUp, Loader, ModelOutcome, Policy, Pool, PoolOptions, Repository, WatchOptions,
    watch_repository,
};
use tokio::sync::{Notify, mpsc};

use super::{
    Exit, Gateway, descriptors, malloc, memory_watch,
    port::{Port, Running},
    worker_end::WorkerEnd,
};
use crate::{
    admin,
    admission::{AnswerBudget, BodyBudget},
    app::{DataPorts, admin_server, data_server, worker_count},
    features::EmbeddedStore,
    front::Shared,
    history::Sampler,
    live::Live,
    locate,
    metrics::Metrics,
    phase::Phase,
    recommend::LastLists,
    releases,
    worker::Worker,
};

/// Threads that have not come up by then will not.
const WORKERS_UP_WITHIN: Duration = Duration::from_secs(30);

/// Starts everything on the actix system of this thread; returns once all that loads is warm.
pub async fn start(settings: Settings, clock: Arc<dyn Clock>) -> Result<Gateway, Exit> {
    malloc::return_large_buffers();
    descriptors::raise(&settings)?;
    let places = locate::Places::of_this_process();
    let library = OrtLibrary::load(&places.library(&settings.models.library)?).map_err(|e| {
        Exit::unavailable(format!(
            "{e}; correct ORT_DYLIB_PATH or models.library (in a checkout, `make build` fetches the right one)"
        ))
    })?;
    let store = EmbeddedStore::open(&places.store(&settings.features.store))?;
    let repository =
        Repository::scan(&places.repository(&settings.models.repository)).map_err(Exit::missing)?;
    let backlog = settings.http.backlog;
    let (http, http_socket) = Port::take("http", settings.http.address, backlog, "--http")?;
    let (admin, admin_socket) = Port::take("admin", settings.admin.address, backlog, "--admin")?;

    let metrics = Arc::new(Metrics::new().map_err(Exit::unavailable)?);
    let decided = Arc::new(Notify::new());
    let (directory, breaker) = breaker(&settings, &clock, &metrics, &decided);
    let memory = memory_watch::of_this_machine();
    let arenas = memory_watch::arenas(&settings, &memory);
    actix_rt::spawn(memory_watch::watch(
        Arc::clone(&arenas),
        memory,
        Arc::clone(&clock),
    ));
    let pool = pool_options(&settings, &places, library, &arenas, &clock);
    let shared = Arc::new(Shared {
        pool: Pool::start(pool).map_err(Exit::unavailable)?,
        arenas,
        store: Arc::new(store),
        live: ArcSwap::from_pointee(Live::of(&settings)),
        last_lists: LastLists::default(),
        metrics,
        bodies: BodyBudget::new(settings.limits.bodies_in_flight),
        answers: AnswerBudget::new(settings.limits.answers_in_flight),
        directory,
        breaker,
        phase: Arc::new(Phase::default()),
        clock,
        process: fastrand::u64(..) >> 16,
        settings,
    });
    actix_rt::spawn(releases::follow(
        decided,
        shared.breaker.clone(),
        shared.pool.clone(),
    ));
    let count = worker_count(&shared.settings);
    let (started, announced) = mpsc::channel(count);
    let ports = DataPorts { http: http_socket };
    let data = data_server(Arc::clone(&shared), ports, started).map_err(Exit::unavailable)?;
    let data_server = Running::spawn(data);
    let workers = workers(announced, count).await?;
    let of = |port: &Port| (port.name, Arc::clone(&port.ledgers));
    let read = {
        let metrics = Arc::clone(&shared.metrics);
        move || metrics.reading()
    };
    let state = admin::State {
        history: Sampler::start_on_this_thread(Box::new(read), Arc::clone(&shared.clock)),
        http: http.address,
        shared: Arc::clone(&shared),
        ports: vec![of(&http), of(&admin)],
        fronts: workers.iter().map(|w| w.front.clone()).collect(),
    };
    let served = admin_server(Arc::new(state), admin_socket).map_err(Exit::unavailable)?;
    let gateway = Gateway {
        shared: Arc::clone(&shared),
        workers: workers.iter().map(WorkerEnd::of).collect(),
        ports: vec![http],
        data_server,
        admin,
        admin_server: Running::spawn(served),
    };
    match models(&shared, repository, workers).await {
        Ok(()) => {
            watch_models(&shared);
            shared.phase.become_serving();
            shared.metrics.set_ready(true);
            Ok(gateway)
        }
        Err(exit) => {
            gateway.stop_now().await;
            Err(exit)
        }
    }
}

/// How late an opening, a probe phase or a ramp step may be.
const BREAKER_TICK: Duration = Duration::from_millis(100);

/// Ten ticks without one: the thread did not run.
const BREAKER_STANDSTILL: Duration = Duration::from_secs(1);

/// Starts the breaker's actor on this thread; fronts read its directory and send it outcomes.
fn breaker(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
    decided: &Arc<Notify>,
) -> (Arc<Directory>, Addr<BreakerActor>) {
    let rules = crate::settings::breaker(settings);
    let deadline = settings.limits.deadline.0;
    let registry = Registry::new(&rules, deadline, fastrand::u64(..), clock.now());
    let directory = registry.directory();
    let (clock, metrics) = (Arc::clone(clock), Arc::clone(metrics));
    let gates = Arc::clone(&directory);
    let options = BreakerActorOptions {
        registry,
        rebuild: Box::new(move |now| {
            let gates = Arc::clone(&gates);
            Registry::over(gates, &rules, deadline, fastrand::u64(..), now)
        }),
        clock: Box::new(move || clock.now()),
        tick: BREAKER_TICK,
        standstill: BREAKER_STANDSTILL,
        on_change: {
            let metrics = Arc::clone(&metrics);
            Box::new(move |change| metrics.breakers.transition(change))
        },
        on_decision: {
            let decided = Arc::clone(decided);
            Box::new(move |decision| {
                metrics.breakers.canary_decision(decision);
                decided.notify_one();
            })
        },
    };
    (directory, BreakerActor::new(options).start())
}

fn pool_options(
    settings: &Settings,
    places: &locate::Places,
    library: OrtLibrary,
    arenas: &Arc<Arenas>,
    clock: &Arc<dyn Clock>,
) -> PoolOptions {
    let supervision = &settings.supervision;
    let weights = places.weight_cache(&settings.models.weight_cache);
    let loader = Loader::new(library, Arc::clone(clock)).with_weight_cache(
        weights,
        settings.models.weight_cache_size.0,
        settings.models.link_folders.clone(),
    );
    PoolOptions {
        policy: Policy {
            restart_delay: supervision.restart_delay.0,
            restart_delay_max: supervision.restart_delay_max.0,
            healthy_runs: u64::from(supervision.healthy_runs),
            park_after: supervision.park_after,
        },
        timeouts: WatchdogTimeouts {
            stall_after: supervision.stall_after.0,
            hang_grace: supervision.hang_grace.0,
        },
        quarantine: supervision.quarantine,
        dedicated_threads: dedicated_threads(settings),
        long_run: settings.models.long_run.0,
        actor_memory_bytes: Some(supervision.actor_memory.0).filter(|bytes| *bytes > 0),
        queue: settings.models.queue,
        codel: CodelSettings {
            target: settings.admission.codel_target.0,
            interval: settings.admission.codel_interval.0,
        },
        turn: settings.models.max_busy_poll.0,
        load_timeout: settings.models.load_timeout.0,
        repository: places.repository(&settings.models.repository),
        loader,
        arenas: Arc::clone(arenas),
        clock: Arc::clone(clock),
    }
}

/// Loads and unloads models as their files change, where the configuration asks for it.
fn watch_models(shared: &Shared) {
    let models = &shared.settings.models;
    if models.watch == ModelWatch::Poll {
        let options = WatchOptions {
            repository: locate::Places::of_this_process().repository(&models.repository),
            interval: models.watch_interval.0,
            debounce: models.watch_debounce.0,
            clock: Arc::clone(&shared.clock),
        };
        watch_repository(shared.pool.clone(), options);
    }
}

/// How many threads dedicated actors may take.
pub(super) fn dedicated_threads(settings: &Settings) -> usize {
    match settings.models.dedicated_threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        given => given,
    }
}

async fn workers(mut announced: mpsc::Receiver<Worker>, count: usize) -> Result<Vec<Worker>, Exit> {
    let mut workers = Vec::with_capacity(count);
    let all = async {
        while workers.len() < count {
            match announced.recv().await {
                Some(worker) => workers.push(worker),
                None => break,
            }
        }
    };
    let _ = tokio::time::timeout(WORKERS_UP_WITHIN, all).await;
    if workers.len() < count {
        let up = workers.len();
        return Err(Exit::unavailable(format!(
            "only {up} of {count} worker threads came up; lower http.workers"
        )));
    }
    workers.sort_by_key(|w| w.host);
    Ok(workers)
}

async fn models(shared: &Shared, repository: Repository, workers: Vec<Worker>) -> Result<(), Exit> {
    for (folder, reason) in &repository.ignored {
        tracing::warn!(folder = %folder.display(), %reason, "not used by the model repository");
    }
    let scenes = &shared.settings.scenes;
    let named: BTreeSet<&ModelName> = scenes.values().map(|scene| &scene.model).collect();
    let request = BringUp {
        sources: repository.models,
        unusable: repository.unusable,
        hosts: workers.into_iter().map(|w| (w.host, w.host_addr)).collect(),
    };
    let outcomes = shared.pool.bring_up(request).await;
    for scene in scenes
        .iter()
        .filter(|(_, s)| !outcomes.iter().any(|o| o.model == s.model))
    {
        let (scene, model) = (scene.0, &scene.1.model);
        tracing::warn!(%scene, %model, "the repository does not hold the model of this scene: it answers 503");
    }
    for ModelOutcome { model, failure } in outcomes {
        match failure {
            None => tracing::info!(%model, "warm"),
            Some(reason) if named.contains(&model) => {
                let mend = "mend it, or take its scenes out of the configuration";
                return Err(Exit::damaged(format!(
                    "model `{model}` cannot be served: {reason}; {mend}"
                )));
            }
            Some(reason) => tracing::warn!(%model, %reason, "unavailable"),
        }
    }
    Ok(())
}
