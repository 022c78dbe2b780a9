//! An HTTP port: accepts, bounds what a connection may hold and for how long, and calls one service.
//!
//! HTTP/1.1 is spoken by actix-http, HTTP/2 (without TLS, where the client begins with its preface) by
//! [`http2`] over the `h2` crate, since actix-http exposes none of HTTP/2's limits. Both read and
//! write through [`io::GuardedIo`], and one [`sweep`] a worker thread ends the connections that are
//! overdue: [`timeouts`] says which those are. Knows nothing of what is served.

mod connection;
mod date;
mod http2;
mod io;
mod sweep;
mod timeouts;
mod track;
mod upgrade;

use std::{fmt, io::Result as IoResult, net::TcpListener, rc::Rc, sync::Arc, time::Duration};

use actix_http::{HttpServiceBuilder, Protocol, Request, Response};
use actix_server::ServerBuilder;
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_factory, fn_service,
    map_config,
};
use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{AppConfig, Extensions},
    rt::net::TcpStream,
};

use self::{
    connection::Connection,
    http2::Http2,
    io::GuardedIo,
    sweep::{ConnectionTable, sweep},
};
pub(crate) use self::{
    http2::Http2Limits,
    timeouts::{ConnectionTimeouts, Overdue},
    track::track,
};
use crate::{
    admission::{AnswerBudget, COUNTED_FROM_BYTES},
    connections::Ledger,
    phase::Phase,
};

/// How the port behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpPort {
    /// What a connection may take its time for.
    pub(crate) timeouts: ConnectionTimeouts,
    /// Bounds of HTTP/2.
    pub(crate) http2: Http2Limits,
    /// Connections of one worker thread from which on idle ones are closed early.
    pub(crate) crowded_from: usize,
}

/// What the port reads and tells, on one worker thread.
#[derive(Clone)]
pub(crate) struct PortHooks {
    /// Counts the thread's connections.
    pub(crate) ledger: Arc<Ledger>,
    /// Whether the process drains.
    pub(crate) phase: Arc<Phase>,
    /// What answers that are being written may take.
    pub(crate) answers: Arc<AnswerBudget>,
    /// A connection was ended, and why.
    pub(crate) ended: Rc<dyn Fn(Overdue)>,
}

/// Time a client gets to close its side once ours is done.
const DISCONNECT_WITHIN: Duration = Duration::from_secs(1);
/// What every HTTP/2 client sends first; enough of it to tell it from any HTTP/1 request.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2";

impl HttpPort {
    /// Adds the port's service. `factory` is called once on every worker thread.
    pub(crate) fn add_to<F, I, S>(
        self,
        builder: ServerBuilder,
        name: &'static str,
        listener: TcpListener,
        factory: F,
    ) -> IoResult<ServerBuilder>
    where
        F: Fn() -> (I, PortHooks) + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig, Error = Error> + 'static,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<BoxBody>> + 'static,
        S::Service: 'static,
        <S::Service as Service<Request>>::Future: 'static,
    {
        let address = listener.local_addr()?;
        let stopping = builder.graceful_shutdown_signal();
        builder.listen(name, listener, move || {
            let (app, hooks) = factory();
            let app = app
                .into_factory()
                .map_err(|error: Error| Response::from(error.error_response()));
            let app = Rc::new(map_config(app, |()| AppConfig::default()));
            let stopping = stopping.clone();
            fn_factory(move || {
                let (app, hooks, stopping) = (Rc::clone(&app), hooks.clone(), stopping.clone());
                async move {
                    let service = app.new_service(()).await.map_err(|error| {
                        tracing::error!(
                            port = name,
                            ?error,
                            "the port's service could not be made"
                        );
                    })?;
                    let service = Rc::new(service);
                    let for_http1 = Rc::clone(&service);
                    let stop = stopping.clone();
                    let http1 = HttpServiceBuilder::<GuardedIo, _>::default()
                        .graceful_shutdown_signal(move || {
                            let stop = stop.clone();
                            async move { stop.notified().await }
                        })
                        .keep_alive(self.timeouts.keep_alive)
                        .client_request_timeout(self.timeouts.header)
                        .client_disconnect_timeout(DISCONNECT_WITHIN)
                        .local_addr(address)
                        .on_connect_ext(|io: &GuardedIo, data: &mut Extensions| {
                            data.insert(io.connection());
                        })
                        .finish::<_, BoxBody>(fn_factory(move || {
                            std::future::ready(Ok::<_, ()>(Rc::clone(&for_http1)))
                        }));
                    let http1 = Rc::new(http1.new_service(()).await?);
                    let table = Rc::<ConnectionTable>::default();
                    actix_rt::spawn(sweep(Rc::downgrade(&table), self, hooks.clone()));
                    let accept = move |stream: TcpStream| {
                        let (http1, service) = (Rc::clone(&http1), Rc::clone(&service));
                        let (hooks, stopping) = (hooks.clone(), stopping.clone());
                        let (connection, date) = (table.begin(&hooks.ledger), table.date());
                        async move {
                            let io = self.first_bytes(stream, &connection, &hooks).await;
                            match io {
                                None => {}
                                Some((io, Protocol::Http2)) => {
                                    let server = Http2 {
                                        limits: self.http2,
                                        hooks: hooks.clone(),
                                        date,
                                    };
                                    let stop = async move { stopping.notified().await };
                                    server.serve(io, service, stop).await;
                                }
                                Some((io, protocol)) => {
                                    let peer = io.peer();
                                    if let Err(error) = http1.call((io, protocol, peer)).await {
                                        tracing::debug!(port = name, %error, "a connection ended");
                                    }
                                }
                            }
                            if let Some(why) = connection.overdue() {
                                (hooks.ended)(why);
                            }
                            Ok::<_, ()>(())
                        }
                    };
                    Ok::<_, ()>(fn_service::<_, _, _, _, _, ()>(accept))
                }
            })
        })
    }

    /// The connection once there is something to read, or its end; none where nothing came in time.
    async fn first_bytes(
        &self,
        stream: TcpStream,
        connection: &Rc<Connection>,
        hooks: &PortHooks,
    ) -> Option<(GuardedIo, Protocol)> {
        let readable = tokio::time::timeout(self.timeouts.header, stream.readable()).await;
        let Ok(readable) = readable else {
            (hooks.ended)(Overdue::Silent);
            return None;
        };
        let mut start = [0; HTTP2_PREFACE.len()];
        let peeked = match readable {
            Ok(()) => stream.peek(&mut start).await,
            Err(error) => Err(error),
        };
        // One that fails is gone already; and so is one that was reset after it asked, whose request
        // would cost the others their turn.
        peeked.ok()?;
        if !matches!(stream.take_error(), Ok(None)) {
            return None;
        }
        let protocol = match start == *HTTP2_PREFACE {
            true => Protocol::Http2,
            false => Protocol::Http1,
        };
        // A small answer must not wait for a larger packet, least of all on HTTP/2. A socket that
        // does not take the option serves all the same.
        let _ = stream.set_nodelay(true);
        let http1 = protocol == Protocol::Http1;
        Some((
            GuardedIo::new(stream, Rc::clone(connection), http1),
            protocol,
        ))
    }
}

/// Whether this body is worth an entry in the budget of answers.
fn large(body: &impl MessageBody) -> Option<u64> {
    use actix_web::body::BodySize;
    match body.size() {
        BodySize::Sized(bytes) if bytes >= COUNTED_FROM_BYTES => Some(bytes),
        _ => None,
    }
}
