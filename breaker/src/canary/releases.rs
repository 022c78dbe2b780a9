//! The canaries of a process, by model: at most one each.

use super::machine::{Canary, CanaryOptions, CanarySnapshot, CanaryState, Decision};
use crate::key::BreakerKey;
use crate::outcome::{Outcome, Report};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Two versions of a model, one of them new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub model: Arc<str>,
    pub stable: u64,
    pub canary: u64,
}

/// A decision about one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseDecision {
    pub release: Release,
    pub decision: Decision,
}

/// What an operator may ask of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseCommand {
    Promote,
    RollBack,
    Pause,
    Resume,
}

/// Why a release was not started or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    #[error("model `{0}` has a canary under way; promote it or roll it back first")]
    UnderWay(Arc<str>),
    #[error("model `{0}` has no canary; GET /admin/canary lists those there are")]
    Unknown(String),
    #[error("the canary of model `{0}` has ended")]
    Over(Arc<str>),
}

#[derive(Debug)]
struct Entry {
    release: Release,
    canary: Canary,
}

/// All releases, those that have ended included: one a model, so that there are no more than models.
#[derive(Debug, Default)]
pub struct Releases {
    by_model: BTreeMap<Arc<str>, Entry>,
}

impl Releases {
    /// Starts a canary, unless the model has one under way; the first share is a decision like
    /// those that follow.
    pub fn start(
        &mut self,
        release: Release,
        options: CanaryOptions,
        now: Instant,
    ) -> Result<ReleaseDecision, ReleaseError> {
        let former = self.by_model.get(&release.model);
        if former.is_some_and(|entry| !entry.canary.state().is_over()) {
            return Err(ReleaseError::UnderWay(release.model));
        }
        let canary = Canary::start(options, now);
        let decision = match canary.state() {
            CanaryState::Promoted => Decision::Promote,
            _ => Decision::Advance {
                percent: canary.percent(),
            },
        };
        let entry = Entry { release, canary };
        let decided = entry.decided(decision);
        self.by_model
            .insert(Arc::clone(&entry.release.model), entry);
        Ok(decided)
    }

    /// Nothing is under way, so outcomes need not be looked at.
    pub fn is_idle(&self) -> bool {
        let mut entries = self.by_model.values();
        entries.all(|entry| entry.canary.state().is_over())
    }

    /// Takes what became of a request of this key.
    pub fn record(&mut self, key: &BreakerKey, report: &Report) -> Option<ReleaseDecision> {
        let entry = self.by_model.get_mut(&key.model)?;
        let is_canary = key.version == entry.release.canary;
        if !is_canary && key.version != entry.release.stable {
            return None;
        }
        entry.canary.record(is_canary, report);
        let ended = is_canary && report.outcome == Outcome::NotFinite;
        let decision = if ended {
            entry.canary.not_finite()
        } else {
            None
        };
        decision.map(|decision| entry.decided(decision))
    }

    /// The breaker of this key has opened.
    pub fn breaker_opened(&mut self, key: &BreakerKey) -> Option<ReleaseDecision> {
        let entry = self.by_model.get_mut(&key.model)?;
        let is_canary = key.version == entry.release.canary;
        let decision = is_canary.then(|| entry.canary.breaker_opened()).flatten()?;
        Some(entry.decided(decision))
    }

    /// Looks at the evidence of every release.
    pub fn tick(&mut self, now: Instant) -> Vec<ReleaseDecision> {
        let entries = self.by_model.values_mut();
        let decided = entries.filter_map(|entry| {
            let decision = entry.canary.tick(now)?;
            Some(entry.decided(decision))
        });
        decided.collect()
    }

    /// Carries an operator's command out.
    pub fn command(
        &mut self,
        model: &str,
        command: ReleaseCommand,
        now: Instant,
    ) -> Result<Option<ReleaseDecision>, ReleaseError> {
        let entry = self.by_model.get_mut(model);
        let entry = entry.ok_or_else(|| ReleaseError::Unknown(model.to_owned()))?;
        let is_over = entry.canary.state().is_over();
        let decision = match command {
            ReleaseCommand::Promote => entry.canary.promote(),
            ReleaseCommand::RollBack => entry.canary.roll_back(),
            ReleaseCommand::Pause if !is_over => {
                entry.canary.pause(now);
                return Ok(None);
            }
            ReleaseCommand::Resume if !is_over => {
                entry.canary.resume(now);
                return Ok(None);
            }
            ReleaseCommand::Pause | ReleaseCommand::Resume => None,
        };
        match decision {
            Some(decision) => Ok(Some(entry.decided(decision))),
            None => Err(ReleaseError::Over(Arc::clone(&entry.release.model))),
        }
    }

