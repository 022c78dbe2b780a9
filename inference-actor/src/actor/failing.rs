//! What a run that fails costs: its batch an answer each, and a panic the session as well.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::prelude::*;
use common::ErrorCode;

use super::{InferenceActor, refusals::refuse_with};
use crate::{
    batch::Batch,
    messages::{InferFailure, RunnerLost},
    runner::RunError,
    session::Waiting,
};

impl InferenceActor {
    pub(super) fn fail(&mut self, batch: Batch<Waiting>, error: &RunError) {
        self.stats.errors += 1;
        let code = match error {
            RunError::Rejected(_) => ErrorCode::InputRejected,
            RunError::Failed(_) => ErrorCode::EngineFailed,
            RunError::Terminated => ErrorCode::Deadline,
        };
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
