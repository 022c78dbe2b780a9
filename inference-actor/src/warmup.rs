//! The first runs of a session, made before anybody waits for one.
//!
//! They pay for what an engine does lazily (memory plans, page faults) and measure how long a
//! single run takes, which placement needs to know.

use std::{sync::Arc, time::Duration};

use common::{
    Clock,
    tensor::{Shape, Tensor, TensorView},
};

use crate::{
    meter::Meter,
    probe::Probe,
    row_budget::{MEASURED_ROWS, learned},
    runner::{ModelRunner, RunError},
    spec::{Dim, InputSpec, ModelSpec, Role},
};

/// Rows of a dynamic first dimension whose meaning no manifest tells.
const UNKNOWN_ROWS: usize = 100;

/// Largest input made up: a graph may declare what no request could send.
const MAX_INPUT_BYTES: usize = 256 << 20;

/// How a warm-up went.
#[derive(Debug, Clone, Default)]
pub struct WarmUp {
    /// Median time of a run at the largest size it is given in service; zero if none succeeded.
    pub typical_run: Duration,
    /// Rows of a run, where the model was to learn them.
    pub row_budget: Option<usize>,
    /// Inputs that it runs well, to tell later whether it still does.
    pub probe: Option<Probe>,
    /// Why the model could not be warmed, for admin pages; empty when it was.
    pub reason: String,
}

/// Runs a fresh session a few times. A model that refuses what is made up for it counts as warm:
/// its real callers know better what it takes.
pub fn warm_up(runner: &mut dyn ModelRunner, clock: &Arc<dyn Clock>) -> WarmUp {
    let spec = runner.spec().clone();
    if spec.warm_up_runs == 0 {
        return WarmUp {
            reason: "not warmed: its manifest says so".into(),
            ..WarmUp::default()
        };
    }
    let mut row_budget = None;
    if spec.learns_row_budget {
        let measure = |rows| typical(runner, &spec, Some(rows), clock);
        let measured: Result<Vec<_>, String> = MEASURED_ROWS.into_iter().map(measure).collect();
        row_budget = measured.ok().and_then(|measured| learned(&measured));
    }
    let rows = row_budget.or(spec.row_budget);
    let (typical_run, reason) = match typical(runner, &spec, rows, clock) {
        Ok((_, typical_run)) => (typical_run, String::new()),
        Err(reason) => (Duration::ZERO, reason),
    };
    let probe = probe(runner, &spec, clock);
    WarmUp {
        typical_run,
        row_budget,
        probe,
        reason,
    }
}

/// Inputs of one row that the model runs: the smallest allowed values or, since a model may divide by
/// them, ones.
fn probe(runner: &mut dyn ModelRunner, spec: &ModelSpec, clock: &Arc<dyn Clock>) -> Option<Probe> {
    let mut meter = Meter::new(Arc::clone(clock));
    let smallest = synthetic_inputs(spec, Some(1)).ok()?;
    let mut ones = synthetic_inputs(spec, Some(1)).ok()?;
    for (input, tensor) in spec.inputs.iter().zip(&mut ones) {
        let free = input.warm_up.is_none() && input.ranges.is_empty();
        if let Some(tensor) = tensor.as_mut().filter(|_| free) {
            fill(tensor, 1.0);
        }
    }
    [smallest, ones].into_iter().find_map(|inputs| {
        let probe = Probe::new(spec, inputs);
        let run = runner.run(&probe.views(), &mut meter);
        run.is_ok().then_some(probe)
    })
}

