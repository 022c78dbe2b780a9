//! What supervision promises in time, measured from outside; `cargo bench -p gateway --bench
//! supervision`. Too dependent on what else the machine does to stand among the tests.
//!
//! 1. How late is the 504 of a run that hangs, whether or not it honours its end?
//! 2. How much slower is a small colocated model at 30 % of its peak while a 5 ms model on threads of
//!    its own runs at 30 % of its own? Five interleaved rounds, the median counts.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a load generator keeps real time and ends where something is wrong"
)]

#[path = "../tests/rig/mod.rs"]
mod rig;

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use rig::{Rig, call::Caller, drill};

const TIMEOUT_MS: u64 = 200;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(4);
const CALLERS: u32 = 8;

fn main() {
    println!("lateness of the 504 behind a deadline of {TIMEOUT_MS} ms; promised: 50 ms");
    for (place, mode) in [
        ("dedicated", "honours"),
        ("dedicated", "ignores"),
        ("colocated", "honours"),
    ] {
        println!(
            "  {place}, {mode}: {:.1} ms at most in 10",
            lateness_ms(place, mode)
        );
    }
    placement();
}

/// The latest of ten answers of runs that hang.
fn lateness_ms(place: &str, mode: &str) -> f64 {
    let behaviour = format!("hang_every = 1\nhang = \"60s\"\nhang_mode = \"{mode}\"");
    let model = drill(&format!("placement = \"{place}\""), &behaviour);
    let config = "[supervision]\nhang_grace = \"100ms\"\npark_after = 1000\nquarantine = 500\nrestart_delay = \"1ms\"\n";
    let rig = Rig::start(&[("m", model)], &format!("{config}{}", rig::CALM));
    let one = |_| {
        let mut caller = Caller::new(rig.http);
        let start = Instant::now();
        let answer = caller.recommend("m", TIMEOUT_MS).unwrap();
        let took = start.elapsed();
        assert_eq!(answer.status, 504);
        // The next request must not meet an actor that is being replaced.
        std::thread::sleep(Duration::from_millis(300));
        took.as_secs_f64() * 1e3 - TIMEOUT_MS as f64
    };
    (0..10).map(one).fold(f64::MIN, f64::max)
}

fn placement() {
    let long = drill("instances = 2", "latency = \"5ms\"");
    let rig = Rig::start_with_shipped(&[("long", long)], rig::CALM);
    let small_peak = peak(&rig, "home_feed");
    let long_peak = peak(&rig, "long");
    println!("peaks, closed loop: small {small_peak:.0}/s, long {long_peak:.0}/s");
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(p99_ms(&rig, &[("home_feed", 0.3 * small_peak)]));
        beside.push(p99_ms(
            &rig,
            &[("home_feed", 0.3 * small_peak), ("long", 0.3 * long_peak)],
        ));
    }
    println!("P99 of the small model, ms: alone {alone:.2?}, beside the long one {beside:.2?}");
    let ratio = median(beside) / median(alone);
    println!("ratio of the medians: {ratio:.2}; promised: at most 2");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Requests a second that eight callers get who each wait for their answer.
fn peak(rig: &Rig, scene: &str) -> f64 {
    let end = Instant::now() + ROUND;
    let answered: u64 = std::thread::scope(|scope| {
        let one = || {
            let mut caller = Caller::new(rig.http);
            let mut answered = 0;
            while Instant::now() < end {
                answered += u64::from(caller.recommend(scene, 5000).unwrap().status == 200);
            }
            answered
        };
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(one)).collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .sum()
    });
    answered as f64 / ROUND.as_secs_f64()
}

/// P99 of the first load, from the scheduled time, while all of them run.
fn p99_ms(rig: &Rig, loads: &[(&str, f64)]) -> f64 {
    let times = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for (index, (scene, rate_per_s)) in loads.iter().enumerate() {
            for caller in 0..CALLERS {
                let times = &times;
                scope.spawn(move || {
                    let took = paced(rig, scene, *rate_per_s, caller);
                    if index == 0 {
                        times.lock().unwrap().extend(took);
                    }
                });
            }
        }
    });
    let mut times = times.into_inner().unwrap();
    times.sort_by(f64::total_cmp);
    times[times.len() * 99 / 100]
}

fn paced(rig: &Rig, scene: &str, rate_per_s: f64, number: u32) -> Vec<f64> {
    let gap = Duration::from_secs_f64(f64::from(CALLERS) / rate_per_s);
    let start = Instant::now() + gap * number / CALLERS;
    let mut caller = Caller::new(rig.http);
    let mut took = Vec::new();
    for turn in 0.. {
        let due = start + gap * turn;
        if due > start + ROUND {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let answer = caller.recommend(scene, 5000).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        took.push(due.elapsed().as_secs_f64() * 1e3);
    }
    took
}
