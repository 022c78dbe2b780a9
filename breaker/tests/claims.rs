//! Every claim of the detection table that has a bar, with little effort. The whole of it:
//! `cargo run --release -p breaker --example detection_table`.

use breaker::sim::checks::{self, Check, Effort};
use breaker::sim::{DetectionTrial, Level, Shape, Traffic, measure_detection};
use breaker::{BreakerSettings, ClassicSettings, KeyProfile, Order, Preset};
use std::time::Duration;

fn hold(checks: Vec<Check>) {
    let settings = BreakerSettings::default();
    let missed: Vec<String> = checks
        .iter()
        .filter_map(|check| {
            let bar = check.bar?;
            let finding = check.measure(&settings, Effort::QUICK);
            let text = format!("{}: {} (bar: {bar})", check.name, finding.measured);
            (!finding.holds).then_some(text)
        })
        .collect();
    assert!(missed.is_empty(), "bars missed:\n{}", missed.join("\n"));
}

#[test]
fn faults_are_detected_in_time() {
    hold(checks::detection());
}

#[test]
fn the_breaker_comes_back_and_relearns() {
    hold(checks::recovery());
}

#[test]
fn healthy_traffic_never_trips() {
    hold(checks::health());
}

fn classic(order: Order) -> BreakerSettings {
    let classic = ClassicSettings {
        order,
        ..ClassicSettings::default()
    };
    BreakerSettings {
        preset: Preset::Classic,
        classic,
        ..BreakerSettings::default()
    }
}

/// Share of 40 seeds in which the plain rule opens within two minutes of a step.
fn classic_detects(order: Order, factor: f64) -> f64 {
    let trial = DetectionTrial {
        onset: Duration::from_secs(300),
        watch: Duration::from_secs(120),
        seeds: 40,
    };
    let seen = measure_detection(&classic(order), KeyProfile::default(), trial, |onset| {
        let at_s = onset.as_secs_f64();
        let step = Level::Step {
            at_s,
            until_s: 1e9,
            factor,
        };
        Traffic::new(100.0, Shape::LogNormal { sigma: 0.5 }, 10.0).with_level(step)
    });
    seen.share_within(trial.watch)
}

#[test]
fn the_plain_rule_updated_before_it_compares_misses_steps_of_any_size() {
    // A clean jump cannot trip it (the third ratio is at most 1 / (1 - 0.7^3) = 1.52). What trips
    // it now and then is a P99 that climbs over three samples while the window fills.
    assert_eq!(classic_detects(Order::UpdateThenCompare, 3.0), 0.0);
    assert!(classic_detects(Order::UpdateThenCompare, 6.0) < 0.2);
    assert!(classic_detects(Order::UpdateThenCompare, 40.0) < 0.2);
}

#[test]
fn the_plain_rule_compared_before_it_updates_sees_only_large_steps() {
    assert_eq!(classic_detects(Order::CompareThenUpdate, 2.0), 0.0);
    assert!(classic_detects(Order::CompareThenUpdate, 4.0) < 0.2);
    assert!(classic_detects(Order::CompareThenUpdate, 10.0) > 0.95);
}
