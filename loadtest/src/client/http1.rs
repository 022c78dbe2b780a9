//! HTTP/1.1: one request at a time per connection.
//!
//! An open loop must never be held back by a lack of connections, so a request that finds none
//! idle has one opened, and takes whichever comes first: the new one, or one that another request
//! has done with. Idle connections are reused last in, first out, which keeps few of them warm.
//! The run's limit of requests in flight bounds the number of connections.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use tokio::sync::oneshot;

use super::{
    Answer, ClockCell, Endpoint, Progress, connect, exchange_kind, read_answer,
    stamped::{Stamped, WriteStamp},
};
use crate::record::ErrorKind;

/// A server may close an idle connection just as it is picked; so often another one is tried.
const STALE_RETRIES: usize = 3;
/// Connections being opened at the same time, besides an eighth of those there are. Opening costs
/// ten times an exchange: without a bound a hiccup of the generator would turn into a storm of
/// connections that prolongs it; with a growing one a slow server gets as many as it needs soon.
const OPENING: u64 = 4;

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    stamp: Rc<WriteStamp>,
}

struct Shared {
    endpoint: Endpoint,
    clock: ClockCell,
    idle: RefCell<Vec<Connection>>,
    waiting: RefCell<VecDeque<oneshot::Sender<Result<Connection, ErrorKind>>>>,
    opening: Cell<u64>,
    opened: Cell<u64>,
}

/// The connections of one thread.
pub(crate) struct Pool {
    shared: Rc<Shared>,
}

impl Pool {
    pub(super) fn new(endpoint: Endpoint, clock: ClockCell) -> Self {
        let shared = Shared {
            endpoint,
            clock,
            idle: RefCell::default(),
            waiting: RefCell::default(),
            opening: Cell::new(0),
            opened: Cell::new(0),
        };
        Self {
            shared: Rc::new(shared),
        }
    }

    pub(super) async fn open(&self, connections: usize) -> Result<(), ErrorKind> {
        for _ in 0..connections {
            let connection = self.shared.connect().await?;
            self.shared.idle.borrow_mut().push(connection);
        }
        Ok(())
    }

    pub(super) fn opened(&self) -> u64 {
        self.shared.opened.get()
    }

    pub(super) async fn exchange(
        &self,
        body: Bytes,
        progress: &Progress,
    ) -> Result<Answer, ErrorKind> {
        let shared = &self.shared;
        let mut fault = ErrorKind::Closed;
        for _ in 0..=STALE_RETRIES {
            progress.sent.set(Some(shared.clock.get().now()));
            let (mut connection, has_waited) = match shared.take_idle() {
                Some(connection) => (connection, false),
                None => {
                    progress.connecting.set(true);
                    let connection = self.wait(progress.is_late).await?;
                    progress.connecting.set(false);
                    (connection, true)
                }
            };
            // Its task may not have run since its last answer; an error means it is closing.
            if connection.sender.ready().await.is_err() {
                continue;
            }
            connection.stamp.arm();
            match connection
                .sender
                .send_request(shared.endpoint.request(body.clone()))
                .await
            {
                Ok(response) => {
                    // A request that had to wait for a connection was acted on when it began to
                    // wait: that all are busy, or accepted slowly, is the server's time.
                    if !has_waited && let Some(written) = connection.stamp.at() {
                        progress.sent.set(Some(written));
                    }
                    let answer = read_answer(response).await?;
                    shared.hand_on(connection);
                    return Ok(answer);
                }
                // Nothing was written: the connection had been closed while idle.
                Err(cause) if cause.is_canceled() => fault = exchange_kind(&cause),
                Err(cause) => return Err(exchange_kind(&cause)),
            }
        }
        Err(fault)
    }

    /// Waits for a connection, and has one opened unless enough are being opened.
    async fn wait(&self, is_late: bool) -> Result<Connection, ErrorKind> {
        let (give, get) = oneshot::channel();
        self.shared.waiting.borrow_mut().push_back(give);
        if self.shared.may_open(is_late) {
            let shared = Rc::clone(&self.shared);
            shared.opening.set(shared.opening.get() + 1);
            tokio::task::spawn_local(async move {
                shared.open_for_waiting().await;
                shared.opening.set(shared.opening.get() - 1);
            });
        }
        get.await.unwrap_or(Err(ErrorKind::Closed))
    }
}

impl Shared {
    /// A burst that the generator's own lateness has made is no burst of the schedule: it gets
    /// one new connection at a time, or the generator would not recover from a hiccup.
    fn may_open(&self, is_late: bool) -> bool {
        let limit = if is_late {
            1
        } else {
            OPENING + self.opened.get() / 8
        };
        self.opening.get() < limit
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        while let Some(connection) = idle.pop() {
            if !connection.sender.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// Opens connections while anyone waits that no other task is opening one for.
    async fn open_for_waiting(&self) {
        loop {
            match self.connect().await {
                Ok(connection) => {
                    self.opened.set(self.opened.get() + 1);
                    self.hand_on(connection);
                }
                Err(kind) => self.refuse_one(kind),
            }
            if (self.waiting.borrow().len() as u64) < self.opening.get() {
                return;
            }
        }
    }

    /// Gives a connection to whoever waits longest, or keeps it.
    fn hand_on(&self, connection: Connection) {
        let mut offer = Ok(connection);
        loop {
            let Some(waiting) = self.waiting.borrow_mut().pop_front() else {
                break;
            };
            // One that has given up hands the offer back.
            match waiting.send(offer) {
                Ok(()) => return,
                Err(back) => offer = back,
            }
        }
        if let Ok(connection) = offer {
            self.idle.borrow_mut().push(connection);
        }
    }

    fn refuse_one(&self, kind: ErrorKind) {
        loop {
            let Some(waiting) = self.waiting.borrow_mut().pop_front() else {
                return;
            };
            if waiting.send(Err(kind)).is_ok() {
                return;
            }
        }
    }

    async fn connect(&self) -> Result<Connection, ErrorKind> {
        let stream = connect(&self.endpoint).await?;
        let stamp = Rc::new(WriteStamp::default());
        let io = Stamped::new(stream, Rc::clone(&stamp), Rc::clone(&self.clock));
        let (sender, driver) = http1::handshake(io)
            .await
            .map_err(|fault| exchange_kind(&fault))?;
        // Its error reaches the request in hand; an idle connection's end is no error.
        tokio::task::spawn_local(async move { drop(driver.await) });
        Ok(Connection { sender, stamp })
    }
}
