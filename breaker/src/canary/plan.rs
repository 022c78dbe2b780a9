//! Which share of the traffic a canary gets, and for how long.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// At 100 canary requests a second and with latencies spread as widely as σ = 1, five minutes hold
/// the evidence that a step is judged by.
const STEP: Duration = Duration::from_secs(300);
/// A plan of more steps would be a mistake rather than a plan.
const MAX_STEPS: usize = 100;
/// The share of a plan that never moves by itself.
const MANUAL_PERCENT: u8 = 10;

/// One share of the traffic for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanStep {
    /// Share of the users that the canary answers; 100 is promotion.
    pub percent: u8,
    #[serde(rename = "for", with = "common::span")]
    pub time: Duration,
}

/// The plan of a canary.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum CanaryPlan {
    /// Ten percent more at each step.
    Linear,
    /// 1, 5, 10, 25, 50 percent.
    #[default]
    Cautious,
    /// A share that stays until an operator promotes or rolls back. The canary is judged all the
    /// same, and rolled back when it is proven bad.
    Manual,
    /// Steps of one's own.
    Steps(Vec<PlanStep>),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Name(String),
    Steps(Vec<PlanStep>),
}

/// A plan that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("`{0}` is no plan; write \"linear\", \"cautious\", \"manual\" or a list of steps")]
    UnknownName(String),
    #[error("a plan has 1 to 100 steps, this one has {0}")]
    Length(usize),
    #[error("step {0}: write a percent between 1 and 100 that is above the last step's")]
    Percent(usize),
    #[error("step {0}: write a time above zero, such as \"5m\"")]
    Time(usize),
}

impl TryFrom<Written> for CanaryPlan {
    type Error = PlanError;

    fn try_from(written: Written) -> Result<Self, PlanError> {
        match written {
            Written::Steps(steps) => Self::of_steps(steps),
            Written::Name(name) => match name.as_str() {
                "linear" => Ok(Self::Linear),
                "cautious" => Ok(Self::Cautious),
                "manual" => Ok(Self::Manual),
                _ => Err(PlanError::UnknownName(name)),
            },
        }
    }
}

impl From<CanaryPlan> for Written {
    fn from(plan: CanaryPlan) -> Self {
        match plan {
            CanaryPlan::Linear => Self::Name("linear".to_owned()),
            CanaryPlan::Cautious => Self::Name("cautious".to_owned()),
            CanaryPlan::Manual => Self::Name("manual".to_owned()),
            CanaryPlan::Steps(steps) => Self::Steps(steps),
        }
    }
}

impl CanaryPlan {
    /// A plan of one's own: rising shares, each for a time.
    pub fn of_steps(steps: Vec<PlanStep>) -> Result<Self, PlanError> {
        if steps.is_empty() || steps.len() > MAX_STEPS {
            return Err(PlanError::Length(steps.len()));
        }
        let mut last = 0;
        for (number, step) in (1..).zip(&steps) {
            if step.percent <= last || step.percent > 100 {
                return Err(PlanError::Percent(number));
            }
            if step.time.is_zero() {
                return Err(PlanError::Time(number));
            }
            last = step.percent;
        }
        Ok(Self::Steps(steps))
    }

    /// The steps that are judged. One of 100 percent is not among them: with no stable arm beside
    /// it there is nothing to judge by, so reaching it is promotion.
    pub(super) fn judged_steps(&self) -> Vec<PlanStep> {
        let of = |percents: &[u8]| {
            let step = |&percent: &u8| PlanStep {
                percent,
                time: STEP,
            };
            percents.iter().map(step).collect()
        };
        match self {
            Self::Linear => of(&[10, 20, 30, 40, 50, 60, 70, 80, 90]),
            Self::Cautious => of(&[1, 5, 10, 25, 50]),
            Self::Manual => of(&[MANUAL_PERCENT]),
            Self::Steps(steps) => {
                let judged = steps.iter().filter(|step| step.percent < 100);
                judged.copied().collect()
            }
        }
    }

    /// Whether it moves on by itself.
    pub(super) fn is_automatic(&self) -> bool {
        *self != Self::Manual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CanaryPlan, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn plans_are_read_by_name_or_as_steps_and_written_back() {
        for text in [
            r#""linear""#,
            r#""manual""#,
            r#"[{"percent":5,"for":"10s"},{"percent":50,"for":"90s"}]"#,
        ] {
            let plan = read(text).unwrap();
            assert_eq!(serde_json::to_string(&plan).unwrap(), text);
        }
        assert_eq!(read(r#""cautious""#).unwrap().judged_steps().len(), 5);
    }

    #[test]
    fn plans_that_cannot_be_carried_out_say_where() {
        assert!(read(r#""boldly""#).unwrap_err().contains("boldly"));
        assert!(read("[]").unwrap_err().contains("1 to 100 steps"));
        let falling = r#"[{"percent":5,"for":"10s"},{"percent":5,"for":"10s"}]"#;
        assert!(read(falling).unwrap_err().contains("step 2"));
        assert!(read(r#"[{"percent":101,"for":"1s"}]"#).is_err());
        assert!(read(r#"[{"percent":0,"for":"1s"}]"#).is_err());
        assert!(
            read(r#"[{"percent":1,"for":"0s"}]"#)
                .unwrap_err()
                .contains("time above zero")
        );
    }

    #[test]
    fn a_step_of_100_percent_is_promotion_and_not_judged() {
        let plan = read(r#"[{"percent":50,"for":"1s"},{"percent":100,"for":"1s"}]"#).unwrap();
        assert_eq!(plan.judged_steps().len(), 1);
    }
}
