//! Taking actors out of service without failing a request that still knows them.
//!
//! A request takes a model's route once and asks an actor of it later, so an actor that has left
//! the routing table may still be asked for a moment. It goes on answering until no route that
//! names it is held by anybody, then answers what it holds, and ends.

use std::time::Duration;

use actix::prelude::*;
use inference_actor::{ActorId, Drain};

use super::PoolActor;

/// How often it is looked whether a retired actor may still be asked.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Looks after which it is closed all the same, which is longer than any request waits.
const MAX_LOOKS: u32 = 12_000;

impl PoolActor {
    /// Takes an actor out for good. The caller publishes a table without it.
    pub(super) fn retire(&mut self, id: &ActorId, ctx: &mut Context<Self>) {
        self.supervisor.remove(id);
        let Some(member) = self.members.remove(id) else {
            return;
        };
        let (addr, in_routes) = (member.addr.clone(), member.in_routes());
        self.retiring.insert(id.clone(), member);
        let drained = async move {
            for _ in 0..MAX_LOOKS {
                if !in_routes() {
                    break;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            // One that is gone has nothing left to answer.
            let _ = addr.send(Drain).await;
        };
        let id = id.clone();
        ctx.spawn(drained.into_actor(self).map(move |(), actor, _| {
            actor.retiring.remove(&id);
        }));
    }
}
