//! What a worker thread's connections are doing, so that a drain knows when it may cut them.
//!
//! actix tells of a connection only when it begins; a guard in the connection's own data counts its
//! end, and a wrapper around every request counts those in flight. While the process drains, the
//! wrapper also tells each connection to close after its answer.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{Extensions, Service, ServiceRequest, ServiceResponse},
    http::ConnectionType,
};

use crate::phase::{Phase, Stage};

/// One worker thread's counts. Relaxed throughout: a drain looks again and again until they hold
/// still, and no other memory hangs on them.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    open: AtomicUsize,
    fresh: AtomicUsize,
    in_flight: AtomicUsize,
}

impl Ledger {
    /// Connections that have said something and are open.
    #[must_use]
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether some request is unanswered, or some connection has not had its first answer.
    #[must_use]
    pub(crate) fn owes_answers(&self) -> bool {
        self.fresh.load(Ordering::Relaxed) > 0 || self.in_flight.load(Ordering::Relaxed) > 0
    }
}

thread_local! {
    /// The ledger of this worker thread: actix's connection hook is one for all of them.
    static OF_THIS_THREAD: RefCell<Option<Arc<Ledger>>> = const { RefCell::new(None) };
}

/// Gives this worker thread its ledger.
#[must_use]
pub(crate) fn keep_ledger() -> Arc<Ledger> {
    let ledger = Arc::new(Ledger::default());
    OF_THIS_THREAD.with(|here| *here.borrow_mut() = Some(Arc::clone(&ledger)));
    ledger
}

/// A connection, from its acceptance until it is gone.
struct Connection {
    ledger: Arc<Ledger>,
    fresh: Cell<bool>,
}

impl Connection {
    fn answered(&self) {
        if self.fresh.replace(false) {
            self.ledger.fresh.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.answered();
        self.ledger.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The hook for new connections.
pub(crate) fn opened(_: &dyn Any, data: &mut Extensions) {
    let Some(ledger) = OF_THIS_THREAD.with(|here| here.borrow().clone()) else {
        return;
    };
    ledger.open.fetch_add(1, Ordering::Relaxed);
    ledger.fresh.fetch_add(1, Ordering::Relaxed);
    let fresh = Cell::new(true);
    data.insert(Connection { ledger, fresh });
}

struct InFlight(Arc<Ledger>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Wraps one request.
pub(crate) fn track<S, B>(
    ledger: &Arc<Ledger>,
    phase: &Arc<Phase>,
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse<B>, Error>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    ledger.in_flight.fetch_add(1, Ordering::Relaxed);
    let in_flight = InFlight(Arc::clone(ledger));
    let phase = Arc::clone(phase);
    let answer = service.call(request);
    async move {
        let mut response = answer.await?;
        if phase.stage() == Stage::Draining {
            let head = response.response_mut().head_mut();
            head.set_connection_type(ConnectionType::Close);
        }
        if let Some(connection) = response.request().conn_data::<Connection>() {
            connection.answered();
        }
        drop(in_flight);
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_owes_its_first_answer_until_it_has_it_or_is_gone() {
        let ledger = keep_ledger();
        let mut data = Extensions::new();
        opened(&(), &mut data);
        assert!(ledger.owes_answers());
        data.get::<Connection>().unwrap().answered();
        assert!(!ledger.owes_answers());
        let mut never_asked = Extensions::new();
        opened(&(), &mut never_asked);
        assert!(ledger.owes_answers());
        assert_eq!(ledger.open(), 2);
        drop((data, never_asked));
        assert!(!ledger.owes_answers() && ledger.open() == 0);
    }
}
