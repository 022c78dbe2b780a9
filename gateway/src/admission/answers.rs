//! How much memory answers may take that are being written, and heads of HTTP/2 requests.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use common::ByteSize;

/// Smaller answers are bounded by the number of connections and are not counted.
pub(crate) const COUNTED_FROM_BYTES: u64 = 64 << 10;

/// The budget of the process.
#[derive(Debug)]
pub(crate) struct AnswerBudget {
    most: ByteSize,
    /// Relaxed throughout: it is a sum, and no other memory hangs on it.
    held: AtomicU64,
}

impl AnswerBudget {
    /// A budget of which nothing is held.
    #[must_use]
    pub(crate) fn new(most: ByteSize) -> Arc<Self> {
        let held = AtomicU64::new(0);
        Arc::new(Self { most, held })
    }

    /// What is held at this moment.
    #[must_use]
    pub(crate) fn held_bytes(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// The bound.
    #[must_use]
    pub(crate) fn most(&self) -> ByteSize {
        self.most
    }

    /// A part of it; none where it does not fit.
    pub(crate) fn lease(self: &Arc<Self>, bytes: u64) -> Option<Lease> {
        let fits = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= self.most.0);
        self.held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .ok()?;
        Some(Lease {
            budget: Arc::clone(self),
            bytes,
        })
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Arc<AnswerBudget>,
    bytes: u64,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_lent_than_there_is_and_all_of_it_comes_back() {
        let budget = AnswerBudget::new(ByteSize(100));
        let first = budget.lease(60).unwrap();
        assert!(budget.lease(41).is_none());
        let second = budget.lease(40).unwrap();
        assert_eq!(budget.held_bytes(), 100);
        drop((first, second));
        assert_eq!(budget.held_bytes(), 0);
    }
}
