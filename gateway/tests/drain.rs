//! Shutting down under load loses nobody who had been let in.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod rig;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rig::{
    Rig,
    call::{Caller, NoAnswer},
    drill,
};

const ROUNDS: usize = 20;
const CALLERS: u32 = 16;
/// Two workers of 2 ms a request answer a thousand a second at most; this is 80 % of it.
const RATE_PER_S: u32 = 800;

#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    not_connected: AtomicU64,
    lost: Mutex<Vec<String>>,
    told_to_stop: AtomicBool,
    over: AtomicBool,
}

/// Sends at its share of the rate until nobody listens any more.
#[expect(
    clippy::disallowed_methods,
    reason = "a load generator keeps real time"
)]
fn call(rig: &Rig, tally: &Tally, number: u32) {
    let gap = Duration::from_secs(1) * CALLERS / RATE_PER_S;
    let start = Instant::now() + gap * number / CALLERS;
    let mut caller = Caller::new(rig.http);
    for turn in 0.. {
        std::thread::sleep((start + gap * turn).saturating_duration_since(Instant::now()));
        match caller.recommend("m", 800) {
            Ok(answer) if answer.status == 200 => {
                tally.answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) => {
                let told = format!("{} {}", answer.status, answer.body);
                tally.lost.lock().unwrap().push(told);
            }
            Err(NoAnswer::NotConnected(error)) => {
                tally.not_connected.fetch_add(1, Ordering::Relaxed);
                let early = !tally.told_to_stop.load(Ordering::Relaxed);
                assert!(!early, "refused before the drain: {error}");
                return;
            }
            Err(NoAnswer::Lost(how)) => tally.lost.lock().unwrap().push(how),
        }
        if tally.over.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a load generator keeps real time"
)]
fn round(number: usize) -> u64 {
    let model = drill("placement = \"colocated\"", "latency = \"2ms\"");
    let config = "[http]\nworkers = 2\n[drain]\ndelay = \"300ms\"\ngrace = \"10s\"\n[admission]\ncodel_interval = \"10s\"\ncodel_target = \"5s\"\nqueue_delay = \"10s\"\n";
    let rig = Rig::start(&[("m", model)], config);
    let tally = Tally::default();
    let told = std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (rig, tally) = (&rig, &tally);
            scope.spawn(move || call(rig, tally, caller));
        }
        while tally.answered.load(Ordering::Relaxed) < 200 {
            std::thread::sleep(Duration::from_millis(5));
        }
        tally.told_to_stop.store(true, Ordering::Relaxed);
        let before = tally.answered.load(Ordering::Relaxed);
        rig.terminate();
        // Readiness says no while requests are still answered.
        rig::eventually("readiness to say no", || (rig.ready() == 503).then_some(()));
        rig::eventually("answers while not ready", || {
            let now = tally.answered.load(Ordering::Relaxed);
            (now > before + 20).then_some(())
        });
        Instant::now()
    });
    let (status, log) = rig.ended();
    assert_eq!(status.code(), Some(0), "round {number}: {log}");
    assert!(
        told.elapsed() < Duration::from_secs(10),
        "beyond the grace time"
    );
    let lost = tally.lost.into_inner().unwrap();
    assert!(lost.is_empty(), "round {number}: {lost:?}\n{log}");
    tally.answered.into_inner()
}

#[test]
fn a_stop_under_load_loses_no_request_that_was_let_in() {
    let answered: u64 = (0..ROUNDS).map(round).sum();
    println!("{answered} requests answered in {ROUNDS} rounds, none lost");
}

#[test]
fn a_connection_that_was_let_in_before_the_stop_still_gets_its_first_answer() {
    let model = drill("placement = \"colocated\"", "latency = \"1ms\"");
    let rig = Rig::start(
        &[("m", model)],
        "[drain]\ndelay = \"100ms\"\ngrace = \"20s\"\n",
    );
    let mut idle = Caller::new(rig.http);
    idle.connect().unwrap();
    rig.terminate();
    // The port is closed to others before this one speaks.
    rig::eventually("the port to close", || {
        let new = Caller::new(rig.http).connect();
        matches!(new, Err(NoAnswer::NotConnected(_))).then_some(())
    });
    let answer = idle.recommend("m", 800).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("connection: close"));
    assert_eq!(rig.ended().0.code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let behaviour = "latency = \"1ms\"\nhang_every = 1\nhang = \"30s\"\nhang_mode = \"ignores\"";
    let model = drill("placement = \"dedicated\"\ninstances = 1", behaviour);
    let config = "[limits]\ndeadline = \"20s\"\n[drain]\ndelay = \"100ms\"\ngrace = \"30s\"\n";
    let rig = Rig::start(&[("m", model)], config);
    std::thread::scope(|scope| {
        let (http, ready) = (rig.http, || rig.ready());
        scope.spawn(move || Caller::new(http).recommend("m", 20_000).is_err());
        rig::eventually("a request in flight", || {
            let of = &rig.look("/admin/actors/m-1-d0")["mailbox_depth"];
            (*of == 1).then_some(())
        });
        rig.terminate();
        rig::eventually("the drain", || (ready() != 200).then_some(()));
        rig.terminate();
        let (status, log) = rig.ended();
        assert_eq!(status.code(), Some(0));
        assert!(log.contains("told to stop again"), "{log}");
    });
}
