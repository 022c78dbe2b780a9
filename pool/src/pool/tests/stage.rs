//! A pool over a repository of drill models in a folder of its own, and callers that ask it as the
//! gateway does.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    time::Duration,
};

use actix::Actor;

use common::{
    Clock, Criticality, Deadline, ErrorCode, ModelKey, SystemClock,
    tensor::{Shape, Tensor},
};
use inference_actor::{
    ActorId, CodelSettings, Infer, InferFailure, InferReply, WatchdogTimeouts, Work,
    arena::{ArenaRules, Arenas, Classes},
    validate,
};
use tokio::sync::oneshot;

use super::*;
use crate::{
    host::{HostId, WorkerHost},
    loader::Loader,
    report::ModelReport,
    repository::Repository,
    routing::{ModelRef, ModelRoute, ModelStatus},
    supervisor::Policy,
    watching::{WatchOptions, watch_repository},
};

/// Turns a hang into a failure.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// What a caller waits for an answer.
const DEADLINE: Duration = Duration::from_millis(200);

/// The manifest of a drill model of one input by candidates and one score.
pub(super) fn drill(top: &str, behaviour: &str) -> String {
    let engine = match top.contains("engine") {
        true => "",
        false => "engine = \"drill\"\n",
    };
    format!(
        "{engine}{top}\n[batching]\nrow_budget = 100\n\
         [inputs.x]\nrole = \"candidate\"\ndtype = \"INT32\"\nshape = [-1]\n\
         [outputs.score]\nrole = \"score\"\n[drill]\n{behaviour}\n"
    )
}

pub(super) struct Stage {
    pub(super) pool: Pool,
    folder: tempfile::TempDir,
}

fn options(repository: std::path::PathBuf, dedicated_threads: usize) -> PoolOptions {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let rules = ArenaRules {
        classes: Classes::new([16 << 10]),
        large_bytes: 1 << 20,
        idle: Duration::from_secs(1),
        most_leases: 1000,
    };
    PoolOptions {
        policy: Policy {
            restart_delay: Duration::from_millis(1),
            restart_delay_max: Duration::from_millis(10),
            healthy_runs: 10,
            park_after: 8,
        },
        timeouts: WatchdogTimeouts {
            stall_after: Duration::from_millis(20),
            hang_grace: Duration::from_millis(20),
        },
        quarantine: 1,
        dedicated_threads,
        long_run: Duration::from_millis(1),
        actor_memory_bytes: None,
        queue: 100,
        codel: CodelSettings {
            target: Duration::from_secs(10),
            interval: Duration::from_secs(20),
        },
        turn: Duration::from_millis(2),
        repository,
        load_timeout: Duration::from_secs(60),
        loader: Loader::of_drills(Arc::clone(&clock)),
        arenas: Arenas::new(rules, 1 << 30),
        clock,
    }
}

impl Stage {
    /// A pool with these versions, `name:version` and manifest each, and one worker thread: this.
    pub(super) async fn new(dedicated_threads: usize, models: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (model, manifest) in models {
            let ModelKey { name, version } = super::key(model);
            let folder = folder.path().join(name.as_str());
            std::fs::create_dir_all(folder.join(version.to_string())).unwrap();
            std::fs::write(folder.join("model.toml"), manifest).unwrap();
        }
        Self::start(folder, dedicated_threads).await
    }

    /// Another process over the same repository.
    pub(super) async fn over(former: Self) -> Self {
        former.pool.stop(STEP_TIMEOUT).await;
        Self::start(former.folder, 1).await
    }

    async fn start(folder: tempfile::TempDir, dedicated_threads: usize) -> Self {
        let options = options(folder.path().to_owned(), dedicated_threads);
        // As each worker thread of the gateway does.
        options.arenas.settle("worker", SystemClock.now());
        let pool = Pool::start(options).unwrap();
        let stage = Self { pool, folder };
        let found = Repository::scan(stage.folder.path()).unwrap();
        assert!(found.unusable.is_empty(), "{:?}", found.unusable);
        let request = BringUp {
            sources: found.models,
            unusable: found.unusable,
            hosts: vec![(HostId(0), WorkerHost.start())],
        };
        for outcome in stage.pool.bring_up(request).await {
            assert_eq!(outcome.failure, None, "{}", outcome.model);
        }
        stage
    }

    /// Makes a version that does not load.
    pub(super) fn break_version(&self, model: &str, version: u64) {
        let folder = self.folder.path().join(model).join(version.to_string());
        std::fs::write(folder.join("half-made"), "").unwrap();
    }

    pub(super) fn add_version(&self, model: &str, version: u64) {
        let folder = self.folder.path().join(model).join(version.to_string());
        std::fs::create_dir_all(folder).unwrap();
    }

    pub(super) fn write(&self, model: &str, manifest: &str) {
        std::fs::write(self.folder.path().join(model).join("model.toml"), manifest).unwrap();
    }

    /// Makes it load again.
    pub(super) fn mend_version(&self, model: &str, version: u64) {
        let folder = self.folder.path().join(model).join(version.to_string());
        std::fs::remove_file(folder.join("half-made")).unwrap();
    }

    pub(super) fn remove_version(&self, model: &str, version: u64) {
        let folder = self.folder.path().join(model).join(version.to_string());
        std::fs::remove_dir_all(folder).unwrap();
    }

