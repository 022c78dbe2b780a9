//! The inference actor: one session and the requests that wait for it.
//!
//! Owns its session alone. Its mailbox is as deep as its list of waiting requests, since every
//! message is moved to the list before anything runs; a full list answers 503 at once. A panic of
//! the engine fails the batch in hand, drops the session and asks the supervisor for another, while
//! the requests still waiting stay in the list. Fronts talk to it, and the pool.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use common::{Clock, ErrorCode, ModelName, ModelVersion, tensor::Tensor};
use tokio::sync::oneshot;

use crate::{
    batch::{BatchQueue, Dropped, Entry, Job},
    gather::join,
    messages::{
        ActorId, Drain, Drained, Infer, InferFailure, InferReply, Install, Observe, Park, RunTimes,
        RunnerLost,
    },
    runner::RunError,
    session::{Session, Waiting, apart, part_fits},
    stats::{ActorSnapshot, ActorState, Stats},
    warmup::WarmUp,
};

/// What an actor is made of.
pub struct Options {
    /// Its place in the pool.
    pub id: ActorId,
    /// The model it serves.
    pub model: ModelName,
    /// Its version.
    pub version: ModelVersion,
    /// Most requests that wait.
    pub queue: usize,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who replaces a lost session.
    pub supervisor: Recipient<RunnerLost>,
}

/// Runs one batch. Private: the actor tells itself, behind whatever is queued on its thread, so
/// that requests which arrived together are read together.
#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

/// See the module.
pub struct InferenceActor {
    options: Options,
    session: Option<Session>,
    warm_up: WarmUp,
    queue: BatchQueue<Waiting>,
    stats: Stats,
    flush_scheduled: bool,
    draining: Vec<oneshot::Sender<Drained>>,
    closed: bool,
}

impl InferenceActor {
    /// An actor that waits for its session.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let queue = BatchQueue::new(options.queue);
        Self {
            options,
            session: None,
            warm_up: WarmUp::default(),
            queue,
            stats: Stats::default(),
            flush_scheduled: false,
            draining: Vec::new(),
            closed: false,
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
        if self.flush_scheduled || self.queue.is_empty() || self.session.is_none() {
            return;
        }
        self.flush_scheduled = true;
        // Behind one turn of the event loop: sockets that are readable by now are read first, and
        // what they bring joins the batch. No timer, so nobody waits for company.
        let turn = tokio::task::yield_now().into_actor(self);
        ctx.spawn(turn.map(|(), actor, ctx| actor.handle(Flush, ctx)));
    }

    fn drop_dead(&mut self, dropped: Vec<(Waiting, Dropped)>) {
        for (waiting, why) in dropped {
            match why {
                Dropped::Abandoned => self.stats.abandoned += 1,
                Dropped::Expired => {
                    self.stats.expired += 1;
                    let message = "the deadline passed while the request waited for the model";
                    refuse(waiting.infer, ErrorCode::Deadline, message);
                }
            }
        }
    }