    /// Every release, by model.
    pub fn snapshot(&self) -> Vec<ReleaseSnapshot> {
        let entries = self.by_model.values();
        let shown = entries.map(|entry| ReleaseSnapshot {
            model: Arc::clone(&entry.release.model),
            stable: entry.release.stable,
            canary: entry.release.canary,
            at: entry.canary.snapshot(),
        });
        shown.collect()
    }
}

impl Entry {
    fn decided(&self, decision: Decision) -> ReleaseDecision {
        ReleaseDecision {
            release: self.release.clone(),
            decision,
        }
    }
}

/// A release at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseSnapshot {
    pub model: Arc<str>,
    /// Version beside which the canary is judged.
    pub stable: u64,
    /// The new version.
    pub canary: u64,
    #[serde(flatten)]
    pub at: CanarySnapshot,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::{CanaryPlan, CanarySettings, RollbackReason};
    use std::time::Duration;

    #[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn release(canary: u64) -> Release {
        Release {
            model: "ranker".into(),
            stable: 1,
            canary,
        }
    }

    fn options() -> CanaryOptions {
        CanaryOptions {
            plan: CanaryPlan::Linear,
            settings: CanarySettings::default(),
            deadline: Duration::from_millis(800),
        }
    }

    fn key(version: u64) -> BreakerKey {
        BreakerKey::new("ranker", version, "home")
    }

    fn report(outcome: Outcome) -> Report {
        Report::new(outcome, Duration::from_millis(2))
    }

    #[test]
    fn outcomes_go_to_the_arm_of_their_version() {
        let now = origin();
        let mut releases = Releases::default();
        let started = releases.start(release(2), options(), now).unwrap();
        assert_eq!(started.decision, Decision::Advance { percent: 10 });
        for version in [1, 1, 2, 3] {
            assert_eq!(releases.record(&key(version), &report(Outcome::Ok)), None);
        }
        let shown = releases.snapshot();
        assert_eq!(
            (shown[0].at.stable_samples, shown[0].at.canary_samples),
            (2, 1)
        );
        let other = BreakerKey::new("other", 2, "home");
        assert_eq!(releases.record(&other, &report(Outcome::NotFinite)), None);
    }

    #[test]
    fn a_score_that_is_no_number_ends_the_canary_and_only_that() {
        let now = origin();
        let mut releases = Releases::default();
        releases.start(release(2), options(), now).unwrap();
        assert_eq!(releases.record(&key(1), &report(Outcome::NotFinite)), None);
        let ended = releases
            .record(&key(2), &report(Outcome::NotFinite))
            .unwrap();
        assert_eq!(
            ended.decision,
            Decision::RollBack(RollbackReason::NotFinite)
        );
        assert!(releases.is_idle());
    }

    #[test]
    fn only_the_canarys_own_breaker_ends_it() {
        let now = origin();
        let mut releases = Releases::default();
        releases.start(release(2), options(), now).unwrap();
        assert_eq!(releases.breaker_opened(&key(1)), None);
        assert!(releases.breaker_opened(&key(2)).is_some());
    }

    #[test]
    fn one_release_a_model_and_commands_that_come_too_late_say_so() {
        let now = origin();
        let mut releases = Releases::default();
        releases.start(release(2), options(), now).unwrap();
        let again = releases.start(release(3), options(), now);
        assert_eq!(again, Err(ReleaseError::UnderWay("ranker".into())));
        let command = |releases: &mut Releases, command| releases.command("ranker", command, now);
        assert_eq!(command(&mut releases, ReleaseCommand::Pause), Ok(None));
        assert_eq!(releases.snapshot()[0].at.state, CanaryState::Paused);
        assert!(
            command(&mut releases, ReleaseCommand::Promote)
                .unwrap()
                .is_some()
        );
        let late = command(&mut releases, ReleaseCommand::Pause);
        assert_eq!(late, Err(ReleaseError::Over("ranker".into())));
        assert!(
            releases
                .command("nobody", ReleaseCommand::Promote, now)
                .is_err()
        );
        releases.start(release(3), options(), now).unwrap();
    }
}
