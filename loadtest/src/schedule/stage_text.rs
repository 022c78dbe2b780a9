//! Stages as written on the command line: `ramp:100..1000:30s,soak:1000:10m`.

use std::time::Duration;

use super::curve::{Shape, Stage};
use crate::units::{UnitError, parse_duration, parse_rate};

/// At most this many stages: each has a histogram of its own.
const MAX_STAGES: usize = 64;

/// What is wrong with a list of stages.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum StageTextError {
    /// Not one of the known forms.
    #[error(
        "stage `{0}` is not understood; write hold:RATE:TIME, soak:RATE:TIME, ramp:A..B:TIME, \
         step:A..B/STEPS:TIME, spike:BASE..PEAK:TIME or sine:LOW..HIGH/PERIOD:TIME"
    )]
    Form(String),
    /// A rate or a duration inside a stage.
    #[error("stage `{stage}`: {source}")]
    Unit {
        /// The stage as written.
        stage: String,
        /// What was wrong with it.
        source: UnitError,
    },
    /// Too many.
    #[error("{0} stages, at most {MAX_STAGES} are kept apart in a report")]
    TooMany(usize),
}

/// Reads a comma-separated list of stages.
pub(crate) fn parse_stages(text: &str) -> Result<Vec<Stage>, StageTextError> {
    let mut stages = Vec::new();
    for one in text.split(',').map(str::trim) {
        stages.extend(parse_stage(one)?);
    }
    if stages.len() > MAX_STAGES {
        return Err(StageTextError::TooMany(stages.len()));
    }
    Ok(stages)
}

fn parse_stage(text: &str) -> Result<Vec<Stage>, StageTextError> {
    let form = || StageTextError::Form(text.to_owned());
    let unit = |source| StageTextError::Unit {
        stage: text.to_owned(),
        source,
    };
    let mut fields = text.split(':');
    let (Some(kind), Some(rates), Some(time), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(form());
    };
    let length = parse_duration(time).map_err(unit)?;
    if length.is_zero() {
        return Err(form());
    }
    let (range, extra) = match rates.split_once('/') {
        Some((range, extra)) => (range, Some(extra)),
        None => (rates, None),
    };
    let (from, to) = match range.split_once("..") {
        Some((from, to)) => (
            parse_rate(from).map_err(unit)?,
            parse_rate(to).map_err(unit)?,
        ),
        None => {
            let rate = parse_rate(range).map_err(unit)?;
            (rate, rate)
        }
    };
    let is_range = range.contains("..");
    let stage = |name: String, length, shape| Stage {
        name,
        length,
        shape,
    };
    match (kind, is_range, extra) {
        ("hold" | "soak", false, None) => Ok(vec![stage(
            format!("{kind} {from}/s"),
            length,
            Shape::Linear { from, to },
        )]),
        ("ramp", true, None) => Ok(vec![stage(
            format!("ramp {from}→{to}/s"),
            length,
            Shape::Linear { from, to },
        )]),
        ("step", true, Some(steps)) => {
            let steps: u32 = steps.parse().map_err(|_| form())?;
            if steps < 2 || steps as usize > MAX_STAGES {
                return Err(form());
            }
            Ok(steps_between(from, to, steps, length))
        }
        ("spike", true, None) => Ok(spike(from, to, length)),
        ("sine", true, Some(period)) => {
            let period_s = parse_duration(period).map_err(unit)?.as_secs_f64();
            if period_s == 0.0 {
                return Err(form());
            }
            let (low, high) = (from.min(to), from.max(to));
            let shape = Shape::Sine {
                low,
                high,
                period_s,
            };
            Ok(vec![stage(format!("sine {low}–{high}/s"), length, shape)])
        }
        _ => Err(form()),
    }
}

fn hold(name: String, rate: f64, length: Duration) -> Stage {
    Stage {
        name,
        length,
        shape: Shape::Linear {
            from: rate,
            to: rate,
        },
    }
}

fn steps_between(from: f64, to: f64, steps: u32, length: Duration) -> Vec<Stage> {
    let rise = (to - from) / f64::from(steps - 1);
    let rate = |i: u32| from + rise * f64::from(i);
    (0..steps)
        .map(|i| hold(format!("step {}/s", rate(i)), rate(i), length / steps))
        .collect()
}

/// Base, peak, base, a third of the time each.
fn spike(base: f64, peak: f64, length: Duration) -> Vec<Stage> {
    let third = length / 3;
    vec![
        hold(format!("before spike {base}/s"), base, third),
        hold(format!("spike {peak}/s"), peak, third),
        hold(format!("after spike {base}/s"), base, third),
    ]
}
