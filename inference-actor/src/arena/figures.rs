//! What an arena tells of itself.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

macro_rules! figures {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// One arena's figures, written by its own thread alone and read by anybody: plain relaxed
        /// stores, no read-modify-write on the way of a request.
        #[derive(Debug, Default)]
        pub(super) struct Figures { $(pub(super) $name: AtomicU64,)+ }

        /// An arena's figures at a moment; sizes in bytes.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
        pub struct ArenaFigures { $($(#[$doc])+ pub $name: u64,)+ }

        impl ArenaFigures {
            pub(super) fn of(figures: &Figures) -> Self {
                Self { $($name: get(&figures.$name),)+ }
            }

            /// These and others together; the largest free piece is the larger of both.
            #[must_use]
            pub fn and(self, other: Self) -> Self {
                let largest_free_bytes = self.largest_free_bytes.max(other.largest_free_bytes);
                let sums = Self { $($name: self.$name + other.$name,)+ };
                Self { largest_free_bytes, ..sums }
            }
        }
    };
}

figures! {
    /// Out on lease, whole cache lines.
    leased_bytes,
    /// Held in slabs, leased or not.
    held_bytes,
    /// The most that was ever out at once.
    most_leased_bytes,
    /// Leases that are out.
    leases_out,
    /// Leases ever given.
    leases,
    /// Those of them that needed no new slab.
    hits,
    /// Leases refused.
    refused,
    /// Slabs given back.
    evictions,
    /// Leases that were dropped on another thread.
    returned_from_afar,
    /// What all leases ever asked for.
    asked_bytes,
    /// What they were given.
    given_bytes,
    /// Free in slabs that are in use.
    free_in_use_bytes,
    /// The largest single piece of that.
    largest_free_bytes,
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

impl ArenaFigures {
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
