//! Faults: is the breaker open in time?

use super::{Check, Effort, FOREVER_S, Finding, P99_MS, profile, secs};
use crate::outcome::Outcome;
use crate::settings::BreakerSettings;
use crate::sim::traffic::{FaultSpan, Level, Shape, Traffic};
use crate::sim::trial::{Detection, DetectionTrial, measure_detection};
use std::time::Duration;

/// Healthy traffic before the fault.
const WARM_S: f64 = 600.0;
/// The same, where little has been learned yet.
const SHORT_WARM_S: f64 = 120.0;

pub(super) fn checks() -> Vec<Check> {
    let mut checks = Vec::new();
    let usual = Step {
        rate_per_s: 100.0,
        sigma: 1.0,
        factor: 2.0,
        warm_s: WARM_S,
    };
    for (factor, bar) in [(2.0, Some("99 % in 30 s")), (4.0, None), (6.0, None)] {
        for sigma in [0.5, 1.0] {
            let name = format!("step {factor} x, 100/s, sigma {sigma}");
            checks.push(Check::new(name, bar, move |settings, effort| {
                step(
                    settings,
                    Step {
                        sigma,
                        factor,
                        ..usual
                    },
                    effort.seeds,
                )
            }));
        }
    }
    checks.push(Check::new(
        "step 2 x, 400/s, sigma 1",
        Some("99 % in 30 s"),
        move |settings, e| {
            step(
                settings,
                Step {
                    rate_per_s: 400.0,
                    ..usual
                },
                e.long_seeds,
            )
        },
    ));
    checks.push(Check::new(
        "step 2 x, 100/s, sigma 1, 2 minutes after start",
        None,
        move |s, e| {
            step(
                s,
                Step {
                    warm_s: SHORT_WARM_S,
                    ..usual
                },
                e.seeds,
            )
        },
    ));
    for sigma in [0.5, 1.0] {
        let name = format!("ramp 10 % per 5 s, 100/s, sigma {sigma}");
        checks.push(Check::new(
            name,
            Some("all before the ceiling"),
            move |settings, effort| ramp(settings, sigma, effort),
        ));
    }
    checks.push(Check::new(
        "total failure, 100/s",
        Some("all in 6 s"),
        total_failure,
    ));
    checks
}

fn trial(warm_s: f64, watch_s: f64, seeds: u64) -> DetectionTrial {
    DetectionTrial {
        onset: secs(warm_s),
        watch: secs(watch_s),
        seeds,
    }
}

fn healthy(rate_per_s: f64, sigma: f64) -> Traffic {
    Traffic::new(rate_per_s, Shape::LogNormal { sigma }, P99_MS)
}

#[derive(Clone, Copy)]
struct Step {
    rate_per_s: f64,
    sigma: f64,
    factor: f64,
    warm_s: f64,
}

fn step(settings: &BreakerSettings, step: Step, seeds: u64) -> Finding {
    let Step {
        rate_per_s,
        sigma,
        factor,
        warm_s,
    } = step;
    let seen = measure_detection(settings, profile(), trial(warm_s, 120.0, seeds), |onset| {
        let at_s = onset.as_secs_f64();
        healthy(rate_per_s, sigma).with_level(Level::Step {
            at_s,
            until_s: FOREVER_S,
            factor,
        })
    });
    finding(&seen, secs(30.0), 0.99)
}

fn ramp(settings: &BreakerSettings, sigma: f64, effort: Effort) -> Finding {
    // P99 passes the ceiling of 600 ms after log(600 / 30) / log(1.1) steps of 5 s.
    let at_ceiling_s = 5.0 * (600.0 / P99_MS).ln() / 1.1f64.ln();
    let seen = measure_detection(
        settings,
        profile(),
        trial(WARM_S, 300.0, effort.long_seeds),
        |onset| {
            healthy(100.0, sigma).with_level(Level::Ramp {
                from_s: onset.as_secs_f64(),
                factor: 1.1,
            })
        },
    );
    finding(&seen, secs(at_ceiling_s), 1.0)
}

fn total_failure(settings: &BreakerSettings, effort: Effort) -> Finding {
    let seen = measure_detection(
        settings,
        profile(),
        trial(WARM_S, 120.0, effort.long_seeds),
        |onset| {
            healthy(100.0, 1.0).with_fault(FaultSpan {
                from_s: onset.as_secs_f64(),
                until_s: FOREVER_S,
                share: 1.0,
                outcome: Outcome::Failure,
                short_deadline: false,
                latency_ms: None,
            })
        },
    );
    finding(&seen, secs(6.0), 1.0)
}

fn finding(seen: &Detection, limit: Duration, share: f64) -> Finding {
    let within = seen.share_within(limit);
    let late = |delay: Option<Duration>| {
        delay.map_or("never".to_owned(), |d| format!("{:.1} s", d.as_secs_f64()))
    };
    let measured = format!(
        "{:.1} % in {:.0} s; median {}, latest {}{}",
        100.0 * within,
        limit.as_secs_f64(),
        late(seen.median()),
        late(seen.latest()),
        if seen.missed > 0 {
            format!("; {} never", seen.missed)
        } else {
            String::new()
        },
    );
    Finding {
        measured,
        holds: within >= share,
    }
}
