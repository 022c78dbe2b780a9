//! The offered rate as a function of time, its integral and the integral's inverse.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the rate runs within one stage, in requests per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A straight line; `from == to` is a constant rate.
    Linear {
        /// Rate at the stage's start.
        from: f64,
        /// Rate at its end.
        to: f64,
    },
    /// `low` at the start, `high` after half a period.
    Sine {
        /// Lowest rate.
        low: f64,
        /// Highest rate.
        high: f64,
        /// Seconds from one low to the next.
        period_s: f64,
    },
}

impl Shape {
    /// Rate at the start of the stage.
    pub fn start_rate(&self) -> f64 {
        match *self {
            Self::Linear { from, .. } => from,
            Self::Sine { low, .. } => low,
        }
    }

    /// Requests due in the first `t` seconds.
    fn integral(&self, t: f64, length: f64) -> f64 {
        match *self {
            Self::Linear { from, to } => from * t + (to - from) / (2.0 * length) * t * t,
            Self::Sine {
                low,
                high,
                period_s,
            } => {
                let (mean, swing) = (f64::midpoint(low, high), (high - low) / 2.0);
                let omega = std::f64::consts::TAU / period_s;
                mean * t - swing / omega * (omega * t).sin()
            }
        }
    }

    /// The `t` at which `count` requests have been due.
    fn inverse(&self, count: f64, length: f64) -> f64 {
        match *self {
            Self::Linear { from, to } => {
                let slope = (to - from) / length;
                // The usual root formula cancels badly for slopes near zero; this form does not.
                let root = (from * from + 2.0 * slope * count).max(0.0).sqrt();
                if from + root > 0.0 {
                    2.0 * count / (from + root)
                } else {
                    length
                }
            }
            Self::Sine { .. } => {
                let (mut low, mut high) = (0.0, length);
                // 60 halvings reach the resolution of f64; the integral never falls.
                for _ in 0..60 {
                    let middle = f64::midpoint(low, high);
                    if self.integral(middle, length) < count {
                        low = middle;
                    } else {
                        high = middle;
                    }
                }
                f64::midpoint(low, high)
            }
        }
    }
}

/// One stage of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What the report calls it.
    pub name: String,
    /// How long it lasts.
    #[serde(rename = "length_s", with = "crate::units::seconds")]
    pub length: Duration,
    /// Its rate.
    pub shape: Shape,
}

#[derive(Clone, Debug)]
struct Segment {
    start: f64,
    length: f64,
    due_before: f64,
    shape: Shape,
}

/// Stages laid end to end.
#[derive(Clone, Debug)]
pub struct RateCurve {
    segments: Vec<Segment>,
    end: f64,
    total: f64,
}

impl RateCurve {
    /// Lays the stages end to end; stages of no length are left out.
    pub fn new(stages: Vec<Stage>) -> Self {
        let (mut start, mut due_before) = (0.0, 0.0);
        let mut segments = Vec::with_capacity(stages.len());
        for stage in stages.into_iter().filter(|stage| !stage.length.is_zero()) {
            let length = stage.length.as_secs_f64();
            segments.push(Segment {
                start,
                length,
                due_before,
                shape: stage.shape,
            });
            start += length;
            due_before += stage.shape.integral(length, length);
        }
        Self {
            segments,
            end: start,
            total: due_before,
        }
    }

    /// Seconds from start to end.
    pub fn end_s(&self) -> f64 {
        self.end
    }

    /// Requests expected over the whole curve.
    #[cfg(test)]
    pub fn total(&self) -> f64 {
        self.total
    }

    /// Requests expected in the first `t` seconds.
    pub fn due_by(&self, t: f64) -> f64 {
        if t >= self.end {
            return self.total;
        }
        self.segment_at(t).map_or(0.0, |s| {
            s.due_before + s.shape.integral(t - s.start, s.length)
        })
    }

    /// Seconds until `count` requests are expected; `None` once the curve has ended.
    pub fn time_of(&self, count: f64) -> Option<f64> {
        if count >= self.total {
            return None;
        }
        let after = self.segments.partition_point(|s| s.due_before <= count);
        let s = &self.segments[after.checked_sub(1)?];
        Some(
            s.start
                + s.shape
                    .inverse(count - s.due_before, s.length)
                    .clamp(0.0, s.length),
        )
    }

    fn segment_at(&self, t: f64) -> Option<&Segment> {
        let after = self.segments.partition_point(|s| s.start <= t);
        self.segments.get(after.checked_sub(1)?)
    }
}
