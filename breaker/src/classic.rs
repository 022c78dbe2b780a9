//! The `classic` preset: P99 against an exponential average of itself.
//!
//! Kept because it is what many services run, and to show beside `evidence` in one table what it
//! catches and what it misses. Failures are no signal to it while closed.

use crate::outcome::Report;
use crate::settings::{ClassicSettings, KeyProfile, Order};
use crate::sketch::Scale;
use crate::snapshot::Learned;
use crate::transition::{Force, Reason, State, Transition};
use crate::window::Windows;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Closed,
    Open { until: Option<Instant> },
    HalfOpen { probes: u32, succeeded: u32 },
}

#[derive(Debug)]
pub(crate) struct ClassicBreaker {
    settings: Arc<ClassicSettings>,
    profile: KeyProfile,
    phase: Phase,
    era: u32,
    windows: Windows,
    baseline_us: Option<f64>,
    p99_us: Option<f64>,
    streak: u32,
}

impl ClassicBreaker {
    pub(crate) fn new(
        settings: Arc<ClassicSettings>,
        profile: KeyProfile,
        era: u32,
        now: Instant,
    ) -> Self {
        let scale = Scale::of(&profile);
        Self {
            windows: Windows::new(
                settings.slots(),
                settings.interval,
                scale,
                profile.deadline,
                now,
            ),
            settings,
            profile,
            phase: Phase::Closed,
            era,
            baseline_us: None,
            p99_us: None,
            streak: 0,
        }
    }

    pub(crate) fn record(&mut self, era: u32, report: &Report, now: Instant) -> Option<Transition> {
        if era != self.era {
            return None;
        }
        let evidence = report.evidence(self.profile.deadline)?;
        match self.phase {
            Phase::Open { .. } => None,
            Phase::Closed => {
                self.windows.record(&evidence);
                None
            }
            Phase::HalfOpen { probes, succeeded } => {
                let (probes, succeeded) = (probes + 1, succeeded + u32::from(!evidence.failed));
                self.phase = Phase::HalfOpen { probes, succeeded };
                self.judge_probes(probes, succeeded, now)
            }
        }
    }

    fn judge_probes(&mut self, probes: u32, succeeded: u32, now: Instant) -> Option<Transition> {
        if probes < self.settings.probes {
            return None;
        }
        if f64::from(succeeded) >= self.settings.probe_success * f64::from(probes) {
            return Some(self.enter(Phase::Closed, Reason::ProbesPassed, now));
        }
        Some(self.open(Reason::ProbeFailures, now))
    }

    pub(crate) fn stood_still(&mut self, gap: Duration) {
        self.windows.stood_still(gap);
    }

    pub(crate) fn tick(&mut self, now: Instant) -> Option<Transition> {
        if self.next_due().is_none_or(|due| now < due) {
            return None;
        }
        match self.phase {
            Phase::Closed => self.sample(now),
            Phase::Open { .. } => {
                let probing = Phase::HalfOpen {
                    probes: 0,
                    succeeded: 0,
                };
                Some(self.enter(probing, Reason::OpenElapsed, now))
            }
            Phase::HalfOpen { .. } => None,
        }
    }

    fn sample(&mut self, now: Instant) -> Option<Transition> {
        self.p99_us = self.windows.newest(usize::MAX).p99_us();
        self.windows.rotate(now);
        let sample = self.p99_us?;
        let moved = self.baseline_us.map_or(sample, |base| {
            self.settings.alpha * sample + (1.0 - self.settings.alpha) * base
        });
        let reference = match self.settings.order {
            Order::CompareThenUpdate => self.baseline_us.unwrap_or(sample),
            Order::UpdateThenCompare => moved,
        };
        self.baseline_us = Some(moved);
        let over = sample > self.settings.multiplier * reference;
        self.streak = if over { self.streak + 1 } else { 0 };
        (self.streak >= self.settings.streak).then(|| self.open(Reason::P99OverThreshold, now))
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closed => Some(self.windows.due()),
            Phase::Open { until } => until,
            Phase::HalfOpen { .. } => None,
        }
    }

    pub(crate) fn force(&mut self, force: Force, now: Instant) -> Transition {
        let phase = match force {
            Force::Open => Phase::Open { until: None },
            Force::Close => Phase::Closed,
            Force::Reset => {
                self.baseline_us = None;
                Phase::Closed
            }
        };
        self.enter(phase, force.reason(), now)
    }

    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        let seen = self.windows.newest(usize::MAX).counts();
        self.phase == Phase::Closed && seen.requests == 0
    }

    pub(crate) fn era(&self) -> u32 {
        self.era
    }

    pub(crate) fn share_bps(&self) -> u32 {
        match self.phase {
            Phase::Closed => 10_000,
            Phase::Open { .. } => 0,
            Phase::HalfOpen { .. } => (self.settings.probe_share * 1e4).round() as u32,
        }
    }

    pub(crate) fn open_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until } => until,
            _ => None,
        }
    }

    pub(crate) fn learned(&self) -> Learned {
        Learned {
            threshold_us: self.baseline_us.map(|base| base * self.settings.multiplier),
            baseline_us: self.baseline_us.and_then(|us| self.windows.shown_us(us)),
            p99_us: self.p99_us.and_then(|us| self.windows.shown_us(us)),
            samples: self.windows.newest(usize::MAX).counts().requests,
            ..Learned::default()
        }
    }

    /// Opens a fresh breaker whose gate was not closed.
    pub(crate) fn take_over(&mut self, now: Instant) -> Transition {
        self.open(Reason::TakenOver, now)
    }

    fn open(&mut self, reason: Reason, now: Instant) -> Transition {
        self.enter(
            Phase::Open {
                until: Some(now + self.settings.open_time),
            },
            reason,
            now,
        )
    }

    fn enter(&mut self, phase: Phase, reason: Reason, now: Instant) -> Transition {
        let from = self.state();
        self.phase = phase;
        self.era = self.era.wrapping_add(1);
        self.windows.clear(now);
        self.streak = 0;
        Transition {
            at: now,
            from,
            to: self.state(),
            reason,
            era: self.era,
        }
    }
}
