//! The `evidence` preset: a state machine that acts on what the samples prove.
//!
//! Owns the windows, what was learned (baseline, dispersion, background failures) and the state.
//! Never reads a clock, never logs, never sleeps: every method takes `now` and returns what changed.
//! Each phase has its file: `closed` (also the rules shared with the ramp), `recovery`.

mod closed;
mod recovery;

use crate::background::Background;
use crate::backoff::Backoff;
use crate::baseline::Baseline;
use crate::bound::TailEstimate;
use crate::dispersion::Dispersion;
use crate::outcome::Report;
use crate::probe::ProbeTally;
use crate::ramp::Ramp;
use crate::relearn::SoftVerdicts;
use crate::settings::{EvidenceSettings, KeyProfile};
use crate::sketch::Scale;
use crate::snapshot::Learned;
use crate::streak::{FailureStreak, Votes};
use crate::threshold::{Threshold, threshold};
use crate::transition::{Force, Reason, State, Transition};
use crate::window::Windows;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Closed,
    /// `None`: forced open, until an operator says otherwise.
    Open {
        until: Option<Instant>,
    },
    HalfOpen(ProbeTally),
    Ramp(Ramp),
}

impl Phase {
    fn state(&self) -> State {
        match self {
            Self::Closed => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen(_) => State::HalfOpen,
            Self::Ramp(_) => State::Ramp,
        }
    }
}

#[derive(Debug)]
pub(crate) struct EvidenceBreaker {
    settings: Arc<EvidenceSettings>,
    profile: KeyProfile,
    rng: StdRng,
    phase: Phase,
    era: u32,
    /// Another instance is open: half the admission, one sample instead of two.
    cautious: bool,

    windows: Windows,
    streak: FailureStreak,
    slow_calls: SlowCalls,
    votes: Votes,
    tail: Option<TailEstimate>,

    baseline: Baseline,
    dispersion: Dispersion,
    background: Background,
    backoff: Backoff,
    soft_verdicts: SoftVerdicts,
}

/// The last few calls, for keys with too little traffic for shares and quantiles.
#[derive(Debug, Default)]
struct SlowCalls {
    over_ceiling: Votes,
    first: Option<Instant>,
    /// The last sample saw little traffic, so these calls are all there is to go by.
    sparse: bool,
}

impl EvidenceBreaker {
    pub(crate) fn new(
        settings: Arc<EvidenceSettings>,
        profile: KeyProfile,
        era: u32,
        seed: u64,
        now: Instant,
    ) -> Self {
        let scale = Scale::of(&profile);
        let late = profile.deadline.mul_f64(settings.ceiling_share);
        Self {
            windows: Windows::new(settings.slow_slots, settings.slot, scale, late, now),
            dispersion: Dispersion::new(
                settings.dispersion_prior,
                settings.dispersion_weight,
                settings.dispersion_lag,
            ),
            baseline: Baseline::new(profile.release_p99),
            settings,
            profile,
            rng: StdRng::seed_from_u64(seed),
            phase: Phase::Closed,
            era,
            cautious: false,
            streak: FailureStreak::default(),
            slow_calls: SlowCalls::default(),
            votes: Votes::default(),
            tail: None,
            background: Background::default(),
            backoff: Backoff::default(),
            soft_verdicts: SoftVerdicts::default(),
        }
    }

    /// Takes the outcome of a request admitted in `era`. One from an earlier era says nothing
    /// about this one and is ignored.
    pub(crate) fn record(&mut self, era: u32, report: &Report, now: Instant) -> Option<Transition> {
        if era != self.era {
            return None;
        }
        let evidence = report.evidence(self.profile.deadline)?;
        match self.phase {
            Phase::Open { .. } => None,
            Phase::HalfOpen(tally) => self.record_probe(tally, evidence, now),
            Phase::Closed | Phase::Ramp(_) => self.record_call(evidence, report.batch, now),
        }
    }

