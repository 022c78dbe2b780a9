//! The two HTTP servers: the worker threads, which serve every data port, and admin.
//!
//! A data port is a listener, a ledger of its connections and a service for accepted streams. All of
//! them are services of one [`ServerBuilder`], so that each runs single-threaded on every worker
//! thread, beside that thread's inference actors. [`http_port`] is the pattern for a further one.

use std::{io, net::TcpListener, rc::Rc, sync::Arc, time::Duration};

use actix_server::{Server, ServerBuilder};
use actix_web::{App, web::Data};
use pool::HostId;
use tokio::sync::mpsc;

use crate::{
    admin,
    connections::{Ledger, Ledgers},
    front::Shared,
    http_port::{ConnectionTimeouts, Http2Limits, HttpPort, PortHooks, track},
    protocols::http,
    worker::{Worker, WorkerThreads},
};

/// What a data port's service is made from.
pub(crate) struct PortSocket {
    /// Accepts its connections.
    pub(crate) listener: TcpListener,
    /// Where its service counts them, one ledger a worker thread: `ledgers.of_thread(host)`.
    pub(crate) ledgers: Arc<Ledgers>,
}

/// The data ports that are to be served.
pub(crate) struct DataPorts {
    /// REST and the Open Inference Protocol, over HTTP/1.1 and HTTP/2.
    pub(crate) http: PortSocket,
}

/// How many worker threads the configuration asks for.
#[must_use]
pub(crate) fn worker_count(settings: &common::config::Settings) -> usize {
    match settings.http.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        given => given,
    }
}

/// The worker threads with the services of all data ports. Every worker thread announces itself
/// through `started` when it comes up.
pub(crate) fn data_server(
    shared: Arc<Shared>,
    ports: DataPorts,
    started: mpsc::Sender<Worker>,
) -> io::Result<Server> {
    let settings = &shared.settings;
    let builder = ServerBuilder::default()
        .workers(worker_count(settings))
        .max_concurrent_connections(settings.http.max_connections)
        .shutdown_timeout(settings.drain.grace.0.as_secs().max(1))
        .disable_signals();
    let threads = WorkerThreads::new(Arc::clone(&shared), started);
    let builder = http_port(builder, ports.http, threads)?;
    Ok(builder.run())
}

/// Adds the HTTP port's service to the worker threads.
fn http_port(
    builder: ServerBuilder,
    socket: PortSocket,
    threads: WorkerThreads,
) -> io::Result<ServerBuilder> {
    let settings = &threads.shared().settings.http;
    let port = port_of(settings, settings.max_connections);
    let PortSocket { listener, ledgers } = socket;
    let factory = move || {
        let thread = threads.of_this_thread();
        let hooks = hooks(threads.shared(), ledgers.of_thread(thread.host));
        let around = hooks.clone();
        let app = App::new()
            .app_data(thread.recommender.clone())
            .configure(http::configure)
            .wrap_fn(move |request, service| track(&around, request, service));
        (app, hooks)
    };
    port.add_to(builder, "http", listener, factory)
}

/// The bounds of an HTTP port whose worker threads hold so many connections each.
fn port_of(http: &common::config::Http, max_connections: usize) -> HttpPort {
    HttpPort {
        timeouts: ConnectionTimeouts {
            header: http.header_timeout.0,
            keep_alive: http.keep_alive.0,
            write: http.write_timeout.0,
        },
        http2: Http2Limits {
            streams: http.http2_streams,
            head_bytes: u32::try_from(http.http2_head.0).unwrap_or(u32::MAX),
            write: http.write_timeout.0,
        },
        crowded_from: max_connections - max_connections / 4,
    }
}

fn hooks(shared: &Arc<Shared>, ledger: Arc<Ledger>) -> PortHooks {
    let metrics = Arc::clone(&shared.metrics);
    PortHooks {
        ledger,
        phase: Arc::clone(&shared.phase),
        answers: Arc::clone(&shared.answers),
        ended: Rc::new(move |why| metrics.connections.ended(why)),
    }
}

/// Connections that the admin port holds at once.
const ADMIN_CONNECTIONS: usize = 256;
/// A stop of the admin port waits for its connections no longer than this.
const ADMIN_SHUTDOWN: Duration = Duration::from_secs(1);

/// The admin port: one thread of its own, so that a busy data port cannot hide what is going on.
pub(crate) fn admin_server(state: Arc<admin::State>, socket: PortSocket) -> io::Result<Server> {
    let shared = Arc::clone(&state.shared);
    let port = port_of(&shared.settings.http, ADMIN_CONNECTIONS);
    let PortSocket { listener, ledgers } = socket;
    let factory = move || {
        let hooks = hooks(&shared, ledgers.of_thread(HostId(0)));
        let around = hooks.clone();
        let app = App::new()
            .app_data(Data::from(Arc::clone(&state)))
            .configure(admin::configure)
            .wrap_fn(move |request, service| track(&around, request, service));
        (app, hooks)
    };
    let builder = ServerBuilder::default()
        .workers(1)
        .max_concurrent_connections(ADMIN_CONNECTIONS)
        .shutdown_timeout(ADMIN_SHUTDOWN.as_secs())
        .disable_signals();
    let builder = port.add_to(builder, "admin", listener, factory)?;
    Ok(builder.run())
}
