//! The real engine, told to stop: it does, and the next run is not affected.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod support;

use std::{sync::Arc, time::Duration};

use common::{Clock, SystemClock};
use inference_actor::{ModelRunner, warm_up};
use support::{library, open};

#[test]
fn a_stop_ends_the_run_and_a_rearmed_session_runs_again() {
    let mut engine = open(&library(), "1/model.onnx", true);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut run_time = || {
        let warm_up = warm_up(&mut engine, &clock);
        assert_eq!(warm_up.reason, "", "the model takes what is made up for it");
        warm_up.typical_run
    };
    assert!(run_time() > Duration::ZERO);
    let stop = engine.stopper();
    stop();
    assert_eq!(
        warm_up(&mut engine, &clock).typical_run,
        Duration::ZERO,
        "stopped at once"
    );
    assert_eq!(
        warm_up(&mut engine, &clock).typical_run,
        Duration::ZERO,
        "and until rearmed"
    );
    engine.rearm();
    assert!(warm_up(&mut engine, &clock).typical_run > Duration::ZERO);
}
