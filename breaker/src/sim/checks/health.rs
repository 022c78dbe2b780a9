//! No fault: does the breaker leave well alone?

use super::{Check, Effort, FOREVER_S, Finding, P99_MS, profile, secs};
use crate::outcome::Outcome;
use crate::settings::{BreakerSettings, KeyProfile};
use crate::sim::traffic::{Bursts, Correlation, FaultSpan, Level, Shape, Traffic};
use crate::sim::trial::false_trips;

const RATES: [f64; 4] = [1.0, 5.5, 20.0, 100.0];
const NONE: Option<&str> = Some("none");

pub fn checks() -> Vec<Check> {
    let mut checks = Vec::new();
    for sigma in [0.5, 1.0] {
        for rate in RATES {
            let traffic = Traffic::new(rate, Shape::LogNormal { sigma }, P99_MS);
            checks.push(calm(
                format!("lognormal {sigma}, {rate}/s"),
                NONE,
                traffic,
                1.0,
            ));
        }
    }
    for rate in RATES {
        let traffic = Traffic::new(rate, Shape::Pareto { alpha: 2.5 }, P99_MS);
        checks.push(calm(
            format!("Pareto 2.5, {rate}/s"),
            NONE,
            traffic,
            days_of(rate),
        ));
    }
    let lognormal = |rate| Traffic::new(rate, Shape::LogNormal { sigma: 1.0 }, P99_MS);
    for rate in [5.5, 100.0] {
        let daily = Traffic {
            diurnal_rate: 0.3,
            ..lognormal(rate)
        }
        .with_level(Level::Diurnal { amplitude: 0.3 });
        checks.push(calm(
            format!("diurnal 30 %, {rate}/s"),
            NONE,
            daily,
            days_of(rate),
        ));
        let bursts = Bursts {
            factor: 4.0,
            every_s: 300.0,
            lasting_s: 20.0,
        };
        let bursty = Traffic {
            bursts: Some(bursts),
            ..lognormal(rate)
        };
        checks.push(calm(
            format!("bursts of 4 x, {rate}/s"),
            NONE,
            bursty,
            days_of(rate),
        ));
    }
    for rate in [20.0, 100.0] {
        let traffic = Traffic {
            failed_batch_every: Some(10_000),
            ..lognormal(rate)
        };
        let name = format!("one failed batch of 32 in 10^4, {rate}/s");
        checks.push(calm(name, NONE, traffic, days_of(rate)));
    }
    checks.extend(no_evidence());
    checks.extend(near_deadline());
    checks.extend(known_limits());
    checks
}

/// Less of the traffic that has many requests a day and is beside the main claim.
fn days_of(rate_per_s: f64) -> f64 {
    if rate_per_s > 50.0 { 0.2 } else { 1.0 }
}

fn calm(name: String, bar: Option<&'static str>, traffic: Traffic, part: f64) -> Check {
    Check::new(format!("healthy: {name}"), bar, move |settings, effort| {
        let (trips, days) = trips(settings, &traffic, effort.key_days * part);
        Finding {
            measured: format!("{trips} in {days:.1} key-days"),
            holds: trips == 0,
        }
    })
}

/// Half of the requests end in a way that says nothing about the model.
fn no_evidence() -> Vec<Check> {
    let kinds = [
        ("sheds", Outcome::Shed, false),
        ("cancels", Outcome::Cancelled, false),
        ("bad input", Outcome::BadInput, false),
        ("short client deadlines", Outcome::Timeout, true),
    ];
    let checks = kinds.into_iter().map(|(name, outcome, short_deadline)| {
        let traffic =
            Traffic::new(100.0, Shape::LogNormal { sigma: 1.0 }, P99_MS).with_fault(FaultSpan {
                from_s: 600.0,
                until_s: FOREVER_S,
                share: 0.5,
                outcome,
                short_deadline,
                latency_ms: None,
            });
        calm(format!("50 % {name}, 100/s"), NONE, traffic, 0.05)
    });
    checks.collect()
}

/// Keys whose P99 has always been near the deadline: 64, 80 and 93 % of it.
fn near_deadline() -> Vec<Check> {
    let checks = [38.4, 48.0, 56.0].into_iter().map(|p99_ms| {
        let name = format!("P99 of {p99_ms} ms always, deadline 60 ms, 150/s for 40 minutes");
        Check::new(name, Some("at most once a run"), move |settings, effort| {
            let traffic = Traffic::new(150.0, Shape::LogNormal { sigma: 0.5 }, p99_ms);
            let openings: Vec<usize> = (0..effort.long_seeds)
                .map(|seed| false_trips(settings, tight(), &traffic, seed, secs(2_400.0)))
                .collect();
            let most = openings.iter().copied().max().unwrap_or(0);
            Finding {
                measured: format!(
                    "{} openings in {} runs, at most {most} in one",
                    openings.iter().sum::<usize>(),
                    openings.len(),
                ),
                holds: most <= 1,
            }
        })
    });
    checks.collect()
}

/// A deadline of 60 ms.
fn tight() -> KeyProfile {
    KeyProfile {
        deadline: secs(0.06),
        ..profile()
    }
}

fn known_limits() -> Vec<Check> {
    let lognormal = |rate| Traffic::new(rate, Shape::LogNormal { sigma: 1.0 }, P99_MS);
    let mut checks = Vec::new();
    for rate in [20.0, 100.0] {
        let correlated = Traffic {
            correlation: Correlation::Ar1 { rho: 0.95 },
            ..lognormal(rate)
        };
        checks.push(limit(
            format!("AR(1) 0.95, {rate}/s"),
            correlated,
            days_of(rate),
        ));
        for tau_s in [60.0, 300.0, 1_800.0] {
            let traffic = lognormal(rate).with_level(Level::Wander { sigma: 0.25, tau_s });
            let name = format!("level wanders 25 % in {tau_s:.0} s, {rate}/s");
            checks.push(limit(name, traffic, days_of(rate)));
        }
    }
    checks
}

fn limit(name: String, traffic: Traffic, part: f64) -> Check {
    Check::new(
        format!("known limit: {name}"),
        None,
        move |settings, effort: Effort| {
            let (trips, days) = trips(settings, &traffic, effort.key_days * part / 3.0);
            let a_day = trips as f64 / days;
            Finding {
                measured: format!("{a_day:.1} false trips a day ({days:.1} days)"),
                holds: true,
            }
        },
    )
}

/// Openings over some days, as runs of at most two days with a seed each.
fn trips(settings: &BreakerSettings, traffic: &Traffic, days: f64) -> (usize, f64) {
    let runs = (days / 2.0).ceil().max(1.0);
    let each = secs(days / runs * 86_400.0);
    let trips = (0..runs as u64).map(|seed| false_trips(settings, profile(), traffic, seed, each));
    (trips.sum(), days)
}
