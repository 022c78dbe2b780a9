//! What an inference actor is told, and what it answers.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Instant, SystemTime},
};

use actix::Message;
use common::{Criticality, Deadline, ErrorCode, tensor::Tensor};
use tokio::sync::oneshot;

use crate::{
    gauge::Permit, run_times::RunTimes, runner::ModelRunner, spec::Rows, stats::ActorSnapshot,
    warmup::WarmUp,
};

/// The place of an actor in the pool: stable over restarts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActorId(pub String);

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Run a model on validated inputs. Exactly one answer goes to `reply`; a dropped receiver means
/// that the caller has gone, and the work is skipped if it has not begun.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Infer {
    /// What to run on.
    pub work: Arc<Work>,
    /// What validation counted.
    pub rows: Rows,
    /// After this the answer is of no use.
    pub deadline: Deadline,
    /// How much it matters when not all can be run.
    pub criticality: Criticality,
    /// What traces show of the request; disabled unless somebody listens.
    pub span: tracing::Span,
    /// When it was handed to the mailbox.
    pub sent_at: Instant,
    /// Where the answer goes.
    pub reply: oneshot::Sender<InferResult>,
    /// Counts it as in flight until it is answered or dropped.
    pub permit: Permit,
}

/// The inputs of a request. The caller keeps a handle, so that another actor can be asked with the
/// same tensors where the first could not finish.
#[derive(Debug)]
pub struct Work {
    /// In the order of the model's spec.
    pub inputs: Vec<Option<Tensor>>,
    started: AtomicBool,
}

impl Work {
    /// Work that no engine has seen.
    #[must_use]
    pub fn new(inputs: Vec<Option<Tensor>>) -> Arc<Self> {
        let started = AtomicBool::new(false);
        Arc::new(Self { inputs, started })
    }

    /// Whether an engine has begun to run it.
    #[must_use]
    pub fn started(&self) -> bool {
        // Acquire and release: whoever takes the work elsewhere must not miss that it began.
        self.started.load(Ordering::Acquire)
    }

    pub(crate) fn start(&self) {
        self.started.store(true, Ordering::Release);
    }
}

/// An answer or the reason why there is none.
pub type InferResult = Result<InferReply, InferFailure>;

/// Outputs of a run.
#[derive(Debug)]
pub struct InferReply {
    /// In the order of the model's spec.
    pub outputs: Vec<Tensor>,
    /// Where the time went.
    pub times: RunTimes,
}

/// Why a request got no outputs.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct InferFailure {
    /// Which error of the closed list.
    pub code: ErrorCode,
    /// What to tell the caller.
    pub message: String,
    /// Whether another actor of the model may answer: the engine did not finish, or never began.
    pub retry_on_other_actor: bool,
    /// The run it failed in, if it got that far: one run that fails is one failure of the model,
    /// however many requests it carried.
    pub batch_id: Option<u64>,
    /// Whether it was refused before any run: then it says nothing about the model.
    pub never_ran: bool,
}

impl InferFailure {
    /// The caller's part is over.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_on_other_actor: false,
            batch_id: None,
            never_ran: false,
        }
    }

    /// This actor cannot answer, another may.
    #[must_use]
    pub fn retryable_on_other_actor(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            retry_on_other_actor: true,
            ..Self::new(code, message)
        }
    }
}

/// A session for an actor that waits for one: at its start, or after it lost the last.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Install {
    /// The session.
    pub runner: Box<dyn ModelRunner>,
    /// How its warm-up went.
    pub warm_up: WarmUp,
}

/// Tells the supervisor that an actor has lost its session and needs another.
#[derive(Message, Debug, Clone)]
#[rtype(result = "()")]
pub struct RunnerLost {
    /// Which actor.
    pub actor: ActorId,
    /// Which of the actors that took this place in turn.
    pub incarnation: u64,
    /// What the panic said.
    pub cause: String,
    /// Successful runs since the session was installed.
    pub runs_since_install: u64,
    /// When.
    pub at: SystemTime,
}

/// Drop the session, take no more requests and refuse those that wait: there is no session until
/// the next [`Install`].
#[derive(Message, Debug, Clone)]
#[rtype(result = "()")]
pub struct Park {
    /// What to tell them.
    pub reason: String,
}

/// What an actor is doing.
#[derive(Message)]
#[rtype(result = "ActorSnapshot")]
pub struct Observe;

/// Take no more requests; answered once all of those taken were answered.
#[derive(Message)]
#[rtype(result = "Drained")]
pub struct Drain;

/// The actor's queue is empty and will stay so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, actix::MessageResponse)]
pub struct Drained;
