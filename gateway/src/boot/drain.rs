//! The end of a gateway, so that no request that came in is lost.
//!
//! 1. Readiness says no; for `drain.delay` requests are answered as usual, each telling its
//!    connection to close, while load balancers take notice.
//! 2. The listener is barred, the listener's backlog emptied, and the port closed.
//! 3. Every accepted connection gets the answer to its first request, every request its answer.
//! 4. What is left are idle connections: they are closed, and the threads end.
//!
//! All of it takes at most `drain.grace`. A worker thread that is held by a run that does not end
//! is waited for no longer than it takes to know that.

use std::{sync::Arc, time::Duration};

use actix::Addr;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Exit, established, running::Gateway};
use crate::{
    app::Worker,
    connections::Ledger,
    front::{FrontActor, ObserveFront},
};

/// How often conditions are looked at that nothing tells of.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A worker thread that does not answer within this is held by a run.
const WORKER_ANSWERS_WITHIN: Duration = Duration::from_millis(500);
/// A caller that was answered confirms its connection within this, wherever on earth it is.
const CONFIRMED_WITHIN: Duration = Duration::from_millis(500);
/// For threads to let their sessions go, at the very end.
const LETTING_GO: Duration = Duration::from_secs(2);

/// A worker thread, as far as a drain is concerned.
pub(super) struct WorkerEnd {
    front: Addr<FrontActor>,
    ledger: Arc<Ledger>,
}

impl WorkerEnd {
    pub(super) fn of(worker: &Worker) -> Self {
        Self {
            front: worker.front.clone(),
            ledger: Arc::clone(&worker.ledger),
        }
    }

    /// Whether its event loop turns. When it has, it has also taken up the connections that were
    /// handed to it before.
    async fn answers(&self) -> bool {
        let answer = timeout(WORKER_ANSWERS_WITHIN, self.front.send(ObserveFront)).await;
        matches!(answer, Ok(Ok(_)))
    }
}

impl Gateway {
    /// Drains and ends. `wedged` is why the process cannot go on, if that is the reason to end.
    pub async fn drain(self, wedged: Option<String>) -> Result<(), Exit> {
        let drain = &self.shared.settings.drain;
        let end = Instant::now() + drain.grace.0;
        tracing::info!(delay = %drain.delay, grace = %drain.grace, "draining");
        self.shared.phase.become_draining();
        self.shared.metrics.set_ready(false);
        sleep(drain.delay.0).await;
        self.close_the_door(end).await;
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
            self.data_server.0.stop(true).await;
            self.shared.pool.stop(LETTING_GO).await;
            self.admin_server.0.stop(false).await;
        };
        if timeout_at(end, ended).await.is_err() {
            tracing::warn!("the grace time is over; some thread is left as it is");
        }
        tracing::info!("drained");
        Ok(())
    }

    async fn close_the_door(&self, end: Instant) {
        if let Err(error) = self.listener.reject_new_connections() {
            tracing::warn!(%error, "the port could not be barred; who connects just now may be reset");
        }
        let port = self.http().port();
        let confirmed = async {
            while established::half_open(port) > 0 {
                sleep(LOOK_EVERY).await;
            }
        };
        // Whoever began to connect and never confirms it is not waited for.
        let _ = timeout(CONFIRMED_WITHIN, confirmed).await;
        let emptied = async {
            while self.listener.has_backlog() {
                sleep(LOOK_EVERY).await;
            }
        };
        if timeout_at(end, emptied).await.is_err() {
            tracing::warn!("the listener's backlog could not be emptied in time");
        }
        // Between the kernel's backlog and a worker, a connection is in nobody's count for a moment.
        sleep(LOOK_EVERY).await;
        self.data_server.0.pause().await;
        // The accepting thread is told, not waited for: it lets go of the socket a moment later.
        sleep(LOOK_EVERY).await;
        self.listener.close();
    }

    async fn all_answered(&self) {
        for worker in &self.workers {
            while !worker.answers().await {
                sleep(LOOK_EVERY).await;
            }
        }
        let first_request_timeout = self.shared.settings.http.header_timeout.0;
        if timeout(first_request_timeout, self.all_heard())
            .await
            .is_err()
        {
            tracing::info!("some connections never said anything and are closed");
        }
        self.answered_by(|_| true).await;
    }

    /// Waits until every accepted connection has said something, or is gone.
    async fn all_heard(&self) {
        let open = || self.workers.iter().map(|w| w.ledger.open()).sum::<usize>();
        while established::connections(self.http().port()) > open() {
            // Reading the kernel's table costs more than looking at a counter.
            sleep(LOOK_EVERY * 4).await;
        }
    }

    async fn others_answered(&self) {
        let mut turning = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            turning.push(worker.answers().await);
        }
        self.answered_by(|index| turning[index]).await;
    }

    /// Waits until these workers owe nobody an answer.
    async fn answered_by(&self, counts: impl Fn(usize) -> bool) {
        let owes =
            |(index, worker): (usize, &WorkerEnd)| counts(index) && worker.ledger.owes_answers();
        while self.workers.iter().enumerate().any(owes) {
            sleep(LOOK_EVERY).await;
        }
    }
}
