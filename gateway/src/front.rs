//! The front: what a worker thread knows and counts, and how it asks the pool.
//!
//! The state is thread-local: handlers of the thread call it directly, with no borrow held across
//! an `.await`. [`FrontActor`] is the same state's mailbox, for other threads. Its mailbox stays at
//! the default of 16: only admin talks to it, and waits for room. It runs no engine code.

mod ask;
mod series;

use std::{
    cell::Cell,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use arc_swap::ArcSwap;
use breaker::{BreakerActor, Directory, KeyProfile, ObserveOutcomes};
use common::{Clock, ErrorCode, RequestId, config::Settings};
use inference_actor::arena::{self, Arenas};
use pool::{HostId, Pool};

use self::series::ThreadSeries;
use crate::{
    admission::{
        AdmissionController, AnswerBudget, BodyBudget, LimiterSettings, ModelAdmissionSnapshot,
        OUTCOME_WAIT,
    },
    features::FeatureStore,
    live::{Live, LiveReader, LiveView},
    metrics::{Metrics, RequestSeries},
    phase::Phase,
    recommend::LastLists,
    request::{Protocol, Target},
};

/// What all fronts of a process share.
pub(crate) struct Shared {
    /// The configuration that the process started with.
    pub settings: Settings,
    /// The part of it that may change while the process runs.
    pub live: ArcSwap<Live>,
    /// Tensor memory.
    pub arenas: Arc<Arenas>,
    /// The pool of inference actors.
    pub pool: Pool,
    /// Users and items.
    pub store: Arc<dyn FeatureStore>,
    /// The lists that users got last.
    pub last_lists: LastLists,
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
    /// Starting, serving or draining.
    pub phase: Arc<Phase>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Distinguishes the ids this process makes from those of others.
    pub process: u64,
    /// What bodies in flight may take together.
    pub bodies: Arc<BodyBudget>,
    /// What answers being written may take together.
    pub answers: Arc<AnswerBudget>,
    /// What fronts read before they ask a model.
    pub directory: Arc<Directory>,
    /// Takes the outcomes of what they asked.
    pub breaker: Addr<BreakerActor>,
}

/// One worker thread's state.
pub(crate) struct Front {
    shared: Arc<Shared>,
    host: HostId,
    sequence: Cell<u64>,
    in_flight: Cell<usize>,
    answered: Cell<u64>,
    failed: Cell<u64>,
    admission: AdmissionController,
    series: ThreadSeries,
    live: LiveReader,
}

impl Front {
    /// The front of the thread that hosts `host`'s actors.
    #[must_use]
    pub(crate) fn new(shared: Arc<Shared>, host: HostId) -> Self {
        let settings = &shared.settings;
        let profile = KeyProfile {
            deadline: settings.limits.deadline.0,
            slo: settings.breaker.slo.0,
            release_p99: None,
        };
        let live = LiveReader::new(&shared.live);
        let limiter = limiter(&live.view(&shared.live).0, settings.models.queue);
        Self {
            admission: AdmissionController::new(Arc::clone(&shared.directory), profile, limiter),
            series: ThreadSeries::new(&shared.metrics),
            live,
            shared,
            host,
            sequence: Cell::new(0),
            in_flight: Cell::new(0),
            answered: Cell::new(0),
            failed: Cell::new(0),
        }
    }

    /// Monotonic time.
    #[must_use]
    pub(crate) fn now(&self) -> Instant {
        self.shared.clock.now()
    }

    /// What all fronts share.
    #[must_use]
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The pool.
    #[must_use]
    pub(crate) fn pool(&self) -> &Pool {
        &self.shared.pool
    }

    /// Users and items.
    #[must_use]
    pub(crate) fn store(&self) -> &dyn FeatureStore {
        &*self.shared.store
    }

    /// Decides who gets in on this thread.
    #[must_use]
    pub(crate) fn admission(&self) -> &AdmissionController {
        &self.admission
    }

    /// Sends the outcomes that are due to the breaker. One that is behind costs samples, never a
    /// request: they wait, within bounds, for the next try.
    pub(crate) fn hand_over_outcomes(&self) {
        let Some(outcomes) = self.admission.due_outcomes(self.now()) else {
            return;
        };
        match self.shared.breaker.try_send(ObserveOutcomes(outcomes)) {
            Err(SendError::Full(refused)) => self.admission.put_back(refused.0),
            Ok(()) | Err(SendError::Closed(_)) => {}
        }
    }

    /// The caller's id where it sent a usable one, else a new one.
    #[must_use]
    pub(crate) fn request_id(&self, given: Option<&str>) -> RequestId {
        given.and_then(RequestId::from_caller).unwrap_or_else(|| {
            let sequence = self.sequence.get() + 1;
            self.sequence.set(sequence);
            let thread = u16::try_from(self.host.0).unwrap_or(u16::MAX);
            RequestId::made(self.shared.process, thread, sequence)
        })
    }

    /// What is in force now: scenes, limits, admission. A request loads it once.
    #[must_use]
    pub(crate) fn live(&self) -> LiveView {
        let (live, changed) = self.live.view(&self.shared.live);
        if changed {
            let queue = self.shared.settings.models.queue;
            self.admission.set_limiter(limiter(&live, queue));
        }
        live
    }

    /// Counts a request that began; the guard counts its end however it ends.
    #[must_use]
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.set(self.in_flight.get() + 1);
        InFlight(self)
    }

    /// Counts a request that was refused before its model was known or any work was done.
    pub(crate) fn count_refused(&self, protocol: Protocol, code: ErrorCode) {
        self.count(Some(code));
        self.series.other(protocol).refused(code);
    }

    /// The series of requests that name nothing known.
    #[must_use]
    pub(crate) fn other_requests(&self, protocol: Protocol) -> &RequestSeries {
        self.series.other(protocol)
    }

    /// The series of requests for a version in a scene.
    #[must_use]
    pub(crate) fn requests(&self, protocol: Protocol, target: &Target<'_>) -> Rc<RequestSeries> {
        self.series.of(&self.shared.metrics, protocol, target)
    }

    /// Counts how a request was answered.
    pub(crate) fn count(&self, failure: Option<ErrorCode>) {
        let counter = if failure.is_some() {
            &self.failed
        } else {
            &self.answered
        };
        counter.set(counter.get() + 1);
    }
}

