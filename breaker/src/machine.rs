//! The breaker of one key: either preset behind one face.

use crate::classic::ClassicBreaker;
use crate::evidence::EvidenceBreaker;
use crate::outcome::Report;
use crate::settings::{BreakerSettings, ClassicSettings, EvidenceSettings, KeyProfile, Preset};
use crate::snapshot::BreakerSnapshot;
use crate::transition::{Force, Reason, State, Transition};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Settings as machines hold them: shared by every key.
#[derive(Debug, Clone)]
pub struct Rules {
    preset: Preset,
    evidence: Arc<EvidenceSettings>,
    classic: Arc<ClassicSettings>,
}

impl Rules {
    pub fn new(settings: &BreakerSettings) -> Self {
        Self {
            preset: settings.preset,
            evidence: Arc::new(settings.evidence.clone()),
            classic: Arc::new(settings.classic.clone()),
        }
    }

    /// The longest time between two probes while requests keep coming. The plain rule knows only
    /// a share.
    pub(crate) fn probe_interval(&self) -> Option<Duration> {
        match self.preset {
            Preset::Evidence => Some(self.evidence.probe_interval()),
            Preset::Classic => None,
        }
    }

    pub(crate) fn probe_concurrency(&self) -> u32 {
        match self.preset {
            Preset::Evidence => self.evidence.probe_concurrency,
            Preset::Classic => u32::MAX,
        }
    }
}

/// What the request path must know of a breaker; the breaker publishes it after every change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posture {
    pub state: State,
    /// Share of requests to admit, in hundredths of a percent.
    pub share_bps: u32,
    pub era: u32,
    /// When probing begins, while open and not forced open.
    pub until: Option<Instant>,
    /// Forced open: stays so even if the breaker falls silent.
    pub pinned: bool,
}

#[derive(Debug)]
enum Rule {
    Evidence(Box<EvidenceBreaker>),
    Classic(Box<ClassicBreaker>),
}

macro_rules! each {
    ($self:expr, $rule:ident => $body:expr) => {
        match $self {
            Rule::Evidence($rule) => $body,
            Rule::Classic($rule) => $body,
        }
    };
}

#[derive(Debug)]
pub struct Breaker {
    rule: Rule,
    transitions: u64,
    last_reason: Option<Reason>,
    late_reports: u64,
}

impl Breaker {
    /// `era` must not be one that reports in flight may still name. `seed` feeds the jitter of the
    /// open time.
    pub fn new(rules: &Rules, profile: KeyProfile, era: u32, seed: u64, now: Instant) -> Self {
        let rule = match rules.preset {
            Preset::Evidence => Rule::Evidence(Box::new(EvidenceBreaker::new(
                Arc::clone(&rules.evidence),
                profile,
                era,
                seed,
                now,
            ))),
            Preset::Classic => Rule::Classic(Box::new(ClassicBreaker::new(
                Arc::clone(&rules.classic),
                profile,
                era,
                now,
            ))),
        };
        Self {
            rule,
            transitions: 0,
            last_reason: None,
            late_reports: 0,
        }
    }

    /// Takes the outcome of a request admitted in `era`. Call [`Self::tick`] first when it is due.
    pub fn record(&mut self, era: u32, report: &Report, now: Instant) -> Option<Transition> {
        if era != self.posture_era() {
            self.late_reports += 1;
            return None;
        }
        let change = each!(&mut self.rule, rule => rule.record(era, report, now));
        self.noted(change)
    }

    /// Does one thing that is due; call it while [`Self::next_due`] is not ahead of `now`.
    pub fn tick(&mut self, now: Instant) -> Option<Transition> {
        let change = each!(&mut self.rule, rule => rule.tick(now));
        self.noted(change)
    }

    pub fn next_due(&self) -> Option<Instant> {
        each!(&self.rule, rule => rule.next_due())
    }

    /// Closed, with no request in its windows: nothing but time can be due.
    pub fn is_quiet(&self) -> bool {
        each!(&self.rule, rule => rule.is_quiet())
    }

    pub fn force(&mut self, force: Force, now: Instant) -> Transition {
        let change = each!(&mut self.rule, rule => rule.force(force, now));
        self.noted(Some(change));
        change
    }

    /// The process stood still for `gap`; what is measured in time gets that time again.
    pub(crate) fn stood_still(&mut self, gap: Duration) {
        each!(&mut self.rule, rule => rule.stood_still(gap));
    }

    /// Halves the admission while closed; the plain rule knows no caution.
    pub fn set_cautious(&mut self, cautious: bool) {
        if let Rule::Evidence(rule) = &mut self.rule {
            rule.set_cautious(cautious);
        }
    }

    /// Opens, if closed, because enough instances agree.
    pub fn join_open(&mut self, now: Instant) -> Option<Transition> {
        let change = match &mut self.rule {
            Rule::Evidence(rule) => rule.join_open(now),
            Rule::Classic(_) => None,
        };
        self.noted(change)
    }

    /// Begins open, because that is how its predecessor left its gate; `pinned` as an operator did.
    pub(crate) fn take_over(&mut self, pinned: bool, now: Instant) -> Transition {
        let change = match pinned {
            true => each!(&mut self.rule, rule => rule.force(Force::Open, now)),
            false => each!(&mut self.rule, rule => rule.take_over(now)),
        };
        self.noted(Some(change));
        change
    }

    pub fn posture(&self) -> Posture {
        each!(&self.rule, rule => Posture {
            state: rule.state(),
            share_bps: rule.share_bps(),
            era: rule.era(),
            until: rule.open_until(),
            pinned: rule.state() == State::Open && rule.open_until().is_none(),
        })
    }

    fn posture_era(&self) -> u32 {
        each!(&self.rule, rule => rule.era())
    }

    pub fn snapshot(&self, key: String, now: Instant) -> BreakerSnapshot {
        let posture = self.posture();
        let remaining = posture
            .until
            .map(|until| until.saturating_duration_since(now));
        BreakerSnapshot {
            key,
            state: posture.state,
            era: posture.era,
            admitted_share: f64::from(posture.share_bps) / 1e4,
            admitted_at_once: None,
            open_remaining_ms: remaining.map(|left| left.as_millis() as u64),
            transitions: self.transitions,
            last_reason: self.last_reason,
            late_reports: self.late_reports,
            learned: each!(&self.rule, rule => rule.learned()),
        }
    }

    fn noted(&mut self, change: Option<Transition>) -> Option<Transition> {
        if let Some(change) = change {
            self.transitions += 1;
            self.last_reason = Some(change.reason);
        }
        change
    }
}