    pub(super) fn watch(&self) {
        let options = WatchOptions {
            repository: self.folder.path().to_owned(),
            interval: Duration::from_millis(5),
            debounce: Duration::from_millis(20),
            clock: Arc::new(SystemClock),
        };
        watch_repository(self.pool.clone(), options);
    }

    /// The actors of a model, as its supervisor sees them.
    pub(super) async fn views(&self, model: &str) -> Vec<ActorView> {
        let views = self.pool.actors().await.into_iter();
        views.filter(|view| view.model == model).collect()
    }

    pub(super) async fn report(&self, model: &str) -> ModelReport {
        self.report_of(model).await.unwrap()
    }

    /// What `/admin/pool` shows of a version, if the routing table has it.
    pub(super) async fn report_of(&self, model: &str) -> Option<ModelReport> {
        let key = super::key(model);
        let report = self.pool.report().await.unwrap();
        let of_key = |report: &ModelReport| {
            (report.model.as_str(), report.version) == (key.name.as_str(), Some(key.version.get()))
        };
        report.models.into_iter().find(of_key)
    }

    /// The ids of a version's actors, as `/admin/pool` shows them; none where it is not in service.
    pub(super) async fn actors_of(&self, model: &str) -> Vec<String> {
        let report = self.report_of(model).await;
        report.map(|report| report.actors).unwrap_or_default()
    }

    /// Asks a model, or one version of it, as a front does: once more where the first could not.
    pub(super) async fn ask(&self, model: &str) -> Result<InferReply, InferFailure> {
        let route = self.route(model);
        if let ModelStatus::Unavailable(reason) = &route.status {
            return Err(InferFailure::new(
                ErrorCode::ModelUnavailable,
                reason.clone(),
            ));
        }
        let first = route.pick(HostId(0), 0, None).unwrap().id.clone();
        match self.send(&route, None).await {
            Err(failure) if failure.retry_on_other_actor => {
                let now = self.route(model);
                self.send(&now, Some(&first)).await
            }
            answered => answered,
        }
    }

    fn route(&self, model: &str) -> Arc<ModelRoute> {
        let (name, version) = match model.split_once(':') {
            Some(_) => {
                let key = super::key(model);
                (key.name, Some(key.version))
            }
            None => (model.parse().unwrap(), None),
        };
        let wanted = match version {
            Some(version) => ModelRef::Version(&name, version),
            None => ModelRef::Name(&name),
        };
        Arc::clone(self.pool.table().resolve(&wanted, 0).unwrap())
    }

    async fn send(
        &self,
        route: &ModelRoute,
        not: Option<&ActorId>,
    ) -> Result<InferReply, InferFailure> {
        let Some(actor) = route.pick(HostId(0), 0, not) else {
            return Err(InferFailure::new(
                ErrorCode::ModelUnavailable,
                "no other actor",
            ));
        };
        let input = Tensor::from_elements(Shape::from_dims([3]), &[1i32, 2, 3]).unwrap();
        let inputs = vec![Some(input)];
        let rows = validate(route.spec.as_ref().unwrap(), &inputs).unwrap();
        let now = SystemClock.now();
        let (reply, answer) = oneshot::channel();
        let infer = Infer {
            work: Work::new(inputs),
            rows,
            deadline: Deadline::after(now, DEADLINE),
            criticality: Criticality::default(),
            sent_at: now,
            reply,
            permit: actor.gauge.permit(),
            span: tracing::Span::none(),
        };
        if actor.addr.try_send(infer).is_err() {
            let told = format!("{} takes no message", actor.id);
            return Err(InferFailure::retryable_on_other_actor(
                ErrorCode::ModelUnavailable,
                told,
            ));
        }
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(InferFailure::retryable_on_other_actor(
                ErrorCode::Internal,
                "the actor went away with the request",
            )),
            Err(_) => Err(InferFailure::new(ErrorCode::Deadline, "late")),
        }
    }

    /// Does something while callers keep asking a model; gives every failure they saw.
    pub(super) async fn under_load(
        &self,
        model: &str,
        act: impl Future<Output = ()>,
    ) -> Vec<String> {
        let (over, answered) = (Cell::new(false), Cell::new(0));
        let failed = RefCell::new(Vec::new());
        let caller = async || {
            while !over.get() {
                match self.ask(model).await {
                    Ok(_) => answered.set(answered.get() + 1),
                    Err(failure) => failed.borrow_mut().push(format!("{failure:?}")),
                }
                tokio::task::yield_now().await;
            }
        };
        let acting = async {
            self.until(|| answered.get() > 20).await;
            act.await;
            let so_far = answered.get();
            self.until(|| answered.get() > so_far + 20).await;
            over.set(true);
        };
        tokio::join!(caller(), caller(), caller(), acting);
        failed.into_inner()
    }

    /// Waits until something is so.
    pub(super) async fn until(&self, probe: impl Fn() -> bool) {
        self.until_async(async || probe()).await;
    }

    pub(super) async fn until_async(&self, probe: impl AsyncFn() -> bool) {
        let waited = async {
            while !probe().await {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = tokio::time::timeout(STEP_TIMEOUT, waited).await;
        assert!(waited.is_ok(), "never came");
    }
}
