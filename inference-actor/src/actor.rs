//! The inference actor: one session and the requests that wait for it.
//!
//! Owns its session alone. Its mailbox is as deep as its list of waiting requests, since every
//! message is moved to the list before anything runs; a full list answers 503 at once. A panic of
//! the engine fails the batch in hand, drops the session and asks the supervisor for another, while
//! the requests still waiting stay in the list. Fronts talk to it, and the pool.

mod failing;
mod lifecycle;
mod observe;
mod refusals;
mod terminated;

use std::{ops::Range, sync::Arc, time::Duration};

use actix::prelude::*;
use common::{Clock, ErrorCode, ModelName, ModelVersion, tensor::Tensor};
use smallvec::smallvec;
use tokio::sync::oneshot;

use self::{
    refusals::{refuse_here, refuse_with},
    terminated::Terminations,
};
use crate::{
    arena::{self, Arenas},
    batch::{Batch, BatchQueue, Entry, Job},
    codel::CodelSettings,
    gather::join,
    gauge::Gauge,
    messages::{ActorId, Drained, Infer, InferFailure, InferReply, RunnerLost},
    run_times::RunTimes,
    runner::RunError,
    session::{Session, Waiting, check_part_rows, split_outputs},
    stats::{ActorState, Stats},
    turn::Turn,
    warmup::WarmUp,
    watchdog::Watch,
};

/// What an actor is made of.
pub struct Options {
    /// Its place in the pool.
    pub id: ActorId,
    /// Which of the actors that took this place in turn.
    pub incarnation: u64,
    /// What others see of it.
    pub gauge: Arc<Gauge>,
    /// Looks after its runs.
    pub watch: Arc<Watch>,
    /// The model it serves.
    pub model: ModelName,
    /// Its version.
    pub version: ModelVersion,
    /// Most requests that wait.
    pub queue: usize,
    /// When a queue counts as standing.
    pub codel: CodelSettings,
    /// How long it goes on with short runs before its thread reads and sends again.
    pub turn: Duration,
    /// Where its thread gets an arena from, if it has none yet.
    pub arenas: Arc<Arenas>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who replaces a lost session.
    pub supervisor: Recipient<RunnerLost>,
}

/// How often the gauge is told of run times.
const MEDIAN_EVERY_RUNS: u64 = 32;

/// Runs what waits, for a turn at most. Private: the actor tells itself, behind whatever is queued on its thread, so
/// that requests which arrived together are read together.
#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

/// When the actor looks at its list next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flushing {
    /// When something comes.
    Idle,
    /// When the time to wait for company is over.
    Later(SpawnHandle),
    /// As soon as this turn of the event loop is over.
    Next,
}

/// See the module.
pub struct InferenceActor {
    options: Options,
    session: Option<Session>,
    warm_up: WarmUp,
    queue: BatchQueue<Waiting>,
    stats: Stats,
    flush: Flushing,
    max_delay: Duration,
    draining: Vec<oneshot::Sender<Drained>>,
    closed: bool,
    terminations: Terminations,
}

