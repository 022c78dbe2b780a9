//! What operators ask, and the end.

use std::time::Duration;

use actix::prelude::*;
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

/// Give all sessions up and join the dedicated threads; false if some thread did not let go.
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct Stop {
    pub(crate) patience: Duration,
}

impl Handler<Stop> for PoolActor {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, stop: Stop, _: &mut Context<Self>) -> Self::Result {
        self.purge_quarantine();
        let mut clean = self.quarantine.is_empty();
        let members: Vec<Member> = std::mem::take(&mut self.members).into_values().collect();
        Box::pin(async move {
            let mut waiting = Vec::with_capacity(members.len());
            for member in members {
                let park = Park {
                    reason: "the gateway is shutting down".into(),
                };
                waiting.push((member.addr.send(park), member.thread));
            }
            let all = async {
                for (parked, thread) in waiting {
                    let let_go = parked.await.is_ok();
                    clean &= let_go;
                    if let Some(thread) = thread.filter(|_| let_go) {
                        let (arbiter, _) = thread.abandon();
                        let joined = tokio::task::spawn_blocking(move || arbiter.join());
                        clean &= joined.await.is_ok_and(|joined| joined.is_ok());
                    }
                }
                clean
            };
            tokio::time::timeout(stop.patience, all)
                .await
                .unwrap_or(false)
        })
    }
}
