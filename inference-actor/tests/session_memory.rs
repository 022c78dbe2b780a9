//! What a session holds, as the real engine counts it: more after a larger run, and its own alone.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod support;

use inference_actor::{ModelRunner, OrtEngine};
use support::library;

fn open(arena: bool) -> OrtEngine {
    support::open(&library(), "1/model.onnx", arena)
}

/// One user, so many candidates.
fn run(engine: &mut OrtEngine, candidates: usize) {
    let inputs = support::zeros(engine, candidates);
    support::run(engine, &inputs);
}

#[test]
fn a_larger_run_than_any_before_shows_and_only_in_its_own_session() {
    let (mut busy, mut idle) = (open(true), open(true));
    run(&mut busy, 10);
    run(&mut idle, 10);
    let small = busy.memory_bytes().unwrap();
    let of_idle = idle.memory_bytes().unwrap();
    assert!(small > 0);
    run(&mut busy, 20_000);
    let large = busy.memory_bytes().unwrap();
    // A row passes through layers of dozens of floats.
    assert!(large > small + 20_000 * 64, "{small} then {large}");
    run(&mut busy, 10);
    assert_eq!(busy.memory_bytes(), Some(large), "kept for the next run");
    run(&mut idle, 10);
    assert_eq!(idle.memory_bytes(), Some(of_idle));
}

#[test]
fn a_session_without_an_arena_holds_nothing_between_runs_to_tell_of() {
    let mut engine = open(false);
    run(&mut engine, 100);
    assert_eq!(engine.memory_bytes(), None);
}