/// What the adaptive concurrency limit aims at.
fn limiter(live: &Live, queue: usize) -> LimiterSettings {
    LimiterSettings {
        target: live.admission.queue_delay.0,
        window: live.admission.concurrency_update_interval.0,
        most: queue,
    }
}

/// A request in flight.
pub(crate) struct InFlight<'f>(&'f Front);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
    }
}

/// What a front is doing.
#[derive(Message)]
#[rtype(result = "FrontSnapshot")]
pub(crate) struct ObserveFront;

/// A front's counts.
#[derive(Debug, Clone, serde::Serialize, MessageResponse)]
pub(crate) struct FrontSnapshot {
    /// `front-N`, N being its worker thread.
    pub id: String,
    /// Requests being handled.
    pub in_flight: usize,
    /// Requests answered with a result.
    pub answered: u64,
    /// Requests answered with an error.
    pub failed: u64,
    /// What it lets in, by model and scene.
    pub admission: Vec<ModelAdmissionSnapshot>,
}

/// How often what is idle is dropped.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The mailbox of a front.
pub(crate) struct FrontActor(pub Rc<Front>);

impl Actor for FrontActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // What a quiet thread has gathered must not wait for its next request.
        ctx.run_interval(OUTCOME_WAIT, |actor, _| actor.0.hand_over_outcomes());
        ctx.run_interval(SWEEP_EVERY, |actor, _| {
            // A thread without requests lets go of values that are not in force any more.
            drop(actor.0.live());
            actor.0.admission.drop_idle(actor.0.now());
        });
        ctx.run_interval(arena::TICK_EVERY, |actor, _| arena::tick(actor.0.now()));
    }
}

impl Handler<ObserveFront> for FrontActor {
    type Result = FrontSnapshot;

    fn handle(&mut self, _: ObserveFront, _: &mut Context<Self>) -> FrontSnapshot {
        let front = &self.0;
        FrontSnapshot {
            id: format!("front-{}", front.host.0),
            in_flight: front.in_flight.get(),
            answered: front.answered.get(),
            failed: front.failed.get(),
            admission: front.admission.snapshot(),
        }
    }
}
