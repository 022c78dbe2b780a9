//! When each request is due: pure arithmetic over a seed.
//!
//! A schedule is the composition of two independent things: a [`RateCurve`] (how many requests
//! per second at each moment: stages) and an [`ArrivalSpec`] (how irregular the gaps are). Gaps
//! are drawn in *operational time*, where one request is due per unit on average, and the curve's
//! inverse turns them into seconds. So every arrival process works with every stage.
//!
//! Knows no clock, no socket, no thread: the same seed gives the same schedule on any machine.

mod arrivals;
mod curve;
mod stage_text;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use arrivals::{ArrivalSpec, MmppSpec};
pub(crate) use curve::{RateCurve, Shape, Stage};
pub(crate) use stage_text::parse_stages;

use arrivals::Gaps;

/// One due request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Position in the whole schedule, counted from 0, warm-up included.
    pub index: u64,
    /// When it is due, since the start of the run.
    pub due: Duration,
}

/// Everything that fixes a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleSpec {
    /// The arrival process.
    pub arrivals: ArrivalSpec,
    /// The stages, in order; the warm-up is held at the first one's starting rate before them.
    pub stages: Vec<Stage>,
    /// Time before the measured window.
    #[serde(rename = "warmup_s", with = "crate::units::seconds")]
    pub warmup: Duration,
    /// Seed of the arrival process.
    pub seed: u64,
}

impl ScheduleSpec {
    /// The rate curve, warm-up first.
    pub fn curve(&self) -> RateCurve {
        let warm_rate = self
            .stages
            .first()
            .map_or(0.0, |stage| stage.shape.start_rate());
        let warm = (!self.warmup.is_zero()).then(|| Stage {
            name: "warm-up".to_owned(),
            length: self.warmup,
            shape: Shape::Linear {
                from: warm_rate,
                to: warm_rate,
            },
        });
        RateCurve::new(
            warm.into_iter()
                .chain(self.stages.iter().cloned())
                .collect(),
        )
    }

    /// The measured stages with their start and end since the start of the run.
    pub fn windows(&self) -> Vec<(String, Duration, Duration)> {
        let mut at = self.warmup;
        let place = |stage: &Stage| {
            let start = at;
            at += stage.length;
            (stage.name.clone(), start, at)
        };
        self.stages.iter().map(place).collect()
    }

    /// Length of the measured window.
    pub fn measured(&self) -> Duration {
        self.stages.iter().map(|stage| stage.length).sum()
    }

    /// The arrivals in order of their due time.
    pub fn arrivals(&self) -> Schedule {
        Schedule {
            gaps: Gaps::new(&self.arrivals, self.curve(), self.seed),
            next: 0,
        }
    }
}

/// Iterator over the arrivals of a [`ScheduleSpec`].
#[derive(Debug)]
pub struct Schedule {
    gaps: Gaps,
    next: u64,
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let due = self.gaps.next_due()?;
        let index = self.next;
        self.next += 1;
        Some(Arrival { index, due })
    }
}

#[cfg(test)]
mod tests;