impl InferenceActor {
    /// An actor that waits for its session.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let queue = BatchQueue::new(options.queue, options.codel);
        Self {
            options,
            session: None,
            warm_up: WarmUp::default(),
            queue,
            stats: Stats::default(),
            flush: Flushing::Idle,
            max_delay: Duration::ZERO,
            draining: Vec::new(),
            closed: false,
            terminations: Terminations::default(),
        }
    }

    fn state(&self) -> ActorState {
        match (&self.session, self.stats.installs) {
            _ if self.closed => ActorState::Draining,
            (Some(_), _) => ActorState::Ready,
            (None, 0) => ActorState::Loading,
            (None, _) => ActorState::Rebuilding,
        }
    }

    fn schedule_flush(&mut self, ctx: &mut Context<Self>) {
        if self.flush == Flushing::Next || self.queue.is_empty() || self.session.is_none() {
            return;
        }
        if !self.max_delay.is_zero() && !self.queue.fills_a_run() {
            let now = self.options.clock.now();
            let delay = self.queue.remaining_batch_delay(self.max_delay, now);
            if !delay.is_zero() {
                return self.flush_later(delay, ctx);
            }
        }
        if let Flushing::Later(timer) = std::mem::replace(&mut self.flush, Flushing::Next) {
            ctx.cancel_future(timer);
        }
        // Behind one turn of the event loop: sockets that are readable by now are read first, and
        // what they bring joins the batch. No timer, so nobody waits for company.
        let turn = tokio::task::yield_now().into_actor(self);
        ctx.spawn(turn.map(|(), actor, ctx| actor.handle(Flush, ctx)));
    }

    /// For a model whose manifest lets requests wait for company.
    fn flush_later(&mut self, delay: Duration, ctx: &mut Context<Self>) {
        if self.flush == Flushing::Idle {
            let timer = ctx.run_later(delay, |actor, ctx| actor.handle(Flush, ctx));
            self.flush = Flushing::Later(timer);
        }
    }

    /// Runs the next job, if there is one and a session for it; tells whether it did.
    fn run_next(&mut self, ctx: &mut Context<Self>) -> bool {
        let mut dropped = Vec::new();
        let job = match self.session {
            Some(_) => self.queue.next(self.options.clock.now(), &mut dropped),
            None => None,
        };
        self.drop_dead(dropped);
        match job {
            Some(Job::Batch(batch)) => self.run_batch(batch, ctx),
            Some(Job::Part { entry, rows, last }) => self.run_part(entry, rows, last, ctx),
            None => return false,
        }
        true
    }

    /// Whether another run is due, and would end within this turn.
    fn goes_on(&self, turn: Turn) -> bool {
        // What may still wait for company is left to the scheduling of flushes.
        let due = self.max_delay.is_zero() || self.queue.fills_a_run();
        due && turn.has_time(self.options.clock.now(), self.queue.typical_run())
    }

    fn run_batch(&mut self, mut batch: Batch<Waiting>, ctx: &mut Context<Self>) {
        let rows: usize = batch.iter().map(Entry::rows).sum();
        let Some(session) = self.session.as_mut() else {
            return;
        };
        let spec = Arc::clone(session.spec());
        let ran = session.run(&batch, None, &*self.options.clock, &self.options.watch);
        self.stats.run_cpu += ran.cpu;
        let Some(outputs) = self.outputs(ran.outputs, ran.run, rows, &mut batch, ctx) else {
            return;
        };
        let answers = match split_outputs(&spec, outputs, &batch) {
            Ok(answers) => answers,
            Err(error) => return self.fail(batch, &error),
        };
        let splitting = self
            .options
            .clock
            .now()
            .saturating_duration_since(ran.begin + ran.gather + ran.run);
        let batch_requests = batch.len();
        for (index, (waiting, outputs)) in batch.into_iter().zip(answers).enumerate() {
            let queue = ran.begin.saturating_duration_since(waiting.infer.sent_at);
            let batch = ran.gather + splitting;
            let times = RunTimes {
                queue,
                batch,
                run: ran.run,
                batch_rows: rows,
                batch_requests,
                batch_id: self.stats.run_number(),
                leads_batch: index == 0,
            };
            self.answer(waiting.infer, outputs, times);
        }
    }

    fn run_part(
        &mut self,
        waiting: Waiting,
        rows: Range<usize>,
        last: bool,
        ctx: &mut Context<Self>,
    ) {
        let mut batch: Batch<Waiting> = smallvec![waiting];
        let Some(session) = self.session.as_mut() else {
            return;
        };
        let spec = Arc::clone(session.spec());
        let ran = session.run(
            &batch,
            Some(&rows),
            &*self.options.clock,
            &self.options.watch,
        );
        self.stats.run_cpu += ran.cpu;
        let Some(outputs) = self.outputs(ran.outputs, ran.run, rows.len(), &mut batch, ctx) else {
            return;
        };
        let Some(mut waiting) = batch.pop() else {
            return;
        };
        if !waiting.started {
            waiting.started = true;
            waiting.times.queue = ran.begin.saturating_duration_since(waiting.infer.sent_at);
        }
        waiting.times.batch += ran.gather;
        waiting.times.run += ran.run;
        if let Err(error) = check_part_rows(&spec, &outputs, rows.len()) {
            return self.fail(smallvec![waiting], &error);
        }
        waiting.parts.push(outputs);
        if !last {
            return self.queue.resume(waiting, rows.end);
        }
        let joining = self.options.clock.now();
        let outputs = join(&spec, &waiting.parts);
        let mut times = waiting.times;
        times.batch += self.options.clock.now() - joining;
        times.batch_rows = rows.len();
        times.batch_requests = 1;
        times.batch_id = self.stats.run_number();
        times.leads_batch = true;
        self.answer(waiting.infer, outputs, times);
    }

    /// Counts a run; on failure answers its batch and gives nothing.
    fn outputs(
        &mut self,
        outcome: Result<Vec<Tensor>, RunError>,
        took: Duration,
        rows: usize,
        batch: &mut Batch<Waiting>,
        ctx: &mut Context<Self>,
    ) -> Option<Vec<Tensor>> {
        match outcome {
            Ok(outputs) => {
                self.stats.ran(took, rows);
                self.show_runs();
                self.queue.ran(took);
                Some(outputs)
            }
            Err(error) => {
                self.run_failed(std::mem::take(batch), error, took, ctx);
                None
            }
        }
    }

    /// Lets others see how runs go; the median not after each, since it costs a sort.
    fn show_runs(&self) {
        let gauge = &self.options.gauge;
        let memory_bytes = self.session.as_ref().map_or(0, Session::memory_bytes);
        gauge.ran(self.stats.runs, memory_bytes);
        if self.stats.runs.is_multiple_of(MEDIAN_EVERY_RUNS) {
            gauge.set_median(self.stats.median_run());
        }
    }

    fn answer(&mut self, infer: Infer, outputs: Vec<Tensor>, times: RunTimes) {
        match infer.reply.send(Ok(InferReply { outputs, times })) {
            Ok(()) => self.stats.answered(&times, self.options.clock.wall()),
            Err(_) => {
                self.stats.abandoned += 1;
                self.stats.wasted_run +=
                    times.run / u32::try_from(times.batch_requests.max(1)).unwrap_or(1);
            }
        }
    }

    fn refuse_all(&mut self, reason: &str) {
        for waiting in self.queue.drain() {
            refuse_here(waiting.infer, reason);
        }
    }

    fn finish_draining(&mut self) {
        if self.queue.is_empty() {
            for waiting in self.draining.drain(..) {
                // A drainer that has gone needs no word.
                let _ = waiting.send(Drained);
            }
        }
    }
}

