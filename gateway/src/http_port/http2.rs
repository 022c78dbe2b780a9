//! HTTP/2 on one connection.
//!
//! What bounds it: streams open at once, decoded header bytes of a request ([`heads`] counts them in
//! the budget of answers), what may arrive that belongs to no request, requests that the client
//! resets, and the timeouts of every connection. A drain sends GOAWAY, finishes the streams that are
//! open and closes; an idle connection is closed at once.

mod body;
mod heads;
mod stream;

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
};

use actix_http::{Request, Response};
use actix_service::Service;
use actix_web::body::BoxBody;
use bytes::Bytes;
use h2::{Reason, server};

use self::stream::Stream;
use super::{
    Overdue, PortHooks,
    connection::{Connection, WINDOW_BYTES},
    date::CachedDate,
    io::GuardedIo,
};
use crate::phase::Stage;

/// Bounds of HTTP/2.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Http2Limits {
    /// Streams open at once on a connection.
    pub(crate) streams: u32,
    /// Decoded bytes of a request's head, each field counting 32 more than its text.
    pub(crate) head_bytes: u32,
    /// How long an answer waits for the client to open its window.
    pub(crate) write: std::time::Duration,
}

/// What a request accounts for beside its body: its head, and frames about its answer.
const REQUEST_BYTES: u64 = 64 << 10;
/// Requests reset by the client, beyond those it let finish, that end a connection.
const MAX_RESETS: u32 = 1000;
/// Of an answer, at most this much waits in a stream's buffer.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// What serves a connection.
pub(super) struct Http2 {
    pub(super) limits: Http2Limits,
    pub(super) hooks: PortHooks,
    pub(super) date: Rc<CachedDate>,
}

impl Http2 {
    /// Serves the connection to its end. `stop` resolves when the server stops.
    pub(super) async fn serve<S>(
        self,
        io: GuardedIo,
        service: Rc<S>,
        stop: impl Future<Output = ()>,
    ) where
        S: Service<Request, Error = Response<BoxBody>> + 'static,
        S::Response: Into<Response<BoxBody>> + 'static,
        S::Future: 'static,
    {
        let Self {
            limits,
            hooks,
            date,
        } = self;
        let (shared, peer) = (io.connection(), io.peer());
        let mut builder = server::Builder::new();
        builder
            .initial_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(limits.head_bytes)
            .max_send_buffer_size(SEND_BUFFER_BYTES);
        let served = async {
            // The sweep ends a connection whose handshake or first request does not come.
            let mut connection = builder.handshake(io).await?;
            let mut leave = Leave::new(Rc::clone(&shared), hooks.clone());
            let mut stop = pin!(stop);
            let resets = Rc::new(Cell::new(0));
            loop {
                let next = poll_fn(|cx| {
                    leave.poll(&mut connection, stop.as_mut(), resets.get(), cx);
                    connection.poll_accept(cx)
                });
                let Some(accepted) = next.await else {
                    return Ok(());
                };
                let (request, respond) = accepted?;
                shared.accounted(REQUEST_BYTES);
                leave.asked = true;
                let stream = Stream {
                    in_flight: shared.request(),
                    connection: Rc::clone(&shared),
                    peer,
                    resets: Rc::clone(&resets),
                    answers: std::sync::Arc::clone(&hooks.answers),
                    write: limits.write,
                    date: Rc::clone(&date),
                };
                actix_rt::spawn(stream.answer(request, respond, Rc::clone(&service)));
            }
        };
        let served: Result<(), h2::Error> = served.await;
        if let Err(error) = served {
            tracing::debug!(%error, "an HTTP/2 connection ended");
        }
    }
}

/// When a connection says that it takes no more requests.
struct Leave {
    connection: Rc<Connection>,
    hooks: PortHooks,
    /// Whether there has been a request: a drain owes a connection the answer to its first.
    asked: bool,
    said: bool,
    stopped: bool,
    had_enough: bool,
}

impl Leave {
    fn new(connection: Rc<Connection>, hooks: PortHooks) -> Self {
        Self {
            connection,
            hooks,
            asked: false,
            said: false,
            stopped: false,
            had_enough: false,
        }
    }

    fn poll(
        &mut self,
        http2: &mut server::Connection<GuardedIo, Bytes>,
        stop: Pin<&mut impl Future<Output = ()>>,
        resets: u32,
        cx: &mut std::task::Context<'_>,
    ) {
        if resets > MAX_RESETS && !self.had_enough {
            self.had_enough = true;
            http2.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            (self.hooks.ended)(Overdue::Flood);
        }
        let idle = self.connection.in_flight() == 0;
        if !self.said && self.asked && self.hooks.phase.stage() == Stage::Draining {
            self.said = true;
            http2.graceful_shutdown();
        }
        if !self.stopped && matches!(stop.poll(cx), Poll::Ready(())) {
            self.stopped = true;
            // Nothing is open, and a client that does not answer is not waited for.
            match idle {
                true => http2.abrupt_shutdown(Reason::NO_ERROR),
                false => http2.graceful_shutdown(),
            }
        }
        self.connection.wait(cx.waker());
    }
}
