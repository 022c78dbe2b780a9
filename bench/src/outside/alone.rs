//! What `bench-outside` does: one session a core, opened as the gateway opens its own, the inputs
//! made once, `session.run` in a loop.

use std::{path::Path, thread::available_parallelism, time::Duration};

use anyhow::{Context, Result, bail};
use common::{Clock, SystemClock};
use ort::{
    environment::Environment,
    session::{Session, SessionInputValue, builder::GraphOptimizationLevel},
    value::Tensor,
};
use serde::Deserialize;

use super::Alone;

/// Runs that are left out, while the engine's memory grows to what it needs.
const WARM_UP_RUNS: usize = 50;
/// Runs between two looks at the clock.
const AT_ONCE: u64 = 16;

#[derive(Deserialize)]
struct Body {
    inputs: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    data: Vec<f64>,
}

/// Runs the model on the inputs of a JSON body of the Open Inference Protocol.
pub fn measure(library: &Path, model: &Path, body: &Path, time: Duration) -> Result<Alone> {
    let environment = ort::init_from(library)?.build()?;
    let body: Body = serde_json::from_slice(&std::fs::read(body)?).context("the body")?;
    let threads = available_parallelism()?.get();
    let each = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| on_this_thread(&environment, model, &body, time)))
            .collect();
        let ended = workers.into_iter().map(|worker| worker.join());
        ended
            .map(|ended| ended.unwrap_or_else(|_| bail!("a thread panicked")))
            .collect::<Result<Vec<_>>>()
    })?;
    let runs: u64 = each.iter().map(|(runs, _)| runs).sum();
    let cpu: Duration = each.iter().map(|(_, cpu)| cpu).sum();
    Ok(Alone {
        runs,
        cpu_us: cpu.as_secs_f64() * 1e6 / runs as f64,
    })
}

fn on_this_thread(
    environment: &Environment,
    model: &Path,
    body: &Body,
    time: Duration,
) -> Result<(u64, Duration)> {
    let opened = || -> ort::Result<Session> {
        Session::builder(environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_inter_op_spinning(false)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .commit_from_file(model)
    };
    let mut session = opened().with_context(|| format!("cannot open {}", model.display()))?;
    let declared: Vec<String> = session
        .inputs()
        .iter()
        .map(|i| i.name().to_owned())
        .collect();
    let given = |name: &String| {
        let input = body.inputs.iter().find(|input| input.name == *name);
        value(input.with_context(|| format!("the body has no input `{name}`"))?)
    };
    let inputs: Vec<SessionInputValue<'_>> = declared.iter().map(given).collect::<Result<_>>()?;
    for _ in 0..WARM_UP_RUNS {
        session.run(inputs.as_slice())?;
    }
    let (begin, cpu) = (SystemClock.now(), SystemClock.thread_cpu());
    let mut runs = 0;
    while SystemClock.now() - begin < time {
        for _ in 0..AT_ONCE {
            session.run(inputs.as_slice())?;
        }
        runs += AT_ONCE;
    }
    Ok((runs, SystemClock.thread_cpu() - cpu))
}

/// Every number of the bodies is exact as a double.
fn value(input: &Input) -> Result<SessionInputValue<'static>> {
    let (shape, data) = (input.shape.clone(), &input.data);
    Ok(match input.datatype.as_str() {
        "FP32" => {
            Tensor::from_array((shape, data.iter().map(|x| *x as f32).collect::<Vec<_>>()))?.into()
        }
        "INT32" => {
            Tensor::from_array((shape, data.iter().map(|x| *x as i32).collect::<Vec<_>>()))?.into()
        }
        "INT64" => {
            Tensor::from_array((shape, data.iter().map(|x| *x as i64).collect::<Vec<_>>()))?.into()
        }
        other => bail!("{other} is not among the bench's datatypes"),
    })
}
