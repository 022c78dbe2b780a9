//! HTTP/2 with prior knowledge: many requests at a time on a fixed number of connections.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    rc::Rc,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    client::conn::http2::{self, SendRequest},
    rt::Executor,
};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::{Answer, ClockCell, Endpoint, Progress, connect, exchange_kind, read_answer};
use crate::record::ErrorKind;

/// Runs hyper's own tasks on the thread that asked for them.
#[derive(Clone, Copy, Debug)]
struct LocalExecutor;

impl<F> Executor<F> for LocalExecutor
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move { drop(future.await) });
    }
}

#[derive(Default)]
struct Slot {
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// The connections of one thread, dealt requests in turn.
pub(crate) struct Pool {
    endpoint: Endpoint,
    clock: ClockCell,
    slots: Vec<Rc<RefCell<Slot>>>,
    next: Cell<usize>,
    opened: Cell<u64>,
}

impl Pool {
    pub(super) fn new(endpoint: Endpoint, connections: usize, clock: ClockCell) -> Self {
        let slots = (0..connections.max(1)).map(|_| Rc::default()).collect();
        Self {
            endpoint,
            clock,
            slots,
            next: Cell::new(0),
            opened: Cell::new(0),
        }
    }

    pub(super) async fn open(&self) -> Result<(), ErrorKind> {
        for slot in &self.slots {
            let sender = self.connect().await?;
            slot.borrow_mut().sender = Some(sender);
        }
        Ok(())
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened.get()
    }

    pub(super) async fn exchange(
        &self,
        body: Bytes,
        progress: &Progress,
    ) -> Result<Answer, ErrorKind> {
        let slot = self.next_slot();
        progress.sent.set(Some(self.clock.get().now()));
        let ready = slot
            .borrow()
            .sender
            .clone()
            .filter(|sender| !sender.is_closed());
        let mut sender = match ready {
            Some(sender) => sender,
            None => {
                progress.connecting.set(true);
                let sender = self.connect().await?;
                progress.connecting.set(false);
                self.opened.set(self.opened.get() + 1);
                slot.borrow_mut().sender = Some(sender.clone());
                sender
            }
        };
        let response = sender.send_request(self.endpoint.request(body)).await;
        read_answer(response.map_err(|fault| exchange_kind(&fault))?).await
    }

    fn next_slot(&self) -> Rc<RefCell<Slot>> {
        self.next.set((self.next.get() + 1) % self.slots.len());
        Rc::clone(&self.slots[self.next.get()])
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, ErrorKind> {
        let stream = connect(&self.endpoint).await?;
        let (sender, driver) = http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .adaptive_window(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|fault| exchange_kind(&fault))?;
        tokio::task::spawn_local(async move { drop(driver.await) });
        Ok(sender)
    }
}