    fn run_batch(&mut self, mut batch: Vec<Waiting>, ctx: &mut Context<Self>) {
        let rows: usize = batch.iter().map(Entry::rows).sum();
        let Some(session) = self.session.as_mut() else {
            return;
        };
        let spec = Arc::clone(session.spec());
        let ran = session.run(&batch, None, &*self.options.clock);
        let Some(outputs) = self.outputs(ran.outputs, ran.run, rows, &mut batch, ctx) else {
            return;
        };
        let answers = match apart(&spec, outputs, &batch) {
            Ok(answers) => answers,
            Err(error) => return self.fail(batch, &error),
        };
        let splitting = self
            .options
            .clock
            .now()
            .saturating_duration_since(ran.begin + ran.gather + ran.run);
        for (index, (waiting, outputs)) in batch.into_iter().zip(answers).enumerate() {
            let queue = ran.begin.saturating_duration_since(waiting.infer.sent_at);
            let batch = ran.gather + splitting;
            let times = RunTimes {
                queue,
                batch,
                run: ran.run,
                batch_rows: rows,
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
        let mut batch = vec![waiting];
        let Some(session) = self.session.as_mut() else {
            return;
        };
        let spec = Arc::clone(session.spec());
        let ran = session.run(&batch, Some(&rows), &*self.options.clock);
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
        if let Err(error) = part_fits(&spec, &outputs, rows.len()) {
            return self.fail(vec![waiting], &error);
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
        times.leads_batch = true;
        self.answer(waiting.infer, outputs, times);
    }

    /// Counts a run; on failure answers its batch and gives nothing.
    fn outputs(
        &mut self,
        outcome: Result<Result<Vec<Tensor>, RunError>, String>,
        took: Duration,
        rows: usize,
        batch: &mut Vec<Waiting>,
        ctx: &mut Context<Self>,
    ) -> Option<Vec<Tensor>> {
        match outcome {
            Ok(Ok(outputs)) => {
                self.stats.ran(took, rows);
                return Some(outputs);
            }
            Ok(Err(error)) => self.fail(std::mem::take(batch), &error),
            Err(message) => self.panicked(std::mem::take(batch), message, ctx),
        }
        None
    }

    fn answer(&mut self, infer: Infer, outputs: Vec<Tensor>, times: RunTimes) {
        match infer.reply.send(Ok(InferReply { outputs, times })) {
            Ok(()) => self.stats.answered(&times, self.options.clock.wall()),
            Err(_) => self.stats.abandoned += 1,
        }
    }

    fn fail(&mut self, batch: Vec<Waiting>, error: &RunError) {
        self.stats.errors += 1;
        let code = match error {
            RunError::Rejected(_) => ErrorCode::InputRejected,
            RunError::Failed(_) => ErrorCode::EngineFailed,
            RunError::Terminated => ErrorCode::Deadline,
        };
        for waiting in batch {
            refuse(waiting.infer, code, error.to_string());
        }
    }

    fn panicked(&mut self, batch: Vec<Waiting>, message: String, ctx: &mut Context<Self>) {
        let at = self.options.clock.wall();
        self.stats.panicked(&message, at);
        for waiting in batch {
            let told = format!("the engine panicked on this batch: {message}");
            refuse(waiting.infer, ErrorCode::EnginePanicked, told);
        }
        // What a panic left inside the session is unknown; so is what its destructor does.
        let lost = self.session.take();
        if catch_unwind(AssertUnwindSafe(|| drop(lost))).is_err() {
            tracing::error!(actor = %self.options.id, "dropping the session panicked as well");
        }
        let actor = self.options.id.clone();
        let runs_since_install = std::mem::take(&mut self.stats.runs_since_install);
        let lost = RunnerLost {
            actor,
            cause: message,
            runs_since_install,
            at,
        };
        // `send` waits for room in the supervisor's mailbox: this message must not be lost.
        let told = self.options.supervisor.send(lost).into_actor(self);
        ctx.spawn(told.map(|sent, actor, _| {
            if sent.is_err() {
                tracing::error!(actor = %actor.options.id, "no supervisor to ask for a new session");
            }
        }));
    }

    fn refuse_all(&mut self, reason: &str) {
        for waiting in self.queue.drain() {
            refuse(waiting.infer, ErrorCode::ModelUnavailable, reason);
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

fn refuse(infer: Infer, code: ErrorCode, message: impl Into<String>) {
    // A caller that has gone needs no answer.
    let _ = infer.reply.send(Err(InferFailure::new(code, message)));
}

impl Actor for InferenceActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Messages only move to the list, which refuses for itself.
        ctx.set_mailbox_capacity(self.options.queue.max(16));
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        for waiting in self.queue.drain() {
            refuse(
                waiting.infer,
                ErrorCode::ModelUnavailable,
                "the model was taken out of service",
            );
        }
    }
}

impl Handler<Infer> for InferenceActor {
    type Result = ();

    fn handle(&mut self, infer: Infer, ctx: &mut Context<Self>) {
        if self.closed {
            return refuse(
                infer,
                ErrorCode::ModelUnavailable,
                "this actor takes no more requests",
            );
        }
        let waiting = Waiting {
            infer,
            parts: Vec::new(),
            times: RunTimes::default(),
            started: false,
        };
        if let Err(waiting) = self.queue.push(waiting) {
            self.stats.refused += 1;
            refuse(
                waiting.infer,
                ErrorCode::Overloaded,
                "too many requests wait for this model",
            );
        }
        self.schedule_flush(ctx);
    }
}

impl Handler<Flush> for InferenceActor {
    type Result = ();

    fn handle(&mut self, _: Flush, ctx: &mut Context<Self>) {
        self.flush_scheduled = false;
        let mut dropped = Vec::new();
        let job = match self.session {
            Some(_) => self.queue.next(self.options.clock.now(), &mut dropped),
            None => None,
        };
        self.drop_dead(dropped);
        match job {
            Some(Job::Batch(batch)) => self.run_batch(batch, ctx),
            Some(Job::Part { entry, rows, last }) => self.run_part(entry, rows, last, ctx),
            None => {}
        }
        self.finish_draining();
        self.schedule_flush(ctx);
    }
}

impl Handler<Install> for InferenceActor {
    type Result = ();

    fn handle(&mut self, install: Install, ctx: &mut Context<Self>) {
        let session = Session::new(install.runner);
        self.queue.set_row_budget(session.spec().row_budget);
        self.session = Some(session);
        self.warm_up = install.warm_up;
        self.stats.installs += 1;
        self.stats.runs_since_install = 0;
        self.schedule_flush(ctx);
    }
}

impl Handler<Park> for InferenceActor {
    type Result = ();

    fn handle(&mut self, park: Park, _: &mut Context<Self>) {
        self.closed = true;
        self.refuse_all(&park.reason);
        self.finish_draining();
    }
}

impl Handler<Drain> for InferenceActor {
    type Result = ResponseFuture<Drained>;

    fn handle(&mut self, _: Drain, _: &mut Context<Self>) -> Self::Result {
        self.closed = true;
        let (done, drained) = oneshot::channel();
        self.draining.push(done);
        self.finish_draining();
        // An actor that stops has nothing left in its list either.
        Box::pin(async { drained.await.unwrap_or(Drained) })
    }
}

impl Handler<Observe> for InferenceActor {
    type Result = ActorSnapshot;

    fn handle(&mut self, _: Observe, _: &mut Context<Self>) -> ActorSnapshot {
        let stats = &self.stats;
        ActorSnapshot {
            state: self.state(),
            model: self.options.model.to_string(),
            version: self.options.version.get(),
            business_code: self
                .session
                .as_ref()
                .map_or_else(String::new, |s| s.spec().business_code.clone()),
            queued: self.queue.len(),
            runs: stats.runs,
            rows: stats.rows,
            answered: stats.answered,
            errors: stats.errors,
            panics: stats.panics,
            restarts: stats.installs.saturating_sub(1),
            expired: stats.expired,
            abandoned: stats.abandoned,
            refused: stats.refused,
            queue_ns: stats.queue_ns,
            batch_ns: stats.batch_ns,
            run_ns: stats.run_ns,
            last_answer_unix_ms: stats.last_answer_unix_ms,
            run_p50_us: stats.run_quantile_us(0.5),
            run_p99_us: stats.run_quantile_us(0.99),
            last_panic: stats.last_panic.clone(),
            warm_up: self.warm_up.reason.clone(),
        }
    }
}
