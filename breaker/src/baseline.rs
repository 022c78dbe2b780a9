//! The latency that is normal for a key: a slow average of P99, learned in health only.

use crate::settings::EvidenceSettings;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Baseline {
    /// Averaging the first samples; there is no relative threshold yet.
    Learning {
        sum_us: f64,
        samples: u32,
    },
    Known {
        p99_us: f64,
    },
}

impl Baseline {
    /// Starts from a measured P99 where there is one.
    pub(crate) fn new(measured: Option<Duration>) -> Self {
        match measured {
            Some(p99) => Self::Known {
                p99_us: p99.as_secs_f64() * 1e6,
            },
            None => Self::Learning {
                sum_us: 0.0,
                samples: 0,
            },
        }
    }

    pub(crate) fn p99_us(&self) -> Option<f64> {
        match *self {
            Self::Known { p99_us } => Some(p99_us),
            Self::Learning { .. } => None,
        }
    }

    /// The best guess so far, also while learning.
    pub(crate) fn provisional_us(&self) -> Option<f64> {
        match *self {
            Self::Known { p99_us } => Some(p99_us),
            Self::Learning { samples: 0, .. } => None,
            Self::Learning { sum_us, samples } => Some(sum_us / f64::from(samples)),
        }
    }

    /// Takes one judged sample of a clean, closed breaker.
    pub(crate) fn observe(&mut self, sample_us: f64, settings: &EvidenceSettings) {
        match self {
            Self::Learning { sum_us, samples } => {
                *sum_us += sample_us;
                *samples += 1;
                if *samples >= settings.learning_samples {
                    *self = Self::Known {
                        p99_us: *sum_us / f64::from(*samples),
                    };
                }
            }
            Self::Known { p99_us } => {
                let moved = if sample_us > *p99_us {
                    let wanted = *p99_us + settings.alpha_up * (sample_us - *p99_us);
                    wanted.min(*p99_us * rise_per_slot(settings))
                } else {
                    *p99_us + settings.alpha_down * (sample_us - *p99_us)
                };
                *p99_us = moved;
            }
        }
    }
}

fn rise_per_slot(settings: &EvidenceSettings) -> f64 {
    (1.0 + settings.rise_per_minute).powf(settings.slot.as_secs_f64() / 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_the_first_samples_is_the_first_baseline() {
        let settings = EvidenceSettings::default();
        let mut baseline = Baseline::new(None);
        for sample in 0..11 {
            baseline.observe(10_000.0 + f64::from(sample), &settings);
            assert_eq!(baseline.p99_us(), None);
        }
        baseline.observe(10_011.0, &settings);
        assert_eq!(baseline.p99_us(), Some(10_005.5));
    }

    #[test]
    fn rises_at_most_five_percent_a_minute_and_falls_faster() {
        let settings = EvidenceSettings::default();
        let mut baseline = Baseline::new(Some(Duration::from_millis(10)));
        for _ in 0..12 {
            baseline.observe(1e9, &settings);
        }
        let risen = baseline.p99_us().unwrap();
        assert!((10_499.0..10_501.0).contains(&risen), "{risen}");
        baseline.observe(risen / 2.0, &settings);
        assert_eq!(baseline.p99_us(), Some(risen * 0.975));
    }
}