/// The median time of a few runs of this many rows, or as many as the model's limits allow, and how
/// many these were; the first run is slower than all later ones and
/// counts only where it is the only one.
fn typical(
    runner: &mut dyn ModelRunner,
    spec: &ModelSpec,
    rows: Option<usize>,
    clock: &Arc<dyn Clock>,
) -> Result<(usize, Duration), String> {
    let inputs = synthetic_inputs(spec, rows)?;
    let batched = |(input, tensor): (&InputSpec, &Option<Tensor>)| {
        let tensor = tensor.as_ref().filter(|_| input.role == Role::Candidate)?;
        Some(tensor.shape().rows())
    };
    let rows = spec.inputs.iter().zip(&inputs).find_map(batched);
    let views: Vec<TensorView<'_>> = spec
        .inputs
        .iter()
        .zip(&inputs)
        .map(|(input, tensor)| match tensor {
            Some(tensor) => tensor.view(),
            None => TensorView::absent(input.dtype),
        })
        .collect();
    let mut meter = Meter::new(Arc::clone(clock));
    let mut times = Vec::with_capacity(spec.warm_up_runs);
    for _ in 0..spec.warm_up_runs {
        let start = clock.now();
        match runner.run(&views, &mut meter) {
            Ok(_) => times.push(clock.now() - start),
            Err(
                RunError::Rejected(reason) | RunError::Failed(reason) | RunError::Panicked(reason),
            ) => {
                return Err(format!("not warmed: {reason}"));
            }
            Err(RunError::Terminated) => break,
        }
    }
    let mut later = times.split_off(usize::from(times.len() > 1));
    later.sort_unstable();
    let median = later.get(later.len() / 2).copied();
    let median = median.ok_or_else(|| "not warmed: its runs were stopped".to_owned())?;
    Ok((rows.unwrap_or(1), median))
}

/// Inputs of the smallest allowed values, at the size of a full run; none where the model has its own.
fn synthetic_inputs(spec: &ModelSpec, rows: Option<usize>) -> Result<Vec<Option<Tensor>>, String> {
    let made = |input: &InputSpec| match input.optional {
        true => Ok(None),
        false => one(input, rows).map(Some),
    };
    spec.inputs.iter().map(made).collect()
}

fn one(input: &InputSpec, row_budget: Option<usize>) -> Result<Tensor, String> {
    let size = |(index, dim): (usize, &Dim)| match dim {
        Dim::Fixed(size) => *size,
        Dim::Dynamic(_) if index > 0 => 1,
        Dim::Dynamic(_) => match input.role {
            Role::Request => 1,
            Role::Candidate | Role::RowIndex | Role::Whole => row_budget.unwrap_or(UNKNOWN_ROWS),
        },
    };
    let size = |at: (usize, &Dim)| {
        let most = input.most_dims.get(at.0).copied().flatten();
        size(at).min(most.unwrap_or(usize::MAX))
    };
    let given = input.warm_up.as_ref();
    let shape = match given.and_then(|g| g.shape.clone()) {
        Some(dims) => Shape::from_dims(dims),
        None => Shape::from_dims(input.dims.iter().enumerate().map(size)),
    };
    // A byte string's own overhead is more than any number's width.
    let bytes = shape.bytes(input.dtype.width_bytes().unwrap_or(24));
    if bytes.is_ok_and(|bytes| bytes > MAX_INPUT_BYTES) {
        let name = &input.name;
        return Err(format!(
            "not warmed: input `{name}` of shape {shape} is too large to make up"
        ));
    }
    let mut tensor = Tensor::zeros(input.dtype, shape)
        .map_err(|e| format!("not warmed: input `{}`: {e}", input.name))?;
    if let Some(given) = given {
        fill(&mut tensor, given.value);
        return Ok(tensor);
    }
    // Zero may lie outside the ids a model knows.
    let least = || input.ranges.iter().map(|range| *range.start()).cycle();
    if let Some(ids) = tensor.elements_mut::<i32>() {
        ids.iter_mut()
            .zip(least())
            .for_each(|(id, least)| *id = i32::try_from(least).unwrap_or(0));
    } else if let Some(ids) = tensor.elements_mut::<i64>() {
        ids.iter_mut()
            .zip(least())
            .for_each(|(id, least)| *id = least);
    }
    Ok(tensor)
}

/// Sets every element to `value`, as near as its type comes to it.
fn fill(tensor: &mut Tensor, value: f64) {
    macro_rules! numbers {
        ($($type:ty),+) => {$(
            if let Some(elements) = tensor.elements_mut::<$type>() {
                elements.fill(value as $type);
            }
        )+};
    }
    numbers!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);
}
