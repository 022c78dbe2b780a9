//! What an arena tells of itself.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// One arena's figures, written by its own thread alone and read by anybody: plain relaxed stores,
/// no read-modify-write on the way of a request.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) leased_bytes: AtomicU64,
    pub(super) held_bytes: AtomicU64,
    pub(super) most_leased_bytes: AtomicU64,
    pub(super) largest_free_bytes: AtomicU64,
    pub(super) free_in_use_bytes: AtomicU64,
    pub(super) leases_out: AtomicU64,
    pub(super) leases: AtomicU64,
    pub(super) hits: AtomicU64,
    pub(super) asked_bytes: AtomicU64,
    pub(super) given_bytes: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) evictions: AtomicU64,
    pub(super) returned_from_afar: AtomicU64,
}

pub(super) fn add(figure: &AtomicU64, more: u64) {
    figure.store(get(figure).wrapping_add(more), Ordering::Relaxed);
}

pub(super) fn sub(figure: &AtomicU64, less: u64) {
    figure.store(get(figure).saturating_sub(less), Ordering::Relaxed);
}

pub(super) fn set(figure: &AtomicU64, value: u64) {
    figure.store(value, Ordering::Relaxed);
}

pub(super) fn get(figure: &AtomicU64) -> u64 {
    figure.load(Ordering::Relaxed)
}

/// An arena's figures at a moment; sizes in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ArenaFigures {
    /// Out on lease, whole cache lines.
    pub leased_bytes: u64,
    /// Held in slabs, leased or not.
    pub held_bytes: u64,
    /// The most that was ever out at once.
    pub most_leased_bytes: u64,
    /// Leases that are out.
    pub leases_out: u64,
    /// Leases ever given.
    pub leases: u64,
    /// Those of them that needed no new slab.
    pub hits: u64,
    /// Leases refused.
    pub refused: u64,
    /// Slabs given back.
    pub evictions: u64,
    /// Leases that were dropped on another thread.
    pub returned_from_afar: u64,
    /// What all leases ever asked for.
    pub asked_bytes: u64,
    /// What they were given.
    pub given_bytes: u64,
    /// Free in slabs that are in use.
    pub free_in_use_bytes: u64,
    /// The largest single piece of that.
    pub largest_free_bytes: u64,
}

impl ArenaFigures {
    pub(super) fn of(figures: &Figures) -> Self {
        Self {
            leased_bytes: get(&figures.leased_bytes),
            held_bytes: get(&figures.held_bytes),
            most_leased_bytes: get(&figures.most_leased_bytes),
            leases_out: get(&figures.leases_out),
            leases: get(&figures.leases),
            hits: get(&figures.hits),
            refused: get(&figures.refused),
            evictions: get(&figures.evictions),
            returned_from_afar: get(&figures.returned_from_afar),
            asked_bytes: get(&figures.asked_bytes),
            given_bytes: get(&figures.given_bytes),
            free_in_use_bytes: get(&figures.free_in_use_bytes),
            largest_free_bytes: get(&figures.largest_free_bytes),
        }
    }

    /// Only what has been counted, without what is: what is left of an arena that is gone.
    #[must_use]
    pub(super) fn counts(self) -> Self {
        Self {
            leased_bytes: 0,
            held_bytes: 0,
            leases_out: 0,
            free_in_use_bytes: 0,
            largest_free_bytes: 0,
            ..self
        }
    }

    /// These and others together; the largest free piece is the larger of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            leased_bytes: self.leased_bytes + other.leased_bytes,
            held_bytes: self.held_bytes + other.held_bytes,
            most_leased_bytes: self.most_leased_bytes + other.most_leased_bytes,
            leases_out: self.leases_out + other.leases_out,
            leases: self.leases + other.leases,
            hits: self.hits + other.hits,
            refused: self.refused + other.refused,
            evictions: self.evictions + other.evictions,
            returned_from_afar: self.returned_from_afar + other.returned_from_afar,
            asked_bytes: self.asked_bytes + other.asked_bytes,
            given_bytes: self.given_bytes + other.given_bytes,
            free_in_use_bytes: self.free_in_use_bytes + other.free_in_use_bytes,
            largest_free_bytes: self.largest_free_bytes.max(other.largest_free_bytes),
        }
    }

    /// Share of leases that needed no new slab, 0 to 1.
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        share(self.hits, self.leases)
    }

    /// Share of what leases were given that they had not asked for, over all leases ever.
    #[must_use]
    pub fn internal_fragmentation(&self) -> f64 {
        share(
            self.given_bytes.saturating_sub(self.asked_bytes),
            self.given_bytes,
        )
    }

    /// Share of the free memory of slabs in use that the largest lease could not have.
    #[must_use]
    pub fn external_fragmentation(&self) -> f64 {
        let scattered = self
            .free_in_use_bytes
            .saturating_sub(self.largest_free_bytes);
        share(scattered, self.free_in_use_bytes)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_nothing_are_nothing() {
        let none = ArenaFigures::default();
        assert_eq!(
            (none.hit_ratio(), none.internal_fragmentation()),
            (0.0, 0.0)
        );
        let some = ArenaFigures {
            asked_bytes: 90,
            given_bytes: 100,
            free_in_use_bytes: 40,
            largest_free_bytes: 30,
            ..none
        };
        assert!((some.internal_fragmentation() - 0.1).abs() < 1e-12);
        assert!((some.and(none).external_fragmentation() - 0.25).abs() < 1e-12);
    }
}
