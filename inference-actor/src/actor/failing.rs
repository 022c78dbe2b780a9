//! What a run that fails costs: its batch an answer each, and a panic the session as well.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use common::ErrorCode;
use smallvec::smallvec;

use super::{InferenceActor, refusals::refuse_with};
use crate::{
    batch::Batch,
    messages::{InferFailure, RunnerLost},
    runner::RunError,
    session::Waiting,
};

impl InferenceActor {
    /// A run gave no outputs. Whether its inputs or the session is to blame is found out, and of
    /// several requests in one run, whose.
    pub(super) fn run_failed(
        &mut self,
        batch: Batch<Waiting>,
        error: RunError,
        took: Duration,
        ctx: &mut Context<Self>,
    ) {
        match error {
            RunError::Panicked(message) => return self.panicked(batch, message, ctx),
            RunError::Terminated => self.run_terminated(took),
            // One request's inputs may have failed the run of all: each is run by itself.
            RunError::Rejected(_) | RunError::Failed(_) if batch.len() > 1 => {
                return self.run_each_alone(batch, ctx);
            }
            RunError::Rejected(_) | RunError::Failed(_) => {}
        }
        let RunError::Failed(message) = error else {
            return self.fail(batch, &error);
        };
        let (clock, watch) = (
            Arc::clone(&self.options.clock),
            Arc::clone(&self.options.watch),
        );
        let sound = self.session.as_mut().map(|s| s.is_sound(&*clock, &watch));
        match sound.unwrap_or(Ok(None)) {
            Ok(Some(true)) => self.fail(batch, &RunError::Rejected(message)),
            Ok(_) => self.fail(batch, &RunError::Failed(message)),
            Err(RunError::Panicked(panic)) => self.panicked(batch, panic, ctx),
            Err(error) => self.fail(batch, &error),
        }
    }

    /// Runs the requests of a failed run one by one; those that a panic leaves without a session wait
    /// for the next.
    fn run_each_alone(&mut self, batch: Batch<Waiting>, ctx: &mut Context<Self>) {
        self.stats.errors += 1;
        for waiting in batch {
            if self.session.is_some() {
                self.run_batch(smallvec![waiting], ctx);
            } else {
                self.queue.resume(waiting, 0);
            }
        }
    }

    pub(super) fn fail(&mut self, batch: Batch<Waiting>, error: &RunError) {
        let code = match error {
            RunError::Rejected(_) => ErrorCode::InputRejected,
            RunError::Failed(_) => ErrorCode::EngineFailed,
            RunError::Terminated => ErrorCode::Deadline,
            RunError::Panicked(_) => ErrorCode::EnginePanicked,
        };
        match error {
            RunError::Rejected(_) => self.stats.rejected += 1,
            RunError::Terminated => self.stats.terminated += 1,
            RunError::Failed(_) | RunError::Panicked(_) => self.stats.errors += 1,
        }
        let batch_id = Some(self.stats.run_number());
        for waiting in batch {
            refuse_with(
                waiting.infer,
                InferFailure {
                    batch_id,
                    ..InferFailure::new(code, error.to_string())
                },
            );
        }
    }

    pub(super) fn panicked(
        &mut self,
        batch: Batch<Waiting>,
        message: String,
        ctx: &mut Context<Self>,
    ) {
        let at = self.options.clock.wall();
        self.stats.panicked(&message, at);
        let batch_id = Some(self.stats.run_number());
        for waiting in batch {
            let told = format!("the engine panicked on this batch: {message}");
            let failure = InferFailure {
                batch_id,
                // The engine borrowed the inputs and did not finish: another may.
                ..InferFailure::retryable_on_other_actor(ErrorCode::EnginePanicked, told)
            };
            refuse_with(waiting.infer, failure);
        }
        self.drop_session();
        let actor = self.options.id.clone();
        let runs_since_install = std::mem::take(&mut self.stats.runs_since_install);
        let lost = RunnerLost {
            actor,
            incarnation: self.options.incarnation,
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

    pub(super) fn drop_session(&mut self) {
        self.options.gauge.set_session(false, 0);
        self.options.watch.set_stopper(None);
        // What a panic left inside the session is unknown; so is what its destructor does.
        let lost = self.session.take();
        if catch_unwind(AssertUnwindSafe(|| drop(lost))).is_err() {
            tracing::error!(actor = %self.options.id, "dropping the session panicked as well");
        }
    }
}
