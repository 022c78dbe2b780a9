use super::*;
use crate::outcome::Outcome;

#[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
fn origin() -> Instant {
    Instant::now()
}

const DEADLINE: Duration = Duration::from_millis(800);
const STEP: Duration = Duration::from_secs(10);

fn plan(percents: &[u8]) -> CanaryPlan {
    let step = |&percent: &u8| PlanStep {
        percent,
        time: STEP,
    };
    CanaryPlan::of_steps(percents.iter().map(step).collect()).unwrap()
}

fn start(plan: CanaryPlan, now: Instant) -> Canary {
    let options = CanaryOptions {
        plan,
        settings: CanarySettings::default(),
        deadline: DEADLINE,
    };
    Canary::start(options, now)
}

fn ok(us: u64) -> Report {
    Report::new(Outcome::Ok, Duration::from_micros(us))
}

/// As many requests of each arm, the latencies spread evenly over 1 to 2 ms times `slower`.
fn serve(canary: &mut Canary, requests: u64, slower: f64) {
    for i in 0..requests {
        let us = 1_000 + i * 1_000 / requests;
        canary.record(false, &ok(us));
        canary.record(true, &ok((us as f64 * slower) as u64));
    }
}

#[test]
fn good_steps_lead_to_promotion_and_each_is_measured_anew() {
    let t0 = origin();
    let mut canary = start(plan(&[5, 50, 100]), t0);
    assert_eq!(
        (canary.state(), canary.percent()),
        (CanaryState::Running, 5)
    );
    serve(&mut canary, 30_000, 1.0);
    assert_eq!(canary.tick(t0 + STEP / 2), None);
    let advanced = canary.tick(t0 + STEP);
    assert_eq!(advanced, Some(Decision::Advance { percent: 50 }));
    assert_eq!(canary.snapshot().canary_samples, 0);
    serve(&mut canary, 30_000, 1.0);
    assert_eq!(canary.tick(t0 + STEP * 2), Some(Decision::Promote));
    assert_eq!(
        (canary.state(), canary.percent()),
        (CanaryState::Promoted, 100)
    );
    assert_eq!(canary.tick(t0 + STEP * 9), None);
    assert_eq!(canary.snapshot().served, 60_000);
}

#[test]
fn a_slow_canary_is_taken_back_before_its_step_is_over() {
    let t0 = origin();
    let mut canary = start(plan(&[10]), t0);
    serve(&mut canary, 10_000, 1.5);
    let taken_back = canary.tick(t0 + STEP / 10);
    assert_eq!(
        taken_back,
        Some(Decision::RollBack(RollbackReason::P99OverStable))
    );
    assert_eq!(
        (canary.state(), canary.percent()),
        (CanaryState::RolledBack, 0)
    );
}

#[test]
fn too_little_traffic_is_held_and_then_taken_back() {
    let t0 = origin();
    let mut canary = start(plan(&[10]), t0);
    serve(&mut canary, 100, 1.0);
    let held = canary.tick(t0 + STEP);
    assert!(matches!(held, Some(Decision::Hold(_))), "{held:?}");
    assert_eq!(canary.tick(t0 + STEP + STEP / 2), None, "told once");
    assert_eq!((canary.state(), canary.percent()), (CanaryState::Held, 10));
    let ended = canary.tick(t0 + STEP * 2);
    assert_eq!(ended, Some(Decision::RollBack(RollbackReason::HeldTooLong)));
}

#[test]
fn failures_nan_and_an_open_breaker_end_it_at_once() {
    let t0 = origin();
    let mut failing = start(plan(&[10]), t0);
    serve(&mut failing, 200, 1.0);
    for _ in 0..20 {
        failing.record(true, &Report::new(Outcome::Failure, Duration::ZERO));
    }
    let ended = failing.tick(t0 + STEP / 10);
    assert_eq!(
        ended,
        Some(Decision::RollBack(RollbackReason::MoreFailures))
    );

    let mut broken = start(plan(&[10]), t0);
    let ended = broken.not_finite();
    assert_eq!(ended, Some(Decision::RollBack(RollbackReason::NotFinite)));
    assert_eq!(broken.not_finite(), None);

    let mut open = start(plan(&[10]), t0);
    let ended = open.breaker_opened();
    assert_eq!(ended, Some(Decision::RollBack(RollbackReason::BreakerOpen)));
}

#[test]
fn p99_over_the_ceiling_ends_it_even_where_the_stable_version_is_as_slow() {
    let t0 = origin();
    let mut canary = start(plan(&[10]), t0);
    for i in 0..5_000_u64 {
        canary.record(false, &ok(1_000 + i % 100));
        canary.record(true, &ok(if i % 20 == 0 { 700_000 } else { 1_000 }));
    }
    let ended = canary.tick(t0 + STEP / 10);
    assert_eq!(
        ended,
        Some(Decision::RollBack(RollbackReason::P99OverCeiling))
    );
}

#[test]
fn what_is_no_evidence_to_a_breaker_is_none_to_a_canary() {
    let t0 = origin();
    let mut canary = start(plan(&[10]), t0);
    for outcome in [Outcome::Shed, Outcome::Cancelled, Outcome::BadInput] {
        canary.record(true, &Report::new(outcome, Duration::ZERO));
    }
    assert_eq!(canary.snapshot().canary_samples, 0);
}

#[test]
fn a_pause_stops_the_clock_but_not_the_guard() {
    let t0 = origin();
    let mut canary = start(plan(&[10]), t0);
    serve(&mut canary, 30_000, 1.0);
    canary.pause(t0 + STEP / 2);
    assert_eq!(canary.tick(t0 + STEP * 100), None);
    assert_eq!(
        (canary.state(), canary.percent()),
        (CanaryState::Paused, 10)
    );
    canary.resume(t0 + STEP * 100);
    assert_eq!(
        canary.tick(t0 + STEP * 100),
        None,
        "half of the step is left"
    );
    canary.pause(t0 + STEP * 100);
    serve(&mut canary, 60_000, 2.0);
    assert!(matches!(
        canary.tick(t0 + STEP * 101),
        Some(Decision::RollBack(_))
    ));
}

#[test]
fn a_manual_plan_waits_for_the_operator_and_still_guards() {
    let t0 = origin();
    let mut canary = start(CanaryPlan::Manual, t0);
    serve(&mut canary, 30_000, 1.0);
    let held = canary.tick(t0 + Duration::from_secs(3_600));
    assert!(matches!(held, Some(Decision::Hold(_))), "{held:?}");
    assert_eq!(canary.promote(), Some(Decision::Promote));
    let back = canary.roll_back();
    assert_eq!(back, Some(Decision::RollBack(RollbackReason::Operator)));
    assert_eq!(canary.promote(), None);
}

#[test]
fn a_plan_of_100_percent_alone_is_promotion_at_once() {
    let canary = start(plan(&[100]), origin());
    assert_eq!(
        (canary.state(), canary.percent()),
        (CanaryState::Promoted, 100)
    );
}
