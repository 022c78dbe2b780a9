//! A gateway that runs, and how it stops.

use std::{io, net::SocketAddr, sync::Arc};

use actix_rt::task::JoinHandle;
use actix_web::dev::ServerHandle;

use crate::front::Shared;

type Running = (ServerHandle, JoinHandle<io::Result<()>>);

/// A gateway that serves.
pub struct Gateway {
    shared: Arc<Shared>,
    http: SocketAddr,
    admin: SocketAddr,
    data_server: Running,
    admin_server: Running,
}

impl Gateway {
    pub(super) fn new(
        shared: Arc<Shared>,
        (http, admin): (SocketAddr, SocketAddr),
        data_server: Running,
        admin_server: Running,
    ) -> Self {
        Self {
            shared,
            http,
            admin,
            data_server,
            admin_server,
        }
    }

    /// Where the data port listens.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where the admin port listens.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The line that tells whoever started the process that it is ready, and where.
    #[must_use]
    pub fn listening_line(&self) -> String {
        format!("listening http={} grpc=- admin={}", self.http, self.admin)
    }

    /// A command a person can try.
    #[must_use]
    pub fn try_line(&self) -> String {
        let body = r#"{"user_id":"196","top_k":5,"include":["title"]}"#;
        let url = format!("http://{}/v2/recommend/item", self.http);
        format!("try: curl -s {url} -H 'content-type: application/json' -d '{body}'")
    }

    /// Stops as an orchestrator expects: readiness says no first, requests are answered for
    /// `drain.delay` longer, then the listener closes and what is in flight ends within the grace.
    pub async fn drain(self) {
        let drain = &self.shared.settings.drain;
        tracing::info!(delay = %drain.delay, grace = %drain.grace, "draining");
        self.shared.phase.become_draining();
        self.shared.metrics.set_ready(false);
        tokio::time::sleep(drain.delay.0).await;
        let left = drain.grace.0.saturating_sub(drain.delay.0);
        if tokio::time::timeout(left, self.data_server.0.stop(true))
            .await
            .is_err()
        {
            tracing::warn!("the grace time is over; what was in flight is cut");
            self.data_server.0.stop(false).await;
        }
        self.finish().await;
    }

    /// Stops at once, for a start that failed.
    pub(super) async fn stop_now(self) {
        self.data_server.0.stop(false).await;
        self.finish().await;
    }

    /// Ends the admin port last, so that it can be watched to the end, and joins both servers.
    async fn finish(self) {
        self.admin_server.0.stop(false).await;
        for (name, task) in [("data", self.data_server.1), ("admin", self.admin_server.1)] {
            match task.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(name, %error, "the server ended with an error"),
                Err(error) => tracing::warn!(name, %error, "the server's task ended early"),
            }
        }
    }
}
