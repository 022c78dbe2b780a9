//! What operators ask, and the end.

use std::time::Duration;

use actix::prelude::*;
use futures_util::future::join_all;
use inference_actor::{ActorId, Park};

use super::PoolActor;
use crate::{
    member::Member,
    supervisor::{Command, Conflict},
};

/// Steer one actor.
#[derive(Message)]
#[rtype(result = "Result<(), Conflict>")]
pub(crate) struct Ask {
    pub(crate) id: String,
    pub(crate) command: Command,
}

impl Handler<Ask> for PoolActor {
    type Result = Result<(), Conflict>;

    fn handle(&mut self, Ask { id, command }: Ask, ctx: &mut Context<Self>) -> Self::Result {
        let id = ActorId(id);
        let effects = self.supervisor.command(&id, command)?;
        tracing::info!(actor = %id, ?command, "asked by an operator");
        self.carry_out(&id, effects, ctx);
        Ok(())
    }
}

/// Give all sessions up and join the dedicated threads, as far as they let go in time.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Stop {
    pub(crate) timeout: Duration,
}

impl Handler<Stop> for PoolActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, stop: Stop, _: &mut Context<Self>) -> Self::Result {
        let members = std::mem::take(&mut self.members).into_values();
        let retiring = std::mem::take(&mut self.retiring).into_values();
        let ends = members.chain(retiring).map(async |member: Member| {
            let reason = "the gateway is shutting down".into();
            let let_go = member.addr.send(Park { reason }).await.is_ok();
            let thread = member.thread.filter(|_| let_go);
            if let Some(arbiter) = thread.and_then(|thread| thread.end()) {
                // A thread that panicked on its way out is out as well.
                let _ = tokio::task::spawn_blocking(move || arbiter.join()).await;
            }
        });
        let all = join_all(ends);
        Box::pin(async move {
            if tokio::time::timeout(stop.timeout, all).await.is_err() {
                tracing::warn!("some thread did not let its session go");
            }
        })
    }
}
