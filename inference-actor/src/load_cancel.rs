//! Giving up a load from another thread: a model may take for ever to open or to warm up.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::runner::Stopper;

/// Stops what a load is doing, and whatever it begins afterwards.
#[derive(Clone, Default)]
pub struct LoadCancel(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    cancelled: bool,
    stopper: Option<Stopper>,
}

impl LoadCancel {
    /// From now on this stops the load. It is called at once where the load was given up already.
    pub fn arm(&self, stopper: Stopper) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.cancelled {
            stopper();
        }
        state.stopper = Some(stopper);
    }

    /// Gives the load up.
    pub fn cancel(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.cancelled = true;
        if let Some(stop) = &state.stopper {
            stop();
        }
    }

    /// The load has ended: what it made is no longer to be stopped.
    pub fn disarm(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stopper = None;
    }

    /// Whether the load was given up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .cancelled
    }
}

impl fmt::Debug for LoadCancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LoadCancel")
            .field(&self.is_cancelled())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn what_runs_and_what_begins_later_is_stopped() {
        let stops = Arc::new(AtomicU32::new(0));
        let stopper = || -> Stopper {
            let stops = Arc::clone(&stops);
            Arc::new(move || {
                stops.fetch_add(1, Ordering::Relaxed);
            })
        };
        let cancel = LoadCancel::default();
        cancel.arm(stopper());
        assert!(!cancel.is_cancelled());
        cancel.clone().cancel();
        assert_eq!(stops.load(Ordering::Relaxed), 1);
        cancel.arm(stopper());
        assert_eq!(stops.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_a_load_has_made_is_not_stopped_when_the_load_is_over() {
        let cancel = LoadCancel::default();
        cancel.arm(Arc::new(|| panic!("the load is over")));
        cancel.disarm();
        cancel.cancel();
    }
}
