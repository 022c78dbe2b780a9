//! Judging traffic that flows: the rules of a closed breaker, which the ramp shares.

use super::{EvidenceBreaker, Phase};
use crate::binomial::exceeds;
use crate::bound::{TailEstimate, estimate};
use crate::outcome::Evidence;
use crate::transition::{Reason, Transition};
use crate::window::Counts;
use std::time::{Duration, Instant};

/// What one look at the windows says.
pub(super) struct Assessment {
    tail: Option<TailEstimate>,
    /// Of the window that the share rules judge.
    pub(super) counts: Counts,
    sparse: bool,
    /// The rule of shares that is broken, if one is.
    share_broken: Option<Reason>,
    over_threshold: bool,
    over_ceiling: bool,
}

impl Assessment {
    /// The rule broken by this look alone.
    pub(super) fn broken(&self) -> Option<Reason> {
        self.share_broken.or(self.tail_broken())
    }

    fn tail_broken(&self) -> Option<Reason> {
        match (self.over_ceiling, self.over_threshold) {
            (true, _) => Some(Reason::P99OverCeiling),
            (false, true) => Some(Reason::P99OverThreshold),
            (false, false) => None,
        }
    }
}

impl EvidenceBreaker {
    pub(super) fn record_call(
        &mut self,
        evidence: Evidence,
        batch: Option<u64>,
        now: Instant,
    ) -> Option<Transition> {
        self.windows.record(&evidence);
        let slow = evidence
            .latency
            .is_some_and(|latency| latency.as_secs_f64() * 1e6 > self.call_ceiling_us());
        self.slow_calls.over_ceiling.push(slow);
        self.slow_calls.first.get_or_insert(now);
        if evidence.failed {
            self.streak.failure(batch, now);
        } else {
            self.streak.success();
        }
        let reason = self.broken_by_calls(evidence.failed, slow, now)?;
        match self.phase {
            Phase::Ramp(ramp) => self.retreat(ramp, reason, false, now),
            _ => Some(self.condemn(reason, false, now)),
        }
    }

    /// The rules that look at calls one by one.
    fn broken_by_calls(&self, failed: bool, slow: bool, now: Instant) -> Option<Reason> {
        let s = &self.settings;
        if failed
            && self.streak.reaches(
                s.consecutive_failures,
                s.consecutive_span,
                s.consecutive_batches,
                now,
            )
        {
            return Some(Reason::ConsecutiveFailures);
        }
        let calls = &self.slow_calls;
        let alone = match self.phase {
            Phase::Ramp(_) => true,
            _ => {
                calls.sparse
                    && self.windows.newest(s.slow_slots).counts().requests < s.sparse_traffic
            }
        };
        let spanned = calls
            .first
            .is_some_and(|first| now.saturating_duration_since(first) >= s.consecutive_span);
        let many = calls.over_ceiling.among_last(s.slow_calls_of) >= s.slow_calls;
        (slow && alone && spanned && many).then_some(Reason::SlowCalls)
    }

    /// Above this a single call is slow. Calls judged one by one are too few to learn from, so
    /// without a baseline the ceiling of the configured deadline holds.
    fn call_ceiling_us(&self) -> f64 {
        match self.baseline.p99_us() {
            Some(_) => self.limits().ceiling_us,
            None => self.settings.ceiling_share * self.profile.deadline.as_secs_f64() * 1e6,
        }
    }

    pub(super) fn sample_closed(&mut self, now: Instant) -> Option<Transition> {
        let seen = self.assess();
        self.tail = seen.tail;
        self.votes.push(seen.over_threshold || seen.over_ceiling);
        let needed = if self.cautious {
            1
        } else {
            self.settings.votes
        };
        let voted = self.votes.among_last(self.settings.votes_of) >= needed;
        let broken = seen
            .share_broken
            .or(if voted { seen.tail_broken() } else { None });
        if let Some(reason) = broken {
            let soft = self.is_soft(reason, seen.counts);
            return Some(self.condemn(reason, soft, now));
        }
        self.learn(&seen, now);
        self.slow_calls.sparse = seen.sparse;
        self.windows.rotate(now);
        None
    }

    pub(super) fn assess(&self) -> Assessment {
        let s = &self.settings;
        let (fast, slow) = (
            self.windows.newest(s.fast_slots),
            self.windows.newest(s.slow_slots),
        );
        let tail = estimate(
            fast,
            slow,
            self.dispersion.inflation(),
            self.baseline.provisional_us(),
            s,
        );
        let limits = self.limits();
        let bound_us = tail.map_or(0.0, |tail| tail.bound_us);

        let (fast, slow) = (fast.counts(), slow.counts());
        let sparse = self.phase == Phase::Closed && slow.requests < s.sparse_traffic;
        let of_at_least = |n: u64| if fast.requests >= n { fast } else { slow };
        let failures = of_at_least(s.failure_min);
        let misses = of_at_least(s.deadline_miss_min);

        let failing = !sparse
            && failures.requests >= s.failure_min
            && exceeds(
                failures.requests,
                failures.failures,
                s.failure_share,
                s.failure_alpha,
            );
        let missing = misses.requests >= s.deadline_miss_min
            && misses.late as f64 > s.deadline_miss_share * misses.requests as f64;
        let share_broken = match (failing, missing) {
            (true, _) => Some(Reason::FailureShare),
            (false, true) => Some(Reason::DeadlineShare),
            (false, false) => None,
        };
        Assessment {
            tail,
            counts: failures,
            sparse,
            share_broken,
            over_threshold: bound_us > limits.threshold_us,
            over_ceiling: bound_us > limits.ceiling_us,
        }
    }

    /// Only the relative threshold is broken: neither failures nor calls over three quarters of
    /// the deadline are more than is normal.
    pub(super) fn is_soft(&self, reason: Reason, counts: Counts) -> bool {
        let s = &self.settings;
        let proven = |hits, tolerated| exceeds(counts.requests, hits, tolerated, s.probe_alpha);
        reason == Reason::P99OverThreshold
            && !proven(counts.failures, self.tolerated_failures())
            && !proven(counts.late, s.probe_slow_share)
    }

    fn learn(&mut self, seen: &Assessment, now: Instant) {
        let healthy = seen.broken().is_none()
            && seen.counts.failure_share() <= self.settings.clean_failure_share;
        if healthy {
            let time: Duration = self.sampled_time(now);
            self.backoff.healthy_for(time, &self.settings);
            self.soft_verdicts.healthy_for(time);
            let slot = self.windows.newest(1).counts();
            self.background.observe(slot.requests, slot.failures);
        }
        let Some(tail) = seen.tail else { return };
        if let Some(above) = tail.above_baseline {
            self.dispersion.observe(tail.samples, above);
        }
        if healthy && self.is_clean(&tail) {
            self.baseline.observe(tail.p99_us, &self.settings);
        }
    }

    /// Well below every limit, so that what is learned now is the normal and not a fault. While
    /// learning, under the ceiling is enough: where the normal is near the deadline, nothing else
    /// would ever be learned.
    fn is_clean(&self, tail: &TailEstimate) -> bool {
        let s = &self.settings;
        let ceiling_us = self.limits().ceiling_us;
        match self.baseline.p99_us() {
            None => tail.bound_us < ceiling_us,
            Some(base) => {
                tail.bound_us < s.multiplier * base
                    && tail.bound_us < s.clean_ceiling_share * ceiling_us
            }
        }
    }
}
