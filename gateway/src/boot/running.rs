//! A gateway that runs.

use std::{io, net::SocketAddr, sync::Arc};

use actix_rt::task::JoinHandle;
use actix_web::dev::ServerHandle;

use super::{drain::WorkerEnd, listeners::DrainingListener};
use crate::front::Shared;

pub(super) type Running = (ServerHandle, JoinHandle<io::Result<()>>);

/// A gateway that serves.
pub struct Gateway {
    pub(super) shared: Arc<Shared>,
    pub(super) workers: Vec<WorkerEnd>,
    pub(super) listener: DrainingListener,
    pub(super) data_server: Running,
    pub(super) admin_server: Running,
    http: SocketAddr,
    admin: SocketAddr,
}

/// What a gateway that serves is made of.
pub(super) struct Parts {
    pub(super) shared: Arc<Shared>,
    pub(super) workers: Vec<WorkerEnd>,
    pub(super) listener: DrainingListener,
    pub(super) data_server: Running,
    pub(super) admin_server: Running,
    /// Of the data port and of the admin port.
    pub(super) addresses: (SocketAddr, SocketAddr),
}

impl Gateway {
    pub(super) fn new(parts: Parts) -> Self {
        let (http, admin) = parts.addresses;
        Self {
            shared: parts.shared,
            workers: parts.workers,
            listener: parts.listener,
            data_server: parts.data_server,
            admin_server: parts.admin_server,
            http,
            admin,
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

    /// Resolves, with the reason, when the process can no longer be mended from inside.
    pub async fn wedged(&self) -> String {
        self.shared.pool.wedged().await
    }

    /// Stops at once, for a start that failed.
    pub(super) async fn stop_now(self) {
        self.data_server.0.stop(false).await;
        self.admin_server.0.stop(false).await;
    }
}
