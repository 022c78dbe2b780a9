//! The end of a gateway, so that no request that came in is lost.
//!
//! 1. Readiness says no; for `drain.delay` requests are answered as usual, each telling its
//!    connection to close, while load balancers take notice.
//! 2. Every data port lets nobody else in, its backlog is emptied, and it is closed.
//! 3. Every accepted connection gets the answer to its first request, every request its answer.
//! 4. What is left are idle connections: they are closed, and the threads end.
//!
//! All of it takes at most `drain.grace`. A worker thread that is held by a run that does not end
//! is waited for no longer than it takes to know that.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use pool::HostId;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Exit,
    port::{LOOK_EVERY, Port},
    running::Gateway,
};

/// For threads to let their sessions go, at the very end.
const LETTING_GO: Duration = Duration::from_secs(2);

impl Gateway {
    /// Drains and ends. `wedged` is why the process cannot go on, if that is the reason to end.
    pub async fn drain(self, wedged: Option<String>) -> Result<(), Exit> {
        let drain = &self.shared.settings.drain;
        let end = Instant::now() + drain.grace.0;
        tracing::info!(delay = %drain.delay, grace = %drain.grace, "draining");
        self.shared.phase.become_draining();
        self.shared.metrics.set_ready(false);
        sleep(drain.delay.0).await;
        self.stop_accepting(end).await;
        let wedged = tokio::select! {
            // A process that is wedged says so even where nobody is left to be answered.
            biased;
            reason = async { match wedged {
                Some(reason) => reason,
                None => self.shared.pool.wedged().await,
            } } => Some(reason),
            settled = timeout_at(end, self.all_answered()) => {
                if settled.is_err() {
                    tracing::warn!("the grace time is over; what was in flight is cut");
                }
                None
            }
        };
        if let Some(reason) = wedged {
            // The other workers' requests; the held one's cannot be saved.
            let _ = timeout_at(end, self.others_answered()).await;
            return Err(Exit::wedged(reason));
        }
        // A worker that is held neither closes its connections nor lets its session go; the process
        // ends without it.
        let ended = async {
            self.data_server.handle.stop(true).await;
            self.shared.pool.stop(LETTING_GO).await;
            self.admin_server.handle.stop(false).await;
        };
        if timeout_at(end, ended).await.is_err() {
            tracing::warn!("the grace time is over; some thread is left as it is");
        }
        tracing::info!("drained");
        Ok(())
    }

    async fn stop_accepting(&self, end: Instant) {
        self.ports.iter().for_each(Port::reject_new);
        join_all(self.ports.iter().map(|port| port.empty_backlog(end))).await;
        // Between the kernel's backlog and a worker, a connection is in nobody's count for a moment.
        sleep(LOOK_EVERY).await;
        self.data_server.handle.pause().await;
        // The accepting thread is told, not waited for: it lets go of the sockets a moment later.
        sleep(LOOK_EVERY).await;
        self.ports.iter().for_each(Port::close);
    }

    async fn all_answered(&self) {
        for worker in &self.workers {
            while !worker.answers().await {
                sleep(LOOK_EVERY).await;
            }
        }
        // A connection that has said nothing is in its ledger too; http.header_timeout ends it.
        self.answered_by(|_| true).await;
    }

    async fn others_answered(&self) {
        let mut turning = BTreeSet::new();
        for worker in &self.workers {
            if worker.answers().await {
                turning.insert(worker.host);
            }
        }
        self.answered_by(|host| turning.contains(&host)).await;
    }

    /// Waits until these workers owe nobody an answer.
    async fn answered_by(&self, counts: impl Fn(HostId) -> bool) {
        while self
            .ports
            .iter()
            .any(|port| port.ledgers.owe_answers(&counts))
        {
            sleep(LOOK_EVERY).await;
        }
    }
}
