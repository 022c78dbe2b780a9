//! Telling callers that they get no outputs.

use common::ErrorCode;

use super::InferenceActor;
use crate::{
    batch::Dropped,
    messages::{Infer, InferFailure},
    session::Waiting,
};

impl InferenceActor {
    pub(super) fn drop_dead(&mut self, dropped: Vec<(Waiting, Dropped)>) {
        for (waiting, why) in dropped {
            match why {
                Dropped::Abandoned => self.stats.abandoned += 1,
                Dropped::Shed => {
                    self.stats.shed += 1;
                    let message = "the model's queue is overloaded and this request exceeded its queue-time limit";
                    refuse(waiting.infer, ErrorCode::Overloaded, message);
                }
                Dropped::Expired => {
                    self.stats.expired += 1;
                    let message = "the deadline passed while the request waited for the model";
                    let failure = InferFailure::new(ErrorCode::Deadline, message);
                    refuse_with(
                        waiting.infer,
                        InferFailure {
                            never_ran: true,
                            ..failure
                        },
                    );
                }
            }
        }
    }
}

fn refuse(infer: Infer, code: ErrorCode, message: impl Into<String>) {
    refuse_with(infer, InferFailure::new(code, message));
}

/// This actor does not answer; another of its model may.
pub(super) fn refuse_here(infer: Infer, message: impl Into<String>) {
    let failure = InferFailure::retryable_on_other_actor(ErrorCode::ModelUnavailable, message);
    refuse_with(infer, failure);
}

pub(super) fn refuse_with(infer: Infer, failure: InferFailure) {
    // A caller that has gone needs no answer.
    let _ = infer.reply.send(Err(failure));
}
