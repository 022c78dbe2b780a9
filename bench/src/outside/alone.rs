//! A model by itself: a session opened as the gateway opens its own, its inputs made once. And what
//! `bench-outside` does with one a core: `session.run` in a loop.

use std::{
    path::{Path, PathBuf},
    thread::available_parallelism,
    time::Duration,
};

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

/// The files of a model, its inputs and the engine.
#[derive(Clone)]
pub struct Files {
    environment: Environment,
    model: PathBuf,
    body: PathBuf,
}

/// One session with its inputs.
pub struct Engine {
    session: Session,
    inputs: Vec<SessionInputValue<'static>>,
}

impl Files {
    /// Of the engine's library, a model and a JSON body of the Open Inference Protocol.
    pub fn new(library: &Path, model: &Path, body: &Path) -> Result<Self> {
        Ok(Self {
            environment: ort::init_from(library)?.build()?,
            model: model.to_owned(),
            body: body.to_owned(),
        })
    }
}

impl Engine {
    /// Opens a session.
    pub fn open(files: &Files) -> Result<Self> {
        let Files {
            environment,
            model,
            body,
        } = files;
        let opened = || -> ort::Result<Session> {
            Session::builder(environment)?
                .with_intra_threads(1)?
                .with_inter_threads(1)?
                .with_intra_op_spinning(false)?
                .with_inter_op_spinning(false)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .commit_from_file(model)
        };
        let session = opened().with_context(|| format!("cannot open {}", model.display()))?;
        let body: Body = serde_json::from_slice(&std::fs::read(body)?).context("the body")?;
        let given = |name: &str| {
            let input = body.inputs.iter().find(|input| input.name == name);
            value(input.with_context(|| format!("the body has no input `{name}`"))?)
        };
        let declared = session.inputs().iter().map(|input| given(input.name()));
        let inputs = declared.collect::<Result<_>>()?;
        Ok(Self { session, inputs })
    }

    /// Runs it.
    pub fn run(&mut self) -> Result<()> {
        self.session.run(self.inputs.as_slice())?;
        Ok(())
    }
}

/// Runs the model in a loop on every core.
pub fn measure(files: &Files, time: Duration) -> Result<Alone> {
    let threads = available_parallelism()?.get();
    let each = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| on_this_thread(files, time)))
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

fn on_this_thread(files: &Files, time: Duration) -> Result<(u64, Duration)> {
    let mut engine = Engine::open(files)?;
    for _ in 0..WARM_UP_RUNS {
        engine.run()?;
    }
    let (begin, cpu) = (SystemClock.now(), SystemClock.thread_cpu());
    let mut runs = 0;
    while SystemClock.now() - begin < time {
        for _ in 0..AT_ONCE {
            engine.run()?;
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
