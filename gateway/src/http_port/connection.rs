//! One connection, as its reader, its requests and the sweep share it. All on one thread.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    task::Waker,
    time::Duration,
};

use super::timeouts::{Activity, Blocked, Overdue};
use crate::{admission::Lease, connections::Ledger};

/// Sweeps since the thread came up. Time is counted in them: it stands still while the thread does,
/// so that a process that was paused does not end every connection when it goes on.
pub(super) type Tick = u32;

/// How often the sweep looks.
pub(super) const TICK: Duration = Duration::from_millis(250);

/// What an HTTP/2 client may send of a body before it is read: of a stream and of all of a connection.
pub(super) const WINDOW_BYTES: u32 = 1 << 20;
/// What may arrive on HTTP/2 that belongs to no request: PING, SETTINGS, PRIORITY, empty frames. A whole
/// window may lie unread beside it.
pub(super) const UNACCOUNTED_BYTES: u64 = WINDOW_BYTES as u64 + (1 << 20);

/// A connection, from its acceptance until it is gone.
pub(super) struct Connection {
    ledger: Arc<Ledger>,
    now: Rc<Cell<Tick>>,
    fresh: Cell<bool>,
    activity: Cell<Activity>,
    since: Cell<Tick>,
    in_flight: Cell<u32>,
    /// Whether some of the next request's head has been read.
    begun: Cell<bool>,
    /// Since when a write waits for the client.
    blocked: Cell<Option<Tick>>,
    taken_bytes: Cell<u64>,
    /// Bytes read that belong to no request and no body.
    idle_bytes: Cell<u64>,
    overdue: Cell<Option<Overdue>>,
    waker: RefCell<Option<Waker>>,
    /// What answers that are not yet written hold of their budget.
    answers: RefCell<Vec<Lease>>,
}

impl Connection {
    /// A connection that has just been accepted.
    pub(super) fn begin(ledger: &Arc<Ledger>, now: &Rc<Cell<Tick>>) -> Rc<Self> {
        ledger.open.fetch_add(1, Ordering::Relaxed);
        ledger.fresh.fetch_add(1, Ordering::Relaxed);
        Rc::new(Self {
            ledger: Arc::clone(ledger),
            now: Rc::clone(now),
            fresh: Cell::new(true),
            activity: Cell::new(Activity::Head),
            since: Cell::new(now.get()),
            in_flight: Cell::new(0),
            begun: Cell::new(false),
            blocked: Cell::new(None),
            taken_bytes: Cell::new(0),
            idle_bytes: Cell::new(0),
            overdue: Cell::new(None),
            waker: RefCell::new(None),
            answers: RefCell::default(),
        })
    }

    fn become_(&self, activity: Activity) {
        self.activity.set(activity);
        self.since.set(self.now.get());
    }

    /// Bytes have arrived. Whether they begin a head.
    pub(super) fn read_some(&self) -> bool {
        if self.in_flight.get() > 0 || self.begun.replace(true) {
            return false;
        }
        if self.activity.get() == Activity::Idle {
            self.become_(Activity::Head);
        }
        true
    }

    /// Bytes have arrived on HTTP/2 that nothing is known of yet. More than `most` that turn out to
    /// be no part of a request end the connection.
    pub(super) fn unaccounted(&self, bytes: usize, most: u64) {
        let sum = self.idle_bytes.get().saturating_add(bytes as u64);
        self.idle_bytes.set(sum);
        if sum > most {
            self.overdue.set(Some(Overdue::Flood));
        }
    }

    /// So many of the bytes that arrived were a request's, or what it takes to answer one.
    pub(super) fn accounted(&self, bytes: u64) {
        self.idle_bytes
            .set(self.idle_bytes.get().saturating_sub(bytes));
    }

    /// A request has been read as far as its head; it is in flight until the guard is dropped.
    pub(super) fn request(self: &Rc<Self>) -> InFlight {
        self.in_flight.set(self.in_flight.get() + 1);
        self.ledger.in_flight.fetch_add(1, Ordering::Relaxed);
        self.become_(Activity::Busy);
        InFlight(Rc::clone(self))
    }

