//! A ring of time slots: what happened in the last seconds of one era.
//!
//! Slots are closed by the owner's samples, not by reading a clock, so a slot is exactly what came
//! between two samples. A request belongs to the era it was admitted in: the owner clears the ring
//! at each change of era and drops reports of earlier ones.

use crate::outcome::Evidence;
use crate::sketch::{Scale, Sketch, nth_largest_us};
use std::time::{Duration, Instant};

#[derive(Debug, Clone)]
struct Slot {
    latencies: Sketch,
    counts: Counts,
}

/// What is counted beside the latencies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) failures: u64,
    /// Requests that took longer than the ring's `late` limit.
    pub(crate) late: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.late += other.late;
    }

    pub(crate) fn failure_share(self) -> f64 {
        self.failures as f64 / self.requests.max(1) as f64
    }
}

#[derive(Debug)]
pub(crate) struct Windows {
    slots: Vec<Slot>,
    current: usize,
    slot: Duration,
    opened_at: Instant,
    late: Duration,
    scale: Scale,
}

impl Windows {
    pub(crate) fn new(
        slots: usize,
        slot: Duration,
        scale: Scale,
        late: Duration,
        now: Instant,
    ) -> Self {
        let empty = Slot {
            latencies: Sketch::new(scale),
            counts: Counts::default(),
        };
        Self {
            slots: vec![empty; slots.max(1)],
            current: 0,
            slot,
            opened_at: now,
            late,
            scale,
        }
    }

    pub(crate) fn record(&mut self, evidence: &Evidence) {
        let slot = &mut self.slots[self.current];
        slot.counts.requests += 1;
        slot.counts.failures += u64::from(evidence.failed);
        if let Some(latency) = evidence.latency {
            slot.latencies.record(latency);
            slot.counts.late += u64::from(latency > self.late);
        }
    }

    /// When the current slot is full.
    pub(crate) fn due(&self) -> Instant {
        self.opened_at + self.slot
    }

    /// Closes the current slot, and as many empty ones as have passed unseen since.
    pub(crate) fn rotate(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.opened_at);
        let passed = (elapsed.as_nanos() / self.slot.as_nanos().max(1)).max(1);
        for _ in 0..passed.min(self.slots.len() as u128) {
            self.current = (self.current + 1) % self.slots.len();
            self.slots[self.current].latencies.clear();
            self.slots[self.current].counts = Counts::default();
        }
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        self.opened_at = self
            .slot
            .checked_mul(passed)
            .map_or(now, |shift| self.opened_at + shift);
    }

    /// The process stood still for `gap`: the current slot gets its time again.
    pub(crate) fn stood_still(&mut self, gap: Duration) {
        self.opened_at += gap;
    }

    /// A quantile as a figure for people; `None` where it is only known to lie below the scale.
    pub(crate) fn shown_us(&self, value_us: f64) -> Option<f64> {
        Some(value_us).filter(|&us| self.scale.resolves(us))
    }

    /// Forgets everything; a new slot begins now.
    pub(crate) fn clear(&mut self, now: Instant) {
        for slot in &mut self.slots {
            slot.latencies.clear();
            slot.counts = Counts::default();
        }
        self.opened_at = now;
    }

    /// The newest `slots` slots, the current one included.
    pub(crate) fn newest(&self, slots: usize) -> View<'_> {
        View {
            ring: self,
            slots: slots.min(self.slots.len()),
        }
    }
}

/// A window: some of the newest slots taken together.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    ring: &'a Windows,
    slots: usize,
}

impl<'a> View<'a> {
    fn iter(self) -> impl Iterator<Item = &'a Slot> + Clone {
        let n = self.ring.slots.len();
        (0..self.slots).map(move |back| &self.ring.slots[(self.ring.current + n - back) % n])
    }

    pub(crate) fn counts(self) -> Counts {
        let mut sum = Counts::default();
        self.iter().for_each(|slot| sum.add(slot.counts));
        sum
    }

    /// Latencies held.
    pub(crate) fn samples(self) -> u64 {
        self.iter().map(|slot| slot.latencies.total()).sum()
    }

    pub(crate) fn nth_largest_us(self, rank: u64) -> Option<f64> {
        nth_largest_us(self.iter().map(|slot| &slot.latencies), rank)
    }

    pub(crate) fn count_above(self, value_us: f64) -> f64 {
        self.iter()
            .map(|slot| slot.latencies.count_above(value_us))
            .sum()
    }

    /// The point estimate of P99.
    pub(crate) fn p99_us(self) -> Option<f64> {
        self.nth_largest_us(self.samples() / 100 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: Duration = Duration::from_secs(5);

    fn ring(now: Instant) -> Windows {
        let scale = Scale::new(Duration::from_micros(100), Duration::from_secs(2));
        Windows::new(3, SLOT, scale, Duration::from_millis(600), now)
    }

    fn ok(ms: u64) -> Evidence {
        Evidence {
            failed: false,
            latency: Some(Duration::from_millis(ms)),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn old_slots_leave_the_window() {
        let t0 = origin();
        let mut ring = ring(t0);
        for step in 1..=4u32 {
            ring.record(&ok(u64::from(step)));
            assert_eq!(ring.newest(3).samples(), u64::from(step.min(3)));
            ring.rotate(t0 + SLOT * step);
        }
        assert_eq!(ring.newest(1).samples(), 0);
        assert_eq!(ring.newest(3).samples(), 2);
    }

    #[test]
    fn a_quiet_period_empties_the_ring_and_keeps_the_grid() {
        let t0 = origin();
        let mut ring = ring(t0);
        ring.record(&ok(1));
        ring.rotate(t0 + SLOT * 1_000 + Duration::from_millis(1));
        assert_eq!(ring.newest(3).samples(), 0);
        assert_eq!(ring.due(), t0 + SLOT * 1_001);
    }

    #[test]
    fn late_requests_and_failures_are_counted_apart() {
        let mut ring = ring(origin());
        ring.record(&ok(700));
        ring.record(&Evidence {
            failed: true,
            latency: None,
        });
        let counts = ring.newest(3).counts();
        assert_eq!(
            counts,
            Counts {
                requests: 2,
                failures: 1,
                late: 1
            }
        );
        assert_eq!(ring.newest(3).samples(), 1);
    }
}
