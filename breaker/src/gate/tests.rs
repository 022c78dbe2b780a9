use super::*;
use crate::outcome::{Outcome, Report};
use crate::settings::BreakerSettings;

const TTL: Duration = Duration::from_secs(60);

#[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
fn origin() -> Instant {
    Instant::now()
}

fn gate(now: Instant) -> Arc<Gate> {
    let rules = Rules::new(&BreakerSettings::default());
    let options = GateOptions {
        rules,
        limited_concurrency: 2,
        origin: now,
    };
    Gate::standalone(KeyProfile::default(), &options)
}

fn posture(state: State, share_bps: u32, until: Option<Instant>) -> Posture {
    Posture {
        state,
        share_bps,
        era: 7,
        until,
        pinned: false,
    }
}

fn allowed(gate: &Arc<Gate>, now: Instant) -> Option<Ticket> {
    match gate.admit(now) {
        Some(Admission::Allow(ticket)) => Some(ticket),
        _ => None,
    }
}

#[test]
fn a_new_gate_admits_everything() {
    let now = origin();
    let gate = gate(now);
    assert!((0..1_000).all(|_| allowed(&gate, now).is_some()));
}

#[test]
fn open_rejects_with_the_time_left() {
    let now = origin();
    let gate = gate(now);
    let until = now + Duration::from_secs(30);
    gate.publish(&posture(State::Open, 0, Some(until)), false, now, TTL);
    let Some(Admission::Reject(rejection)) = gate.admit(now + Duration::from_secs(10)) else {
        panic!("an open gate admitted a request");
    };
    assert_eq!(rejection.retry_after, Duration::from_secs(20));
    assert_eq!(rejection.state, State::Open);
}

#[test]
fn a_silent_breaker_s_last_state_expires() {
    let now = origin();
    let gate = gate(now);
    let until = now + Duration::from_secs(30);
    gate.publish(&posture(State::Open, 0, Some(until)), false, now, TTL);
    assert!(allowed(&gate, until + TTL).is_none());
    assert!(allowed(&gate, until + TTL + Duration::from_nanos(1)).is_some());
}

#[test]
fn forced_open_never_expires() {
    let now = origin();
    let gate = gate(now);
    let forced = Posture {
        pinned: true,
        ..posture(State::Open, 0, None)
    };
    gate.publish(&forced, false, now, TTL);
    assert!(allowed(&gate, now + TTL * 1_000).is_none());
}

#[test]
fn half_open_admits_one_at_once_then_one_a_second_or_the_share() {
    let now = origin();
    let gate = gate(now);
    gate.publish(&posture(State::HalfOpen, 0, None), false, now, TTL);
    assert!(allowed(&gate, now).is_some_and(|t| finish(t, now)));
    assert!(allowed(&gate, now + Duration::from_millis(999)).is_none());
    assert!(allowed(&gate, now + Duration::from_secs(1)).is_some_and(|t| finish(t, now)));
}

fn finish(ticket: Ticket, now: Instant) -> bool {
    let _ = ticket.complete(Report::new(Outcome::Ok, Duration::ZERO), now);
    true
}

#[test]
fn probes_in_flight_are_capped() {
    let now = origin();
    let gate = gate(now);
    gate.publish(&posture(State::HalfOpen, 10_000, None), false, now, TTL);
    let held: Vec<_> = (0..50).filter_map(|_| allowed(&gate, now)).collect();
    assert_eq!(held.len(), 10);
}

#[test]
fn a_probe_that_is_shed_gives_its_place_to_the_next_request() {
    let now = origin();
    let gate = gate(now);
    gate.publish(&posture(State::HalfOpen, 0, None), false, now, TTL);
    drop(allowed(&gate, now));
    let second = allowed(&gate, now).expect("the place was given back");
    let _ = second.complete(Report::new(Outcome::BadInput, Duration::ZERO), now);
    assert!(allowed(&gate, now).is_some());
}

#[test]
fn a_ramp_ticket_that_is_shed_gives_its_place_to_the_next_request() {
    let now = origin();
    let gate = gate(now);
    gate.publish(&posture(State::Ramp, 2_500, None), false, now, TTL);
    let kept = (0..10_000)
        .filter(|_| allowed(&gate, now).is_some_and(|t| finish(t, now)))
        .count();
    assert!((2_490..=2_510).contains(&kept));
    // Every admitted request is shed: the place wanders on until someone keeps it.
    assert!((0..100).filter(|_| allowed(&gate, now).is_some()).count() > 90);
}

#[test]
fn limited_admits_a_few_at_a_time_though_open() {
    let now = origin();
    let gate = gate(now);
    let until = Some(now + Duration::from_secs(30));
    gate.publish(&posture(State::Open, 0, until), true, now, TTL);
    let first = allowed(&gate, now).unwrap();
    let second = allowed(&gate, now).unwrap();
    assert!(allowed(&gate, now).is_none());
    assert!(finish(first, now));
    assert!(allowed(&gate, now).is_some());
    drop(second);
}

#[test]
fn a_forgotten_key_sends_its_holders_to_look_it_up() {
    let now = origin();
    let gate = gate(now);
    gate.retire();
    assert!(gate.admit(now).is_none());
}
