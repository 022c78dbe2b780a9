//! A gateway that runs.

use std::{net::SocketAddr, sync::Arc};

use pool::ModelStatus;

use super::{
    port::{Port, Running},
    try_line::try_line,
    worker_end::WorkerEnd,
};
use crate::front::Shared;

/// A gateway that serves.
pub struct Gateway {
    pub(super) shared: Arc<Shared>,
    pub(super) workers: Vec<WorkerEnd>,
    /// The data ports, which one server accepts from.
    pub(super) ports: Vec<Port>,
    pub(super) data_server: Running,
    pub(super) admin: Port,
    pub(super) admin_server: Running,
}

impl Gateway {
    /// Where a data port listens, if it is served.
    fn data_port(&self, name: &str) -> Option<SocketAddr> {
        let port = self.ports.iter().find(|port| port.name == name);
        port.map(|port| port.address)
    }

    /// The line that tells whoever started the process that it is ready, and where. A port that is
    /// not served shows as `-`.
    #[must_use]
    pub fn listening_line(&self) -> String {
        let listed = ["http", "grpc"].map(|name| {
            let address = self.data_port(name);
            let address = address.map_or_else(|| "-".to_owned(), |address| address.to_string());
            format!("{name}={address}")
        });
        format!(
            "listening {} admin={}",
            listed.join(" "),
            self.admin.address
        )
    }

    /// A command a person can try.
    #[must_use]
    pub fn try_line(&self) -> String {
        let http = self.data_port("http").unwrap_or(self.admin.address);
        let table = self.shared.pool.table();
        let served = table
            .models()
            .filter(|route| route.status == ModelStatus::Ready);
        let mut models: Vec<_> = served.map(|route| route.name.to_string()).collect();
        models.sort_unstable();
        try_line(&http.to_string(), &self.shared.settings.scenes, &models)
    }

    /// Resolves, with the reason, when the process can no longer be mended from inside.
    pub async fn wedged(&self) -> String {
        self.shared.pool.wedged().await
    }

    /// Stops at once, for a start that failed.
    pub(super) async fn stop_now(self) {
        self.data_server.handle.stop(false).await;
        self.admin_server.handle.stop(false).await;
    }
}
