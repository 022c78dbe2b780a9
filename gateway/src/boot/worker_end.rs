//! A worker thread, as far as a drain is concerned.

use std::time::Duration;

use actix::Addr;
use pool::HostId;
use tokio::time::timeout;

use crate::{
    front::{FrontActor, ObserveFront},
    worker::Worker,
};

/// A worker thread that does not answer within this is held by a run.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);

/// A worker thread.
pub(super) struct WorkerEnd {
    /// Its number.
    pub(super) host: HostId,
    front: Addr<FrontActor>,
}

impl WorkerEnd {
    pub(super) fn of(worker: &Worker) -> Self {
        Self {
            host: worker.host,
            front: worker.front.clone(),
        }
    }

    /// Whether its event loop turns. When it has, it has also taken up the connections that were
    /// handed to it before.
    pub(super) async fn answers(&self) -> bool {
        let answer = timeout(ANSWERS_WITHIN, self.front.send(ObserveFront)).await;
        matches!(answer, Ok(Ok(_)))
    }
}
