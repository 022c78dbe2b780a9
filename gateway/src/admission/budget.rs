//! How much memory all bodies together may take: those being read, unfolded or parsed right now.
//!
//! Room is asked for before memory is, as a body arrives: a length that is merely announced takes
//! none, so nobody can hold the budget without sending bytes. Who finds no room is refused and gives
//! back what it held, so that the others get on.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use common::{ByteSize, ErrorCode};

use crate::failure::Failure;

/// Smallest memory taken for a body that comes in pieces.
const MIN_BYTES: usize = 64 << 10;

/// The budget of the process.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    most: ByteSize,
    /// Relaxed throughout: it is a sum, and no other memory hangs on it.
    held: AtomicU64,
}

impl BodyBudget {
    /// A budget of which nothing is held.
    #[must_use]
    pub(crate) fn new(most: ByteSize) -> Arc<Self> {
        let held = AtomicU64::new(0);
        Arc::new(Self { most, held })
    }

    /// What all bodies take at this moment.
    #[must_use]
    pub(crate) fn held_bytes(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// No bytes yet, to be grown.
    #[must_use]
    pub(crate) fn room(self: &Arc<Self>) -> Room {
        Room {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }

    fn take(&self, bytes: u64) -> Result<(), Failure> {
        // In one step: a large body that is refused must not be in the way of small ones meanwhile.
        let fits = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= self.most.0);
        let taken = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        if taken.is_ok() {
            return Ok(());
        }
        let message = format!(
            "request bodies in flight have reached limits.bodies_in_flight ({})",
            self.most
        );
        Err(Failure::new(ErrorCode::Overloaded, message))
    }

    fn give_back(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    budget: Arc<BodyBudget>,
    bytes: u64,
}

impl Room {
    /// Takes what is missing to this many bytes, or says that it is not there.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), Failure> {
        let more = (bytes as u64).saturating_sub(self.bytes);
        self.budget.take(more)?;
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// A whole body. Its room in the budget is its own until it is dropped.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Bytes,
    room: Room,
}

impl Body {
    /// A body whose bytes the room was grown to.
    #[must_use]
    pub(crate) fn new(bytes: Bytes, room: Room) -> Self {
        Self { bytes, room }
    }

    /// An empty body that can grow within the same budget, to at most `most` bytes.
    #[must_use]
    pub(crate) fn growing(&self, most: usize) -> Growing {
        Growing::new(self.room.budget.room(), most)
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body that is not whole yet.
#[derive(Debug)]
pub(crate) struct Growing {
    bytes: Vec<u8>,
    room: Room,
    most: usize,
}

impl Growing {
    /// An empty body that can grow to at most `most` bytes.
    #[must_use]
    pub(crate) fn new(room: Room, most: usize) -> Self {
        let bytes = Vec::new();
        Self { bytes, room, most }
    }

    /// How many bytes it has.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends.
    pub(crate) fn extend(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.with_memory_for(bytes.len())?.extend_from_slice(bytes);
        Ok(())
    }

    /// The bytes so far, with memory for at least `more` further ones.
    pub(crate) fn with_memory_for(&mut self, more: usize) -> Result<&mut Vec<u8>, Failure> {
        let (length, capacity) = (self.bytes.len(), self.bytes.capacity());
        let needed = length.saturating_add(more);
        if needed > capacity {
            let doubled = capacity.saturating_mul(2).max(MIN_BYTES);
            let target = doubled.min(self.most).max(needed);
            self.room.grow_to(target)?;
            self.bytes.reserve_exact(target - length);
        }
        Ok(&mut self.bytes)
    }

    /// The body as it is.
    #[must_use]
    pub(crate) fn done(self) -> Body {
        Body::new(Bytes::from(self.bytes), self.room)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A body that counts against this budget.
    pub(crate) fn body(budget: &Arc<BodyBudget>, bytes: &[u8]) -> Body {
        let mut growing = Growing::new(budget.room(), bytes.len());
        growing.extend(bytes).unwrap();
        growing.done()
    }

    #[test]
    fn room_is_held_from_growth_to_drop_and_never_beyond_the_budget() {
        let budget = BodyBudget::new(ByteSize(100));
        let first = body(&budget, &[0; 60]);
        assert_eq!(budget.held_bytes(), 60);
        let mut second = Growing::new(budget.room(), 40);
        assert_eq!(second.with_memory_for(10).unwrap().capacity(), 40);
        drop(first);
        drop(second);
        assert_eq!(budget.held_bytes(), 0);
    }

    #[test]
    fn who_finds_no_room_keeps_what_it_held_until_it_gives_up() {
        let budget = BodyBudget::new(ByteSize(200 << 10));
        let mut growing = Growing::new(budget.room(), 1 << 20);
        growing.with_memory_for(1).unwrap();
        growing.with_memory_for(100 << 10).unwrap();
        let failure = growing.with_memory_for(150 << 10).unwrap_err();
        assert_eq!(failure.code, ErrorCode::Overloaded);
        assert_eq!(budget.held_bytes(), 128 << 10);
        drop(growing);
        assert_eq!(budget.held_bytes(), 0);
    }
}
