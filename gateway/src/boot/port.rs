//! One listening port: its address, the handle to close its listener with, its connections.
//!
//! A drain runs [`Port::reject_new`], [`Port::empty_backlog`] and [`Port::close`] on every data port,
//! with one pause of the accepting thread before the last, and then waits for what its ledgers owe.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_rt::task::JoinHandle;
use actix_web::dev::ServerHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    Exit, established,
    listeners::{DrainingListener, listen},
};
use crate::{app::PortSocket, connections::Ledgers};

/// How often conditions are checked that nothing notifies of.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A caller that was answered confirms its connection within this, wherever on earth it is.
const CONFIRMED_WITHIN: Duration = Duration::from_millis(500);

/// A port that listens.
pub(super) struct Port {
    /// What it is called in the `listening` line and in logs.
    pub(super) name: &'static str,
    /// Where it listens.
    pub(super) address: SocketAddr,
    listener: DrainingListener,
    /// What its connections are doing, by worker thread.
    pub(super) ledgers: Arc<Ledgers>,
}

/// A server that accepts from one or several ports.
pub(super) struct Running {
    pub(super) handle: ServerHandle,
    /// Ends with the server. Kept so that it is not detached by accident.
    pub(super) _task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Runs `server` on this thread's event loop.
    pub(super) fn spawn(server: actix_web::dev::Server) -> Self {
        Self {
            handle: server.handle(),
            _task: actix_rt::spawn(server),
        }
    }
}

impl Port {
    /// Takes the port; `key` is what to change if it cannot be had. The second value is what its
    /// server accepts from.
    pub(super) fn take(
        name: &'static str,
        address: SocketAddr,
        backlog: u32,
        key: &str,
    ) -> Result<(Self, PortSocket), Exit> {
        let listener = listen(address, backlog, key)?;
        Self::of(name, listener).map_err(Exit::unavailable)
    }

    fn of(name: &'static str, listener: TcpListener) -> std::io::Result<(Self, PortSocket)> {
        let ledgers = Arc::<Ledgers>::default();
        let port = Self {
            name,
            address: listener.local_addr()?,
            listener: DrainingListener::of(&listener)?,
            ledgers: Arc::clone(&ledgers),
        };
        Ok((port, PortSocket { listener, ledgers }))
    }

    /// Lets nobody else connect; who is in the backlog stays there.
    pub(super) fn reject_new(&self) {
        if let Err(error) = self.listener.reject_new_connections() {
            tracing::info!(port = self.name, %error, "new connections are not filtered during the drain; one that arrives within its last milliseconds may be reset");
        }
    }

    /// Waits until every connection that the kernel has completed was accepted.
    pub(super) async fn empty_backlog(&self, end: Instant) {
        let port = self.address.port();
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
            tracing::warn!(
                port = self.name,
                "the listener's backlog could not be emptied in time"
            );
        }
    }

    /// Closes the listener.
    pub(super) fn close(&self) {
        self.listener.close();
    }
}