    /// Does what has become due by `now`: at most one change at a time, so call it until
    /// [`Self::next_due`] lies ahead.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Transition> {
        if self.next_due().is_none_or(|due| now < due) {
            return None;
        }
        match self.phase {
            Phase::Closed => self.sample_closed(now),
            Phase::Open { .. } => Some(self.enter(
                Phase::HalfOpen(ProbeTally::default()),
                Reason::OpenElapsed,
                now,
            )),
            Phase::HalfOpen(_) => None,
            Phase::Ramp(ramp) => self.judge_ramp(ramp, now),
        }
    }

    /// When [`Self::tick`] next has something to do; `None` while only outcomes can change things.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closed => Some(self.windows.due()),
            Phase::Open { until } => until,
            Phase::HalfOpen(_) => None,
            Phase::Ramp(ramp) => Some(ramp.due(self.settings.ramp_step)),
        }
    }

    pub(crate) fn force(&mut self, force: Force, now: Instant) -> Transition {
        let phase = match force {
            Force::Open => Phase::Open { until: None },
            Force::Close => Phase::Closed,
            Force::Reset => {
                self.forget_normal();
                self.background = Background::default();
                self.backoff = Backoff::default();
                self.soft_verdicts = SoftVerdicts::default();
                Phase::Closed
            }
        };
        self.enter(phase, force.reason(), now)
    }

    /// The process stood still for `gap`: slots, streaks and ramp steps get that time again.
    pub(crate) fn stood_still(&mut self, gap: Duration) {
        self.windows.stood_still(gap);
        self.streak.stood_still(gap);
        self.slow_calls.first = self.slow_calls.first.map(|first| first + gap);
        if let Phase::Ramp(ramp) = self.phase {
            self.phase = Phase::Ramp(ramp.stood_still(gap));
        }
    }

    pub(crate) fn set_cautious(&mut self, cautious: bool) {
        self.cautious = cautious;
    }

    /// Opens a closed breaker because enough other instances have opened on evidence of their own.
    pub(crate) fn join_open(&mut self, now: Instant) -> Option<Transition> {
        (self.phase == Phase::Closed).then(|| self.open(Reason::ClusterAgreed, now))
    }

    /// Opens a fresh breaker whose gate was not closed.
    pub(crate) fn take_over(&mut self, now: Instant) -> Transition {
        self.open(Reason::TakenOver, now)
    }

    pub(crate) fn state(&self) -> State {
        self.phase.state()
    }

    pub(crate) fn is_quiet(&self) -> bool {
        let seen = self.windows.newest(self.settings.slow_slots).counts();
        self.phase == Phase::Closed && seen.requests == 0
    }

    pub(crate) fn era(&self) -> u32 {
        self.era
    }

    /// Share of requests to admit, in hundredths of a percent.
    pub(crate) fn share_bps(&self) -> u32 {
        match self.phase {
            Phase::Closed if self.cautious => 5_000,
            Phase::Closed => 10_000,
            Phase::Open { .. } => 0,
            Phase::HalfOpen(_) => (self.settings.probe_share * 1e4).round() as u32,
            Phase::Ramp(ramp) => ramp.percent(&self.settings) * 100,
        }
    }

    pub(crate) fn open_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until } => until,
            _ => None,
        }
    }

    pub(crate) fn learned(&self) -> Learned {
        let limits = self.limits();
        Learned {
            threshold_us: Some(limits.threshold_us),
            ceiling_us: Some(limits.ceiling_us),
            ceiling_raised: limits.ceiling_raised,
            baseline_us: self
                .baseline
                .p99_us()
                .and_then(|us| self.windows.shown_us(us)),
            p99_us: self
                .tail
                .and_then(|tail| self.windows.shown_us(tail.p99_us)),
            p99_bound_us: self
                .tail
                .and_then(|tail| self.windows.shown_us(tail.bound_us)),
            samples: self
                .windows
                .newest(self.settings.slow_slots)
                .counts()
                .requests,
            dispersion: Some(self.dispersion.value()),
            background_failure_share: self.background.share(),
            cautious: self.cautious,
        }
    }

    fn limits(&self) -> Threshold {
        threshold(&self.baseline, &self.profile, &self.settings)
    }

    /// The share of failures that is normal for the key.
    fn tolerated_failures(&self) -> f64 {
        self.settings
            .probe_failure_share
            .max(2.0 * self.background.share())
    }

    /// A verdict against the model. The soft verdict that is one too many lets the baseline go
    /// instead of opening once more.
    fn condemn(&mut self, reason: Reason, soft: bool, now: Instant) -> Transition {
        if !soft {
            self.soft_verdicts.hard();
        } else if self.soft_verdicts.soft(&self.settings) {
            self.forget_normal();
            return self.enter(Phase::Ramp(Ramp::new(now)), Reason::Rebaselined, now);
        }
        self.open(reason, now)
    }

    fn open(&mut self, reason: Reason, now: Instant) -> Transition {
        let jitter = self.rng.random_range(-1.0..=1.0);
        let open_for = self.backoff.open(jitter, &self.settings);
        self.dispersion.discard_held_back();
        self.enter(
            Phase::Open {
                until: Some(now + open_for),
            },
            reason,
            now,
        )
    }

    fn forget_normal(&mut self) {
        self.baseline = Baseline::new(None);
        self.dispersion.reset();
    }

    fn enter(&mut self, phase: Phase, reason: Reason, now: Instant) -> Transition {
        let from = self.phase.state();
        self.phase = phase;
        self.begin_era(now);
        Transition {
            at: now,
            from,
            to: self.phase.state(),
            reason,
            era: self.era,
        }
    }

    /// What was admitted before says nothing about what follows.
    fn begin_era(&mut self, now: Instant) {
        self.era = self.era.wrapping_add(1);
        self.windows.clear(now);
        self.streak = FailureStreak::default();
        self.slow_calls = SlowCalls::default();
        self.votes = Votes::default();
    }

    fn sampled_time(&self, now: Instant) -> Duration {
        let began = self.windows.due() - self.settings.slot;
        now.saturating_duration_since(began)
    }
}