impl Actor for InferenceActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Messages only move to the list, which refuses for itself.
        ctx.set_mailbox_capacity(self.options.queue.max(16));
        // A worker thread has an arena and looks after it; a thread of the actor's own has not.
        if arena::here().is_none() {
            let (id, now) = (self.options.id.to_string(), self.options.clock.now());
            self.options.arenas.settle(id, now);
            ctx.run_interval(arena::TICK_EVERY, |actor, _| {
                arena::tick(actor.options.clock.now());
            });
        }
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.refuse_all("the model was taken out of service");
        self.drop_session();
    }
}

impl Handler<Infer> for InferenceActor {
    type Result = ();

    fn handle(&mut self, infer: Infer, ctx: &mut Context<Self>) {
        if self.closed {
            return refuse_here(infer, "this actor takes no more requests");
        }
        let waiting = Waiting {
            infer,
            parts: Vec::new(),
            times: RunTimes::default(),
            started: false,
        };
        if let Err(waiting) = self.queue.push(waiting) {
            self.stats.refused += 1;
            let told = "too many requests wait for this model";
            let failure = InferFailure::retryable_on_other_actor(ErrorCode::Overloaded, told);
            refuse_with(waiting.infer, failure);
        }
        self.schedule_flush(ctx);
    }
}

impl Handler<Flush> for InferenceActor {
    type Result = ();

    fn handle(&mut self, _: Flush, ctx: &mut Context<Self>) {
        self.flush = Flushing::Idle;
        let turn = Turn::new(self.options.clock.now(), self.options.turn);
        while self.run_next(ctx) && self.goes_on(turn) {}
        self.finish_draining();
        self.schedule_flush(ctx);
    }
}
