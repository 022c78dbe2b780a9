//! What all arenas of a process may hold together, and whether they are pressed.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use common::Criticality;

use super::state::{State, share_while_pressured};

/// Why a lease is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The budget is used up.
    #[error("tensor memory is used up; try again, or raise arena.share")]
    Budget,
    /// It is nearly used up, and this request matters least.
    #[error("tensor memory is short and this request is large; try again later")]
    Pressured,
    /// More leases are out than come back in bounded time.
    #[error("too many tensors are in flight on this thread")]
    Leases,
    /// The size is no size.
    #[error("a tensor of this size cannot be held")]
    Size,
}

/// Hundredths of the full budget that are left while the machine is short of memory.
const SHORT_PERCENT: u64 = 60;

/// See the module. Relaxed throughout: every figure stands alone, and one that is seen late only
/// moves a shed by one lease. What is reserved is counted in one step, so the budget holds.
#[derive(Debug)]
pub struct Budget {
    full_bytes: u64,
    limit_bytes: AtomicU64,
    held_bytes: AtomicU64,
    state: AtomicU8,
}

impl Budget {
    /// A budget of this size.
    #[must_use]
    pub fn new(full_bytes: u64) -> Self {
        Self {
            full_bytes,
            limit_bytes: AtomicU64::new(full_bytes),
            held_bytes: AtomicU64::new(0),
            state: AtomicU8::new(State::Idle.code()),
        }
    }

    /// What may be held now.
    #[must_use]
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes.load(Ordering::Relaxed)
    }

    /// What is held.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// How pressed the arenas are.
    #[must_use]
    pub fn state(&self) -> State {
        State::of_code(self.state.load(Ordering::Relaxed))
    }

    /// Shrinks the budget while the machine is short of memory.
    pub fn set_short(&self, short: bool) {
        let limit = match short {
            true => self.full_bytes / 100 * SHORT_PERCENT,
            false => self.full_bytes,
        };
        self.limit_bytes.store(limit, Ordering::Relaxed);
    }

    /// Looks whether what is held has come to press, or does no longer. One arena does not know
    /// whether others have leases out, so it leaves the rest to [`Self::review`].
    pub(super) fn press(&self) {
        self.review(u64::from(self.state() != State::Idle));
    }

    /// Looks at all figures anew.
    pub fn review(&self, leased_bytes: u64) {
        let state = self.state();
        let next = state.next(leased_bytes, self.held_bytes(), self.limit_bytes());
        if next != state {
            self.state.store(next.code(), Ordering::Relaxed);
        }
    }

    /// Whether a large lease of this class is given as things stand.
    pub(super) fn admits(&self, criticality: Criticality) -> Result<(), Refused> {
        if self.state() != State::Pressured {
            return Ok(());
        }
        let share = share_while_pressured(criticality);
        // Up to the whole of it, the reservation of a slab decides.
        if share == 100 || self.held_bytes() <= self.limit_bytes() / 100 * share {
            return Ok(());
        }
        Err(Refused::Pressured)
    }

    /// Counts a slab that is about to be made.
    pub(super) fn reserve(&self, bytes: u64) -> Result<(), Refused> {
        let limit = self.limit_bytes();
        let more = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= limit);
        let reserved = self
            .held_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        reserved.map(drop).map_err(|_| Refused::Budget)
    }

    /// Counts a slab that is gone.
    pub(super) fn release(&self, bytes: u64) {
        self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_never_passes_the_limit() {
        let budget = Budget::new(1000);
        assert!(budget.reserve(1000).is_ok());
        assert_eq!(budget.reserve(1), Err(Refused::Budget));
        assert_eq!(budget.reserve(u64::MAX), Err(Refused::Budget));
        budget.release(500);
        budget.set_short(true);
        assert_eq!(budget.limit_bytes(), 600);
        assert_eq!(budget.reserve(200), Err(Refused::Budget));
        budget.set_short(false);
        assert!(budget.reserve(200).is_ok());
    }

    #[test]
    fn large_leases_are_shed_by_class_while_pressed() {
        let budget = Budget::new(1000);
        budget.reserve(960).unwrap();
        budget.review(1);
        assert_eq!(budget.state(), State::Pressured);
        let given = |class| budget.admits(class).is_ok();
        assert!(given(Criticality::CriticalPlus) && !given(Criticality::Critical));
        budget.release(200);
        budget.review(1);
        assert!(given(Criticality::SheddablePlus) && !given(Criticality::Sheddable));
        budget.release(100);
        budget.review(1);
        assert!(given(Criticality::Sheddable));
    }
}
