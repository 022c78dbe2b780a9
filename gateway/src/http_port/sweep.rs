//! The look over a worker thread's connections that ends those that are overdue.
//!
//! One timer for all of them instead of one each: a request then costs no timer, and what is checked
//! does not depend on which of their phases the HTTP libraries know a timeout for.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    sync::Arc,
};

use tokio::time::{MissedTickBehavior, interval};

use super::{
    HttpPort, PortHooks,
    connection::{Connection, TICK, Tick},
    date::CachedDate,
};
use crate::{connections::Ledger, phase::Stage};

const TICKS_A_SECOND: Tick = 4;

/// A thread's connections. Bounded by how many the server accepts at once and by what comes between
/// two sweeps.
#[derive(Default)]
pub(super) struct ConnectionTable {
    now: Rc<Cell<Tick>>,
    date: Rc<CachedDate>,
    connections: RefCell<Vec<Weak<Connection>>>,
}

impl ConnectionTable {
    /// A connection that has just been accepted.
    pub(super) fn begin(&self, ledger: &Arc<Ledger>) -> Rc<Connection> {
        let connection = Connection::begin(ledger, &self.now);
        self.connections
            .borrow_mut()
            .push(Rc::downgrade(&connection));
        connection
    }

    /// The value of the Date header.
    pub(super) fn date(&self) -> Rc<CachedDate> {
        Rc::clone(&self.date)
    }

    /// Those that are still there.
    fn living(&self) -> Vec<Rc<Connection>> {
        let mut living = Vec::new();
        self.connections.borrow_mut().retain(|connection| {
            let connection = connection.upgrade();
            let lives = connection.is_some();
            living.extend(connection);
            lives
        });
        living
    }
}

/// Looks for as long as the thread serves the port.
pub(super) async fn sweep(table: Weak<ConnectionTable>, port: HttpPort, hooks: PortHooks) {
    let mut ticks = interval(TICK);
    // Time in which the thread stood still is not made up for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(table) = table.upgrade() else {
            return;
        };
        let now = table.now.get().wrapping_add(1);
        table.now.set(now);
        if now % TICKS_A_SECOND == 1 {
            table.date.refresh();
        }
        let living = table.living();
        let crowded = living.len() >= port.crowded_from;
        let draining = hooks.phase.stage() == Stage::Draining;
        for connection in living {
            let (activity, for_time, blocked) = connection.state();
            let overdue = port.timeouts.overdue(activity, for_time, blocked, crowded);
            match overdue {
                Some(why) => connection.end(why),
                // So that an HTTP/2 connection takes its leave.
                None if draining => connection.wake(),
                None => {}
            }
        }
    }
}
