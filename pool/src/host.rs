//! The host of a thread: starts inference actors on the thread it lives on.
//!
//! An actix actor runs where it is started, so each worker thread has one host. Its mailbox stays
//! at the default of 16: only the pool talks to it, a message at a time. It does nothing that can
//! panic.

use actix::prelude::*;
use inference_actor::{InferenceActor, Options};

/// The number of a thread that can hold inference actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub usize);

/// Start an inference actor here.
#[derive(Message)]
#[rtype(result = "Started")]
pub(crate) struct StartActor(pub(crate) Options);

/// The actor that was started.
#[derive(MessageResponse)]
pub(crate) struct Started(pub(crate) Addr<InferenceActor>);

/// See the module.
#[derive(Debug, Default)]
pub struct WorkerHost;

impl Actor for WorkerHost {
    type Context = Context<Self>;
}

impl Handler<StartActor> for WorkerHost {
    type Result = Started;

    fn handle(&mut self, message: StartActor, _: &mut Context<Self>) -> Started {
        Started(InferenceActor::new(message.0).start())
    }
}
