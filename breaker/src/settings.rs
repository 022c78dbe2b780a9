//! Settings of the breaker, ready to be embedded in a configuration file.
//!
//! Every field has the default that the published detection table was measured with.

mod classic;
mod evidence;

pub use classic::{ClassicSettings, Order};
pub use evidence::EvidenceSettings;

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Statistical evidence against a slowly learned baseline.
    #[default]
    Evidence,
    /// The plain rule: P99 against an exponential average of itself.
    Classic,
}

/// What is configured for one key besides the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyProfile {
    /// The configured limit of a request, not the one a caller asks for.
    pub deadline: Duration,
    /// The latency promised at P99. No relative step is acted on below it.
    pub slo: Duration,
    /// P99 measured for this release beforehand, where known.
    pub release_p99: Option<Duration>,
}

impl Default for KeyProfile {
    fn default() -> Self {
        Self {
            deadline: Duration::from_millis(800),
            slo: Duration::from_millis(11),
            release_p99: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    pub preset: Preset,
    pub evidence: EvidenceSettings,
    pub classic: ClassicSettings,
    /// Keys watched at once; the least recently used one is forgotten for a new one. A key in use
    /// takes at most about 40 KiB.
    pub max_keys: usize,
    /// With more than half of at least this many keys open, the fault is ours or everyone's:
    /// concurrency is limited instead of rejecting everything.
    pub widespread_min_keys: usize,
    /// Requests of one key in flight while its breaker is open but concurrency is only limited.
    pub widespread_concurrency: u32,
    /// How long the fronts keep a published state other than closed when the breaker falls silent.
    #[serde(with = "common::span")]
    pub state_ttl: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            preset: Preset::Evidence,
            evidence: EvidenceSettings::default(),
            classic: ClassicSettings::default(),
            max_keys: 256,
            widespread_min_keys: 4,
            widespread_concurrency: 8,
            state_ttl: Duration::from_secs(60),
        }
    }
}

/// A setting that cannot work. Its text names the field, its value's range and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("breaker.{field} must be {expected}")]
pub struct SettingsError {
    pub field: &'static str,
    pub expected: &'static str,
}

impl BreakerSettings {
    /// Every setting that cannot work, so that all can be corrected at once.
    pub fn problems(&self) -> Vec<SettingsError> {
        let mut checks = Checks::default();
        checks.require(self.max_keys > 0, "max_keys", "at least 1");
        checks.require(
            self.widespread_min_keys > 1,
            "widespread_min_keys",
            "at least 2",
        );
        checks.require(
            self.widespread_concurrency > 0,
            "widespread_concurrency",
            "at least 1",
        );
        checks.require(!self.state_ttl.is_zero(), "state_ttl", "longer than zero");
        self.evidence.check(&mut checks);
        self.classic.check(&mut checks);
        checks.problems
    }
}

#[derive(Default)]
struct Checks {
    problems: Vec<SettingsError>,
}

impl Checks {
    fn require(&mut self, holds: bool, field: &'static str, expected: &'static str) {
        if !holds {
            self.problems.push(SettingsError { field, expected });
        }
    }

    fn share(&mut self, value: f64, field: &'static str) {
        self.require(value > 0.0 && value < 1.0, field, "a share between 0 and 1");
    }

    fn duration(&mut self, value: Duration, field: &'static str) {
        self.require(!value.is_zero(), field, "longer than zero");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_problem() {
        assert_eq!(BreakerSettings::default().problems(), []);
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let mut settings = BreakerSettings {
            max_keys: 0,
            ..Default::default()
        };
        settings.evidence.confidence_alpha = 1.5;
        settings.classic.window = Duration::ZERO;
        let fields: Vec<_> = settings.problems().iter().map(|p| p.field).collect();
        assert_eq!(
            fields,
            ["max_keys", "evidence.confidence_alpha", "classic.window"]
        );
    }

    #[test]
    fn durations_are_written_with_their_unit_and_unknown_keys_refused() {
        let settings: BreakerSettings =
            serde_json::from_str(r#"{"preset":"classic","evidence":{"slot":"2s"}}"#).unwrap();
        assert_eq!(settings.preset, Preset::Classic);
        assert_eq!(settings.evidence.slot, Duration::from_secs(2));
        assert!(serde_json::from_str::<BreakerSettings>(r#"{"presets":"classic"}"#).is_err());
    }
}
