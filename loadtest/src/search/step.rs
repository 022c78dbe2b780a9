//! One step of a search: a Poisson run that ends as soon as the judge is sure.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Judge, Objective, Ruling, Tally};
use crate::{
    engine::Observer,
    record::Sample,
    run::{Hooks, Load, RunError, RunOutput, RunPlan, execute},
    schedule::{ArrivalSpec, ScheduleSpec, Shape, Stage},
    units::micros,
    validity,
};

/// The judge is asked again after this much more has been seen: looking at every request would
/// give chance as many chances as there are requests.
const LOOK_GROWTH: f64 = 1.25;
const POLL: Duration = Duration::from_millis(100);

/// How long steps may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepOptions {
    /// No ruling before this: a queue needs time to fill.
    pub least: Duration,
    /// The end, ruling or not.
    pub most: Duration,
    /// Before the measured window.
    pub warmup: Duration,
}

/// What a step gave.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct StepResult {
    /// Rate tried.
    pub rate: f64,
    /// True for a confirming run.
    pub confirms: bool,
    /// Seed of its schedule.
    pub seed: u64,
    /// Misses seen.
    pub tally: Tally,
    /// True where the share of misses is within the objective.
    pub holds: bool,
    /// True where the test was sure, false where time ran out and the observed share decided.
    pub sure: bool,
    /// Measured time.
    pub seconds: f64,
    /// The measured quantile of the objective.
    pub quantile_us: f64,
    /// P99 of the send lag.
    pub send_lag_p99_us: f64,
    /// Requests not sent for too many in flight.
    pub dropped: u64,
    /// True where the generator itself was too late for the step to say anything.
    pub spoilt: bool,
}

struct Watcher(Judge);

impl Observer for Watcher {
    fn observe(&mut self, sample: &Sample) {
        self.0.see(if sample.outcome.is_ok() {
            micros(sample.latency())
        } else {
            f64::INFINITY
        });
    }
}

/// Runs one step at `rate` with everything else as in `base`.
pub(crate) fn run_step(
    base: &RunPlan,
    objective: Objective,
    options: StepOptions,
    rate: f64,
    seed: u64,
    hooks: &Hooks,
) -> Result<StepResult, RunError> {
    let plan = RunPlan {
        load: poisson(rate, options, seed),
        seed,
        ..base.clone()
    };
    let watcher = Arc::new(Mutex::new(Watcher(Judge::new(objective))));
    let hooks = Hooks {
        observer: Some(watcher.clone()),
        ..hooks.clone()
    };
    let (ended, end) = mpsc::sync_channel::<()>(1);
    let (watcher, hooks) = (&watcher, &hooks);
    let (output, ruling) = std::thread::scope(|scope| {
        let watch = scope.spawn(move || watch(watcher, &hooks.stop, options, rate, &end));
        let output = execute(&plan, hooks, || Duration::ZERO);
        drop(ended);
        (output, watch.join())
    });
    let ruling = ruling.map_err(|_| RunError::Panicked("judging"))?;
    // The stop was ours; the next step starts afresh.
    if ruling != Ruling::Open {
        hooks.stop.store(false, Ordering::Relaxed);
    }
    let watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(result(
        &output?, &watcher.0, objective, options, rate, seed, ruling,
    ))
}

fn poisson(rate: f64, options: StepOptions, seed: u64) -> Load {
    Load::Open(ScheduleSpec {
        arrivals: ArrivalSpec::Poisson,
        stages: vec![Stage {
            name: format!("{rate:.1}/s"),
            length: options.most,
            shape: Shape::Linear {
                from: rate,
                to: rate,
            },
        }],
        warmup: options.warmup,
        seed,
    })
}

/// Ends the run when the judge is sure; returns the ruling that did.
fn watch(
    watcher: &Mutex<Watcher>,
    stop: &AtomicBool,
    options: StepOptions,
    rate: f64,
    end: &mpsc::Receiver<()>,
) -> Ruling {
    let mut next_look = (rate * options.least.as_secs_f64()).max(1.0);
    while let Err(mpsc::RecvTimeoutError::Timeout) = end.recv_timeout(POLL) {
        // Judged on a copy: the connection threads must not wait for the arithmetic.
        let judge = {
            let watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
            // A server that stands still ends no request; the longest step bounds that.
            if (watcher.0.len() as f64) < next_look {
                continue;
            }
            watcher.0.clone()
        };
        next_look = judge.len() as f64 * LOOK_GROWTH;
        let ruling = judge.rule();
        if ruling != Ruling::Open {
            stop.store(true, Ordering::Relaxed);
            return ruling;
        }
    }
    Ruling::Open
}

fn result(
    output: &RunOutput,
    judge: &Judge,
    objective: Objective,
    options: StepOptions,
    rate: f64,
    seed: u64,
    ruling: Ruling,
) -> StepResult {
    let recording = &output.recording;
    let mut tally = judge.tally();
    // What was dropped was not served in time either.
    tally.requests += recording.dropped;
    tally.misses += recording.dropped;
    let holds = match ruling {
        Ruling::Holds => true,
        Ruling::Misses => false,
        Ruling::Open => tally.requests > 0 && tally.share() <= objective.miss_share(),
    };
    StepResult {
        rate,
        confirms: false,
        seed,
        tally,
        holds,
        sure: ruling != Ruling::Open,
        seconds: output.wall.saturating_sub(options.warmup).as_secs_f64(),
        quantile_us: recording.latency.quantile_us(objective.quantile),
        send_lag_p99_us: recording.send_lag.quantile_us(0.99),
        dropped: recording.dropped,
        spoilt: recording.send_lag.quantile_us(0.99) > objective.limit_us * validity::LAG_SHARE
            || recording.own_limits().next().is_some(),
    }
}
