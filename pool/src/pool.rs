//! The pool's handle, for every thread: reads the routing table without a lock, asks the pool's
//! actor for everything else.

use std::{io, sync::Arc, time::Duration};

use actix::Addr;
use arc_swap::ArcSwap;
use common::{ModelName, ModelVersion};
use tokio::sync::watch;

use crate::{
    messages::{BringUp, ModelOutcome},
    options::PoolOptions,
    pool_actor::{
        self, Ask, ChangeError, LoadModel, Observe, PoolActor, SplitModel, Stop, UnloadModel,
    },
    report::{ActorView, PoolReport},
    routing::{RoutingTable, VersionSplit},
    supervisor::{Command, Conflict},
};

/// See the module.
#[derive(Clone)]
pub struct Pool {
    table: Arc<ArcSwap<RoutingTable>>,
    actor: Addr<PoolActor>,
    wedged: watch::Receiver<Option<String>>,
}

impl Pool {
    /// Starts the pool's actor on this thread, which must run an actix system, and the watchdog.
    pub fn start(options: PoolOptions) -> io::Result<Self> {
        let table = Arc::new(ArcSwap::from_pointee(RoutingTable::default()));
        let (tell_wedged, wedged) = watch::channel(None);
        let actor = pool_actor::start(options, Arc::clone(&table), tell_wedged)?;
        Ok(Self {
            table,
            actor,
            wedged,
        })
    }

    /// The routing table of this moment.
    #[must_use]
    pub fn table(&self) -> arc_swap::Guard<Arc<RoutingTable>> {
        self.table.load()
    }

    /// Loads models and starts their actors; tells how each fared.
    pub async fn bring_up(&self, request: BringUp) -> Vec<ModelOutcome> {
        self.actor.send(request).await.unwrap_or_default()
    }

    /// Loads one version of a model as its folder is now and leaves the others alone; or, where no
    /// version is named, all versions that its manifest chooses, in place of all that serve.
    pub async fn load_model(
        &self,
        name: ModelName,
        version: Option<ModelVersion>,
    ) -> Result<(), ChangeError> {
        let done = self.actor.send(LoadModel { name, version }).await;
        done.unwrap_or(Err(ChangeError::Stopping))
    }

    /// Takes a model, or one version of it, out of service and frees its memory.
    pub async fn unload_model(
        &self,
        name: ModelName,
        version: Option<ModelVersion>,
    ) -> Result<(), ChangeError> {
        let done = self.actor.send(UnloadModel { name, version }).await;
        done.unwrap_or(Err(ChangeError::Stopping))
    }

    /// Divides a model's callers between two versions in one step, or no longer.
    pub async fn split_model(&self, name: ModelName, split: Option<VersionSplit>) {
        // A pool that has ended routes nothing.
        let _ = self.actor.send(SplitModel { name, split }).await;
    }

    /// Every actor, with its supervisor's view.
    pub async fn actors(&self) -> Vec<ActorView> {
        let observed = self.actor.send(Observe).await;
        observed.map(|o| o.actors).unwrap_or_default()
    }

    /// Threads and placements.
    pub async fn report(&self) -> Option<PoolReport> {
        let observed = self.actor.send(Observe).await;
        observed.map(|o| o.report).ok()
    }

    /// Steers one actor.
    pub async fn command(&self, id: String, command: Command) -> Result<(), Conflict> {
        let asked = self.actor.send(Ask { id, command }).await;
        asked.unwrap_or(Err(Conflict::Unknown))
    }

    /// Resolves, with the reason, when this process can no longer be mended from inside: a worker
    /// thread is held by a run that does not end, or too many threads were given up.
    pub async fn wedged(&self) -> String {
        let mut wedged = self.wedged.clone();
        match wedged.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // The pool has ended: nothing in it can wedge any more.
            Err(_) => std::future::pending().await,
        }
    }

    /// Gives every session up on the thread it lives on and joins the dedicated threads, as far as
    /// they let go within `timeout`.
    pub async fn stop(&self, timeout: Duration) {
        // A pool that has ended has stopped.
        let _ = self.actor.send(Stop { timeout }).await;
    }
}

#[cfg(test)]
mod tests;