    /// An answer has been given: the connection has had its first.
    pub(super) fn answered(&self) {
        if self.fresh.replace(false) {
            self.ledger.fresh.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Keeps an answer's part of the budget until all that was written has been taken.
    pub(super) fn hold_until_written(&self, lease: Lease) {
        self.answers.borrow_mut().push(lease);
    }

    /// Some of an answer was taken by the client's side.
    pub(super) fn wrote(&self, bytes: usize) {
        if self.blocked.get().is_some() {
            self.taken_bytes
                .set(self.taken_bytes.get().saturating_add(bytes as u64));
        }
    }

    /// A write waits for the client.
    pub(super) fn write_waits(&self) {
        if self.blocked.get().is_none() {
            self.blocked.set(Some(self.now.get()));
            self.taken_bytes.set(0);
        }
    }

    /// All that was to be written has been taken.
    pub(super) fn all_written(&self) {
        if self.blocked.take().is_some() && self.in_flight.get() == 0 {
            self.since.set(self.now.get());
        }
        if self.in_flight.get() == 0 && !self.answers.borrow().is_empty() {
            self.answers.borrow_mut().clear();
        }
    }

    /// Keeps the waker of whoever reads or writes next.
    pub(super) fn wait(&self, waker: &Waker) {
        let mut kept = self.waker.borrow_mut();
        if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            *kept = Some(waker.clone());
        }
    }

    /// Lets its task look at it again.
    pub(super) fn wake(&self) {
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends it: its next read or write fails.
    pub(super) fn end(&self, why: Overdue) {
        self.overdue.set(Some(why));
        self.wake();
    }

    /// Why it is to end, if it is.
    pub(super) fn overdue(&self) -> Option<Overdue> {
        self.overdue.get()
    }

    /// Requests in flight.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// What it is doing, for how long, and what a write waits for.
    pub(super) fn state(&self) -> (Activity, Duration, Option<Blocked>) {
        let since = |tick: Tick| TICK * self.now.get().wrapping_sub(tick);
        let blocked = self.blocked.get().map(|tick| Blocked {
            for_time: since(tick),
            taken_bytes: self.taken_bytes.get(),
        });
        (self.activity.get(), since(self.since.get()), blocked)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.answered();
        self.ledger.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request in flight on a connection.
pub(super) struct InFlight(Rc<Connection>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let connection = &self.0;
        connection.ledger.in_flight.fetch_sub(1, Ordering::Relaxed);
        let left = connection.in_flight.get() - 1;
        connection.in_flight.set(left);
        if left == 0 {
            connection.begun.set(false);
            connection.become_(Activity::Idle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_owes_its_first_answer_until_it_has_it_or_is_gone() {
        let ledger = Arc::<Ledger>::default();
        let now = Rc::<Cell<Tick>>::default();
        let asked = Connection::begin(&ledger, &now);
        let silent = Connection::begin(&ledger, &now);
        assert!(ledger.owes_answers());
        asked.answered();
        assert!(ledger.owes_answers());
        drop(silent);
        assert!(!ledger.owes_answers());
        drop(asked.request());
        assert!(!ledger.owes_answers());
        drop(asked);
        assert_eq!(ledger.open(), 0);
    }

    #[test]
    fn the_bytes_after_an_answer_begin_a_head_whose_time_counts() {
        let ledger = Arc::<Ledger>::default();
        let now = Rc::<Cell<Tick>>::default();
        let connection = Connection::begin(&ledger, &now);
        assert!(connection.read_some());
        let request = connection.request();
        connection.answered();
        assert!(!connection.read_some());
        drop(request);
        now.set(40);
        assert_eq!(connection.state().0, Activity::Idle);
        assert_eq!(connection.state().1, TICK * 40);
        assert!(connection.read_some());
        assert_eq!(connection.state().0, Activity::Head);
        assert_eq!(connection.state().1, Duration::ZERO);
        assert!(!connection.read_some());
    }

    #[test]
    fn a_write_that_waits_counts_until_everything_is_taken() {
        let ledger = Arc::<Ledger>::default();
        let now = Rc::<Cell<Tick>>::default();
        let connection = Connection::begin(&ledger, &now);
        connection.wrote(100);
        connection.write_waits();
        now.set(4);
        connection.wrote(7);
        connection.write_waits();
        let blocked = connection.state().2.unwrap();
        assert_eq!((blocked.for_time, blocked.taken_bytes), (TICK * 4, 7));
        connection.all_written();
        assert!(connection.state().2.is_none());
    }
}
