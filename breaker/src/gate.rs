//! The request path's view of one breaker.
//!
//! Admitting a request on a closed breaker is one atomic load and one comparison. Everything else
//! (open, probing, ramp, caution) is the slow path, which may touch a few more atomics. The gate
//! decides nothing: it carries out the posture that the breaker published last, and when the
//! breaker has fallen silent for longer than a posture lives, it lets traffic through.

mod budget;
mod ticket;
mod word;

pub use ticket::{Observation, Ticket};

use crate::key::KeyRef;
use crate::machine::{Posture, Rules};
use crate::settings::KeyProfile;
use crate::transition::State;
use budget::Budget;
use crossbeam_utils::CachePadded;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use word::Word;

/// What a caller may be told to wait where nothing better is known.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// A probe slot whose ticket has not come back for this many deadlines is taken for lost.
const LEASE_DEADLINES: u32 = 2;

#[derive(Debug)]
pub enum Admission {
    Allow(Ticket),
    Reject(Rejection),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    pub state: State,
    /// When trying again makes sense. Jitter is the caller's to add.
    pub retry_after: Duration,
}

#[derive(Debug)]
pub struct Gate {
    /// Alone on its cache line: written on a change, read by every request.
    word: CachePadded<AtomicU64>,
    budget: CachePadded<Budget>,
    until_ns: AtomicU64,
    expires_ns: AtomicU64,
    last_report_ns: AtomicU64,
    key: KeyRef,
    profile: KeyProfile,
    /// Origin of the gate's own nanoseconds.
    origin: Instant,
    probe_interval: Option<Duration>,
    probe_concurrency: u32,
    limited_concurrency: u32,
}

/// What a gate is made with besides its key.
#[derive(Debug, Clone)]
pub struct GateOptions {
    pub rules: Rules,
    pub limited_concurrency: u32,
    pub origin: Instant,
}

impl Gate {
    pub(crate) fn new(key: KeyRef, profile: KeyProfile, options: &GateOptions) -> Arc<Self> {
        Arc::new(Self {
            word: CachePadded::new(AtomicU64::new(Word::closed(0).bits())),
            budget: CachePadded::new(Budget::default()),
            until_ns: AtomicU64::new(0),
            expires_ns: AtomicU64::new(u64::MAX),
            last_report_ns: AtomicU64::new(0),
            key,
            profile,
            origin: options.origin,
            probe_interval: options.rules.probe_interval(),
            probe_concurrency: options.rules.probe_concurrency(),
            limited_concurrency: options.limited_concurrency,
        })
    }

    /// A gate of its own, outside any registry.
    pub fn standalone(profile: KeyProfile, options: &GateOptions) -> Arc<Self> {
        Self::new(
            KeyRef {
                place: 0,
                incarnation: 0,
            },
            profile,
            options,
        )
    }

    /// Admits or rejects; `None` where the key has been forgotten and must be looked up anew.
    #[inline]
    pub fn admit(self: &Arc<Self>, now: Instant) -> Option<Admission> {
        // Acquire pairs with the release in `publish`: whoever sees the new word sees the times
        // stored before it.
        let word = Word::from_bits(self.word.load(Ordering::Acquire));
        if word.is_wide_open() {
            return Some(Admission::Allow(Ticket::free(self.key, word.era(), now)));
        }
        self.admit_guarded(word, now)
    }

    #[cold]
    fn admit_guarded(self: &Arc<Self>, word: Word, now: Instant) -> Option<Admission> {
        if word.is_retired() {
            return None;
        }
        let now_ns = self.nanos(now);
        if now_ns > self.expires_ns.load(Ordering::Relaxed) {
            return Some(Admission::Allow(Ticket::free(self.key, word.era(), now)));
        }
        let (state, era) = (word.state(), word.era());
        let in_share = |share| self.budget.in_share(share);
        let lease = self.profile.deadline * LEASE_DEADLINES;
        let admitted = match state {
            State::Closed | State::Ramp => {
                in_share(word.share_bps())
                    && (!word.is_limited()
                        || self
                            .budget
                            .occupy(era, self.limited_concurrency, now_ns, lease))
            }
            State::Open => {
                word.is_limited()
                    && self
                        .budget
                        .occupy(era, self.limited_concurrency, now_ns, lease)
            }
            State::HalfOpen => {
                let due = self
                    .probe_interval
                    .is_some_and(|every| self.budget.is_due(now_ns, every));
                (due || in_share(word.share_bps()))
                    && self
                        .budget
                        .occupy(era, self.probe_concurrency, now_ns, lease)
            }
        };
        Some(if admitted {
            Admission::Allow(Ticket::held(Arc::clone(self), era, now))
        } else {
            Admission::Reject(Rejection {
                state,
                retry_after: self.retry_after(state, now_ns),
            })
        })
    }

