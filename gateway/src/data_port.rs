//! The data port's server: actix-web's own, but for connections that never say anything.
//!
//! The HTTP library tells HTTP/1.1 from HTTP/2 by a connection's first bytes and starts its timers
//! after it has them, so a silent connection would be held for ever. Here the first byte has a
//! deadline of its own, in front of the library. Knows nothing of what is served.

use std::{any::Any, fmt, io, net::TcpListener, time::Duration};

use actix_http::{HttpService, Request, Response, error::DispatchError};
use actix_server::{Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::{
    Error,
    body::MessageBody,
    dev::{AppConfig, Extensions},
    rt::net::TcpStream,
};

/// How the port behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DataPort {
    /// Worker threads.
    pub(crate) workers: usize,
    /// Open connections of each.
    pub(crate) max_connections: usize,
    /// An idle connection is closed after this.
    pub(crate) keep_alive: Duration,
    /// The first byte must be there by then, and from it on the headers again.
    pub(crate) header_timeout: Duration,
    /// How long a stop waits for connections.
    pub(crate) grace: Duration,
}

/// What the port tells others.
#[derive(Clone)]
pub(crate) struct Hooks<C, Q> {
    /// A connection has said something.
    pub(crate) opened: C,
    /// A connection said nothing in its time and is closed.
    pub(crate) silent: Q,
}

impl DataPort {
    /// A server of HTTP/1.1 and, where the client begins with its preface, of HTTP/2 without TLS.
    pub(crate) fn serve<F, I, S, B, C, Q>(
        self,
        listener: TcpListener,
        factory: F,
        hooks: Hooks<C, Q>,
    ) -> io::Result<Server>
    where
        F: Fn() -> I + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig, Error = Error> + 'static,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>> + 'static,
        S::Service: 'static,
        <S::Service as Service<Request>>::Future: 'static,
        B: MessageBody + 'static,
        C: Fn(&dyn Any, &mut Extensions) + Send + Clone + 'static,
        Q: Fn() + Send + Clone + 'static,
    {
        let address = listener.local_addr()?;
        let builder = ServerBuilder::default()
            .workers(self.workers)
            .max_concurrent_connections(self.max_connections)
            .shutdown_timeout(self.grace.as_secs().max(1))
            .disable_signals();
        let stopping = builder.graceful_shutdown_signal();
        let builder = builder.listen("data", listener, move || {
            let (stopping, hooks) = (stopping.clone(), hooks.clone());
            let app = factory().into_factory();
            let app = app.map_err(|error: Error| error.error_response());
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .keep_alive(self.keep_alive)
                .client_request_timeout(self.header_timeout)
                .client_disconnect_timeout(DISCONNECT_WITHIN)
                // A small answer must not wait for a larger packet, least of all on HTTP/2.
                .tcp_nodelay(true)
                .local_addr(address)
                .on_connect_ext(move |io: &TcpStream, data: &mut Extensions| {
                    (hooks.opened)(io, data);
                })
                .finish(map_config(app, |()| AppConfig::default()))
                .tcp_auto_h2c();
            let limit = self.header_timeout;
            let silent = hooks.silent;
            fn_service(move |io: TcpStream| first_byte(io, limit, silent.clone())).and_then(http)
        })?;
        Ok(builder.run())
    }
}

/// Time a client gets to close its side once ours is done.
const DISCONNECT_WITHIN: Duration = Duration::from_secs(1);

/// Hands the connection on once there is something to read, or its end.
async fn first_byte(
    io: TcpStream,
    limit: Duration,
    silent: impl Fn(),
) -> Result<TcpStream, DispatchError> {
    match tokio::time::timeout(limit, io.readable()).await {
        Ok(Ok(())) => Ok(io),
        Ok(Err(error)) => Err(DispatchError::Io(error)),
        Err(_) => {
            silent();
            Err(DispatchError::Io(io::ErrorKind::TimedOut.into()))
        }
    }
}
