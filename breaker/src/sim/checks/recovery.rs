//! After the fault: does the breaker come back, soon, once, and for good?

use super::{Check, Effort, FOREVER_S, Finding, P99_MS, profile, secs};
use crate::outcome::Outcome;
use crate::settings::BreakerSettings;
use crate::sim::traffic::{FaultSpan, Level, Shape, Traffic};
use crate::sim::trial::{Recovery, run};
use crate::transition::State;
use std::time::Duration;

const FAULT_S: f64 = 300.0;

pub(super) fn checks() -> Vec<Check> {
    // Open at most 36 s, 30 probes in at most 30 s, a ramp of 20 s.
    let once = Some("99 % once, closed 86 s after opening");
    let mut checks = vec![
        Check::new(
            "total failure for 20 s, then healthy",
            once,
            |settings, effort| {
                let traffic = healthy().with_fault(failing(FAULT_S, FAULT_S + 20.0, 1.0));
                comes_back(settings, &traffic, 86.0, effort)
            },
        ),
        Check::new(
            "5 x slower for 20 s, then healthy",
            once,
            |settings, effort| {
                let level = Level::Step {
                    at_s: FAULT_S,
                    until_s: FAULT_S + 20.0,
                    factor: 5.0,
                };
                comes_back(settings, &healthy().with_level(level), 86.0, effort)
            },
        ),
        Check::new(
            "total failure for 120 s, then healthy",
            Some("99 % closed within open + probe + ramp"),
            |settings, effort| {
                let fault_end = FAULT_S + 120.0;
                let traffic = healthy().with_fault(failing(FAULT_S, fault_end, 1.0));
                // Opened at 0, 30 and 90 s or so: the third lasts at most 1.2 x 120 s.
                closes_by(
                    settings,
                    &traffic,
                    fault_end + 1.2 * 120.0 + 50.0,
                    effort,
                    0.99,
                )
            },
        ),
    ];
    for share in [0.02, 0.05] {
        let percent = 100.0 * share;
        checks.push(Check::new(
            format!("{percent:.0} % failures before and after a 20 s outage"),
            Some("99 % closed 10 minutes after"),
            move |settings, effort| {
                let traffic = healthy()
                    .with_fault(failing(0.0, FOREVER_S, share))
                    .with_fault(failing(FAULT_S, FAULT_S + 20.0, 1.0));
                closes_by(settings, &traffic, FAULT_S + 620.0, effort, 0.99)
            },
        ));
        checks.push(Check::new(
            format!("{percent:.0} % failures only since a 20 s outage"),
            Some("95 % closed 20 minutes after"),
            move |settings, effort| {
                let traffic = healthy()
                    .with_fault(failing(FAULT_S, FOREVER_S, share))
                    .with_fault(failing(FAULT_S, FAULT_S + 20.0, 1.0));
                closes_by(settings, &traffic, FAULT_S + 1_220.0, effort, 0.95)
            },
        ));
    }
    for sigma in [0.5, 1.0] {
        checks.push(Check::new(
            format!("permanent step 2.2 x, sigma {sigma}"),
            Some("99 % closed for good in 10 minutes"),
            move |settings, effort| permanent(settings, sigma, effort),
        ));
    }
    checks
}

fn healthy() -> Traffic {
    Traffic::new(100.0, Shape::LogNormal { sigma: 1.0 }, P99_MS)
}

fn failing(from_s: f64, until_s: f64, share: f64) -> FaultSpan {
    FaultSpan {
        from_s,
        until_s,
        share,
        outcome: Outcome::Failure,
        short_deadline: false,
        latency_ms: None,
    }
}

fn comes_back(
    settings: &BreakerSettings,
    traffic: &Traffic,
    limit_s: f64,
    effort: Effort,
) -> Finding {
    let (mut good, mut opened, mut times) = (0, 0, Vec::new());
    for seed in 0..effort.long_seeds {
        let driver = run(settings, profile(), traffic, seed, secs(FAULT_S + 600.0));
        let first = driver.log().iter().find(|l| l.transition.to == State::Open);
        opened += u64::from(first.is_some());
        let recovery = Recovery::of(&driver, Duration::ZERO);
        if let (Some(first), Some(closed)) = (first, recovery.closed_at) {
            let took = closed.saturating_sub(first.at);
            good += u64::from(recovery.openings == 1 && took <= secs(limit_s));
            times.push(took);
        }
    }
    let share = good as f64 / effort.long_seeds as f64;
    let measured = format!(
        "{:.1} % opened; {:.1} % once and closed in {limit_s:.0} s; median {}",
        100.0 * opened as f64 / effort.long_seeds as f64,
        100.0 * share,
        median(times),
    );
    Finding {
        measured,
        holds: share >= 0.99,
    }
}

fn closes_by(
    settings: &BreakerSettings,
    traffic: &Traffic,
    by_s: f64,
    effort: Effort,
    needed: f64,
) -> Finding {
    let (mut good, mut openings, mut times) = (0, 0, Vec::new());
    for seed in 0..effort.long_seeds {
        let driver = run(settings, profile(), traffic, seed, secs(by_s));
        let recovery = Recovery::of(&driver, Duration::ZERO);
        openings += recovery.openings;
        if let Some(closed) = recovery.closed_at {
            good += 1;
            times.push(closed.saturating_sub(secs(FAULT_S)));
        }
    }
    let share = good as f64 / effort.long_seeds as f64;
    let measured = format!(
        "{:.1} % closed; {:.1} openings a run; median {} after onset",
        100.0 * share,
        openings as f64 / effort.long_seeds as f64,
        median(times),
    );
    let untouched = if openings == 0 { " (never opened)" } else { "" };
    Finding {
        measured: measured + untouched,
        holds: share >= needed && openings > 0,
    }
}

fn permanent(settings: &BreakerSettings, sigma: f64, effort: Effort) -> Finding {
    let traffic = Traffic::new(100.0, Shape::LogNormal { sigma }, P99_MS).with_level(Level::Step {
        at_s: FAULT_S,
        until_s: FOREVER_S,
        factor: 2.2,
    });
    let (mut good, mut openings, mut times) = (0, 0, Vec::new());
    for seed in 0..effort.long_seeds {
        let driver = run(settings, profile(), &traffic, seed, secs(FAULT_S + 2_400.0));
        let recovery = Recovery::of(&driver, Duration::ZERO);
        openings += recovery.openings;
        let admits_all = driver.snapshot().admitted_share == 1.0;
        if let Some(closed) = recovery.closed_at.filter(|_| admits_all) {
            let took = closed.saturating_sub(secs(FAULT_S));
            good += u64::from(took <= secs(600.0));
            times.push(took);
        }
    }
    let share = good as f64 / effort.long_seeds as f64;
    let measured = format!(
        "{:.1} % for good in 600 s; median {} after the step; {:.1} openings a run",
        100.0 * share,
        median(times),
        openings as f64 / effort.long_seeds as f64,
    );
    Finding {
        measured,
        holds: share >= 0.99 && openings > 0,
    }
}

fn median(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .map_or("never".to_owned(), |t| format!("{:.0} s", t.as_secs_f64()))
}