    fn retry_after(&self, state: State, now_ns: u64) -> Duration {
        let until_ns = self.until_ns.load(Ordering::Relaxed);
        match state {
            State::Open => Duration::from_nanos(until_ns.saturating_sub(now_ns)).max(RETRY_SOON),
            _ => RETRY_SOON,
        }
    }

    /// Makes `posture` what requests see, for at most `ttl` unless it is renewed; closed lasts.
    pub(crate) fn publish(&self, posture: &Posture, limited: bool, now: Instant, ttl: Duration) {
        let lasting = posture.pinned || (posture.state == State::Closed && !limited);
        let expires = if lasting {
            u64::MAX
        } else {
            let from = posture.until.map_or(now, |until| until.max(now));
            self.nanos(from).saturating_add(ttl.as_nanos() as u64)
        };
        self.until_ns.store(
            posture.until.map_or(0, |t| self.nanos(t)),
            Ordering::Relaxed,
        );
        self.expires_ns.store(expires, Ordering::Relaxed);
        let word = Word::new(posture.state, posture.share_bps, posture.era, limited);
        if Word::from_bits(self.word.load(Ordering::Relaxed)).era() != posture.era {
            self.budget.restart(posture.era);
        }
        // A forgotten key stays forgotten, whatever its breaker still has to say.
        let renew = |old| (!Word::from_bits(old).is_retired()).then(|| word.bits());
        let _ = self
            .word
            .fetch_update(Ordering::Release, Ordering::Relaxed, renew);
    }

    /// The key is forgotten: whoever still holds this gate must look it up again.
    pub(crate) fn retire(&self) {
        let retire = |old| Some(Word::from_bits(old).retired().bits());
        let _ = self
            .word
            .fetch_update(Ordering::Release, Ordering::Relaxed, retire);
    }

    pub(crate) fn is_retired(&self) -> bool {
        Word::from_bits(self.word.load(Ordering::Relaxed)).is_retired()
    }

    pub(crate) fn touch(&self, now: Instant) {
        self.last_report_ns
            .store(self.nanos(now), Ordering::Relaxed);
    }

    /// For choosing whom to forget: keys that are closed first, then the longest unused.
    pub(crate) fn usefulness(&self) -> (bool, u64) {
        let word = Word::from_bits(self.word.load(Ordering::Relaxed));
        (
            word.state() != State::Closed,
            self.last_report_ns.load(Ordering::Relaxed),
        )
    }

    /// The state published last.
    pub fn state(&self) -> State {
        Word::from_bits(self.word.load(Ordering::Acquire)).state()
    }

    /// How the breaker left this gate, if not closed and not too long ago: whether an operator holds
    /// it open.
    pub(crate) fn left_guarded(&self, now: Instant) -> Option<bool> {
        let expired = self.nanos(now) > self.expires_ns.load(Ordering::Relaxed);
        let state = self.state();
        let guarded = state != State::Closed && !expired;
        guarded.then(|| state == State::Open && self.until_ns.load(Ordering::Relaxed) == 0)
    }

    pub(crate) fn era(&self) -> u32 {
        Word::from_bits(self.word.load(Ordering::Acquire)).era()
    }

    pub(crate) fn key(&self) -> KeyRef {
        self.key
    }

    pub(crate) fn profile(&self) -> KeyProfile {
        self.profile
    }

    /// Counted from 1, so that 0 can mean never.
    fn nanos(&self, at: Instant) -> u64 {
        let elapsed = at.saturating_duration_since(self.origin).as_nanos();
        u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_add(1)
    }
}

#[cfg(test)]
mod tests;
