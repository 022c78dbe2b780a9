//! What a port's connections are doing, by worker thread, so that a drain knows when it may cut them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use pool::HostId;

/// One worker thread's counts. Relaxed throughout: a drain looks again and again until they hold
/// still, and no other memory hangs on them.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Connections that are open.
    pub(crate) open: AtomicUsize,
    /// Connections that have not had their first answer.
    pub(crate) fresh: AtomicUsize,
    /// Requests without an answer.
    pub(crate) in_flight: AtomicUsize,
}

impl Ledger {
    /// Connections that are open.
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

/// The ledgers of one port: one for each worker thread, so that counting costs no shared memory.
#[derive(Debug, Default)]
pub(crate) struct Ledgers {
    /// Locked when a thread comes up, by a drain and by metrics, never by a request.
    by_thread: Mutex<BTreeMap<HostId, Arc<Ledger>>>,
}

impl Ledgers {
    /// A new ledger for the service on this thread; it takes the place of an earlier service's.
    #[must_use]
    pub(crate) fn of_thread(&self, host: HostId) -> Arc<Ledger> {
        let ledger = Arc::new(Ledger::default());
        self.locked().insert(host, Arc::clone(&ledger));
        ledger
    }

    /// Connections that are open.
    #[must_use]
    pub(crate) fn open(&self) -> usize {
        self.locked().values().map(|ledger| ledger.open()).sum()
    }

    /// Whether an answer is owed on one of the threads that count.
    #[must_use]
    pub(crate) fn owe_answers(&self, counts: impl Fn(HostId) -> bool) -> bool {
        let ledgers = self.locked();
        ledgers
            .iter()
            .any(|(host, ledger)| counts(*host) && ledger.owes_answers())
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<HostId, Arc<Ledger>>> {
        // A panic while it was held cannot have left the map half changed.
        self.by_thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_threads_that_count_are_asked() {
        let ledgers = Ledgers::default();
        let (here, there) = (HostId(0), HostId(1));
        let ledger = ledgers.of_thread(here);
        let _ = ledgers.of_thread(there);
        ledger.fresh.fetch_add(1, Ordering::Relaxed);
        ledger.open.fetch_add(1, Ordering::Relaxed);
        assert_eq!(ledgers.open(), 1);
        assert!(ledgers.owe_answers(|host| host == here));
        assert!(!ledgers.owe_answers(|host| host == there));
    }
}
