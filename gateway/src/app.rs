//! The two HTTP servers: data and admin.

use std::{
    io,
    net::TcpListener,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix::{Actor, Addr};
use actix_web::{App, HttpServer, dev::Server, web::Data};
use pool::{HostId, WorkerHost};
use tokio::sync::mpsc;

use crate::{
    admin,
    connections::{Ledger, keep_ledger, opened, track},
    data_port::{DataPort, Hooks},
    front::{Front, FrontActor, Shared},
    protocols::http,
    recommend::Recommender,
};

/// A worker thread that has started.
pub(crate) struct Worker {
    /// Its number.
    pub host: HostId,
    /// Starts actors on it.
    pub host_addr: Addr<WorkerHost>,
    /// Its front.
    pub front: Addr<FrontActor>,
    /// What its connections are doing.
    pub ledger: Arc<Ledger>,
}

/// How many worker threads the configuration asks for.
#[must_use]
pub(crate) fn worker_count(settings: &common::config::Settings) -> usize {
    match settings.http.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        given => given,
    }
}

/// The data port. Every worker thread announces itself through `started` when it comes up.
pub(crate) fn data_server(
    shared: Arc<Shared>,
    listener: TcpListener,
    started: mpsc::Sender<Worker>,
) -> io::Result<Server> {
    let settings = shared.settings.http.clone();
    let workers = worker_count(&shared.settings);
    let grace = shared.settings.drain.grace.0;
    let metrics = Arc::clone(&shared.metrics);
    let next = Arc::new(AtomicUsize::new(0));
    let factory = move || {
        // Relaxed: the number only has to be unique.
        let host = HostId(next.fetch_add(1, Ordering::Relaxed));
        let name = format!("worker-{}", host.0);
        shared.arenas.settle(name, shared.clock.now());
        let front = Rc::new(Front::new(Arc::clone(&shared), host));
        let ledger = keep_ledger();
        let worker = Worker {
            host,
            host_addr: WorkerHost.start(),
            front: FrontActor(Rc::clone(&front)).start(),
            ledger: Arc::clone(&ledger),
        };
        if started.try_send(worker).is_err() {
            tracing::error!(
                worker = host.0,
                "this worker came up after the start was over"
            );
        }
        let phase = Arc::clone(&shared.phase);
        App::new()
            .app_data(Data::new(Recommender::new(front)))
            .configure(http::configure)
            .wrap_fn(move |request, service| track(&ledger, &phase, request, service))
    };
    let port = DataPort {
        workers,
        max_connections: settings.max_connections,
        keep_alive: settings.keep_alive.0,
        header_timeout: settings.header_timeout.0,
        grace,
    };
    let hooks = Hooks {
        opened,
        silent: move || metrics.closed_silent(),
    };
    port.serve(listener, factory, hooks)
}

/// The admin port: one thread of its own, so that a busy data port cannot hide what is going on.
pub(crate) fn admin_server(state: Arc<admin::State>, listener: TcpListener) -> io::Result<Server> {
    let factory = move || {
        App::new()
            .app_data(Data::from(Arc::clone(&state)))
            .configure(admin::configure)
    };
    let server = HttpServer::new(factory)
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)?;
    Ok(server.run())
}
