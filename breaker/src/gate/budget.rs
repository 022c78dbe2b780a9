//! Shares and slots, handed out to many threads without a lock.
//!
//! Orderings are relaxed throughout: every counter stands alone and no other memory is published
//! through it. Races cost at most one request more or less in a share.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// 2^32 divided by the golden ratio: multiples of it, modulo 2^32, fill the range as evenly as any
/// sequence can, and so does every regular subsequence. A share taken from it is exact over any
/// stretch of requests and locks on to no pattern in them; no randomness is needed.
const GOLDEN: u32 = 0x9E37_79B9;

/// Give-backs remembered at once.
const MAX_RETURNED: u32 = 64;

#[derive(Debug, Default)]
pub(super) struct Budget {
    sequence: AtomicU32,
    /// Requests that were admitted, then shed: their place goes to the next one.
    returned: AtomicU32,
    /// `era << 32 | requests in flight`: a slot from an earlier era cannot be given back to this.
    in_flight: AtomicU64,
    last_taken_ns: AtomicU64,
}

impl Budget {
    pub(super) fn restart(&self, era: u32) {
        self.returned.store(0, Relaxed);
        self.last_taken_ns.store(0, Relaxed);
        self.in_flight.store(u64::from(era) << 32, Relaxed);
    }

    /// Whether the next request falls into a share of `share_bps` hundredths of a percent.
    pub(super) fn in_share(&self, share_bps: u32) -> bool {
        if self
            .returned
            .fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1))
            .is_ok()
        {
            return true;
        }
        let place = self.sequence.fetch_add(1, Relaxed).wrapping_mul(GOLDEN);
        u64::from(place) * 10_000 < u64::from(share_bps) << 32
    }

    /// Whether nothing was taken for `every`. Threads that ask in the same instant all hear yes;
    /// the slots bound how many of them get one.
    pub(super) fn is_due(&self, now_ns: u64, every: Duration) -> bool {
        let last = self.last_taken_ns.load(Relaxed);
        last == 0 || now_ns.saturating_sub(last) >= every.as_nanos() as u64
    }

    /// Takes one of `limit` slots of `era`. When all are taken and none was for `lease`, every
    /// holder is overdue: their tickets are lost and the count starts over, so that probes cannot
    /// starve.
    pub(super) fn occupy(&self, era: u32, limit: u32, now_ns: u64, lease: Duration) -> bool {
        let tag = u64::from(era) << 32;
        let take = |held: u64| {
            let n = if held >> 32 == u64::from(era) {
                held as u32
            } else {
                0
            };
            (n < limit).then(|| tag | u64::from(n + 1))
        };
        if self.in_flight.fetch_update(Relaxed, Relaxed, take).is_ok() {
            self.last_taken_ns.store(now_ns, Relaxed);
            return true;
        }
        let idle = now_ns.saturating_sub(self.last_taken_ns.load(Relaxed));
        if idle < lease.as_nanos() as u64 {
            return false;
        }
        self.in_flight.store(tag | 1, Relaxed);
        self.last_taken_ns.store(now_ns, Relaxed);
        true
    }

    pub(super) fn release(&self, era: u32) {
        let give = |held: u64| {
            let mine = held >> 32 == u64::from(era) && held as u32 > 0;
            mine.then(|| held - 1)
        };
        // Not ours any more: the era has ended, or the slot was taken for lost.
        let _ = self.in_flight.fetch_update(Relaxed, Relaxed, give);
    }

    pub(super) fn give_back(&self) {
        let more = |n: u32| (n < MAX_RETURNED).then_some(n + 1);
        // At the cap a give-back is forgotten, which admits one request less.
        let _ = self.returned.fetch_update(Relaxed, Relaxed, more);
        self.last_taken_ns.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(2);

    #[test]
    fn a_share_is_exact_and_so_is_every_regular_part_of_it() {
        let budget = Budget::default();
        let taken: Vec<bool> = (0..20_000).map(|_| budget.in_share(500)).collect();
        assert!((990..=1_010).contains(&taken.iter().filter(|&&t| t).count()));
        for phase in 0..20 {
            let part = taken.iter().skip(phase).step_by(20).filter(|&&t| t).count();
            assert!(
                (40..=60).contains(&part),
                "{part} of every twentieth request"
            );
        }
    }

    #[test]
    fn all_and_nothing_are_exact() {
        let budget = Budget::default();
        assert!((0..1_000).all(|_| budget.in_share(10_000)));
        assert!(!(0..1_000).any(|_| budget.in_share(0)));
    }

    #[test]
    fn slots_of_an_earlier_era_are_not_given_back_to_this_one() {
        let budget = Budget::default();
        budget.restart(1);
        assert!(budget.occupy(1, 1, 1, LEASE));
        budget.restart(2);
        assert!(budget.occupy(2, 1, 2, LEASE));
        budget.release(1);
        assert!(!budget.occupy(2, 1, 3, LEASE));
        budget.release(2);
        assert!(budget.occupy(2, 1, 4, LEASE));
    }

    #[test]
    fn lost_slots_come_back_after_their_lease() {
        let budget = Budget::default();
        budget.restart(1);
        assert!(budget.occupy(1, 2, 1, LEASE) && budget.occupy(1, 2, 2, LEASE));
        assert!(!budget.occupy(1, 2, 1_000_000_000, LEASE));
        assert!(budget.occupy(1, 2, 2_100_000_000, LEASE));
    }

    #[test]
    fn threads_never_hold_more_than_the_limit() {
        let budget = Budget::default();
        budget.restart(1);
        let held = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        if budget.occupy(1, 3, 1, LEASE) {
                            assert!(held.fetch_add(1, Relaxed) < 3);
                            held.fetch_sub(1, Relaxed);
                            budget.release(1);
                        }
                    }
                });
            }
        });
        assert_eq!(budget.in_flight.load(Relaxed), 1 << 32);
    }
}
