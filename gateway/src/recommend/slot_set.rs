//! Which items of a catalogue were met.

use std::collections::HashSet;

/// Catalogues up to this size are covered with one bit an item, 8 KiB at most; clearing the bits of
/// a larger one would cost more than hashing the few that are set.
const MAX_BITS: usize = 1 << 16;

/// A set of catalogue slots.
pub(super) enum SlotSet {
    /// One bit an item.
    Dense(Vec<u64>),
    /// Those that are in.
    Sparse(HashSet<u32, foldhash::fast::FixedState>),
}

impl SlotSet {
    /// An empty set of slots below `slots`.
    pub(super) fn new(slots: usize) -> Self {
        match slots {
            0..=MAX_BITS => Self::Dense(vec![0; slots.div_ceil(64)]),
            _ => Self::Sparse(HashSet::default()),
        }
    }

    /// Adds a slot; false if it was there.
    pub(super) fn insert(&mut self, slot: u32) -> bool {
        match self {
            Self::Dense(words) => {
                let (word, bit) = place(slot);
                let new = words[word] & bit == 0;
                words[word] |= bit;
                new
            }
            Self::Sparse(slots) => slots.insert(slot),
        }
    }

    /// Whether a slot is in.
    pub(super) fn contains(&self, slot: u32) -> bool {
        match self {
            Self::Dense(words) => {
                let (word, bit) = place(slot);
                words.get(word).is_some_and(|word| word & bit != 0)
            }
            Self::Sparse(slots) => slots.contains(&slot),
        }
    }
}

fn place(slot: u32) -> (usize, u64) {
    (slot as usize / 64, 1u64 << (slot % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_hold_what_was_put_in() {
        for slots in [0, 200, MAX_BITS + 1] {
            let mut set = SlotSet::new(slots);
            assert!(!set.contains(130));
            if slots > 0 {
                assert!(set.insert(130) && !set.insert(130));
                assert!(set.contains(130) && !set.contains(131));
            }
        }
    }
}
