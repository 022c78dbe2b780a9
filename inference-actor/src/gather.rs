//! From several requests to one run's inputs, and from its outputs back to each request.

use std::ops::Range;

use common::tensor::{DType, DataView, Element, Shape, Tensor, TensorView};

use crate::{
    arena,
    runner::RunError,
    spec::{ModelSpec, OutputRole, Role, Rows},
};

/// A request's inputs, in the order of the spec.
pub(crate) type Inputs = [Option<Tensor>];

/// Zeros to serve as the row index of a run that holds one request; grown once, then reused.
#[derive(Debug)]
pub(crate) struct ZeroIndex(Tensor);

impl ZeroIndex {
    pub(crate) fn new() -> Self {
        Self(Tensor::zeros(DType::Int32, Shape::from_dims([0])).expect("an empty tensor fits"))
    }

    /// Makes sure that `rows` zeros of the row index's type are there.
    pub(crate) fn reserve(&mut self, spec: &ModelSpec, rows: usize) {
        let Some(input) = spec.inputs.iter().find(|i| i.role == Role::RowIndex) else {
            return;
        };
        if self.0.dtype() != input.dtype || self.0.shape().rows() < rows {
            let shape = Shape::from_dims([rows.next_power_of_two()]);
            self.0 = Tensor::zeros(input.dtype, shape).expect("rows of a validated request fit");
        }
    }
}

/// The inputs of one request, or of a range of its candidates, where they lie: nothing is copied.
pub(crate) fn views<'a>(
    spec: &ModelSpec,
    inputs: &'a Inputs,
    candidates: Option<Range<usize>>,
    total: usize,
    zeros: &'a ZeroIndex,
) -> Vec<TensorView<'a>> {
    let range = candidates.unwrap_or(0..total);
    let one = |(role, tensor): (Role, &'a Option<Tensor>)| match (role, tensor) {
        (Role::Candidate | Role::RowIndex, Some(t)) if range.len() != total => {
            t.view().slice_rows(range.start, range.len())
        }
        (_, Some(t)) => t.view(),
        (_, None) => zeros.0.view().slice_rows(0, range.len()),
    };
    // Validation lets only the row index be absent, and what the model has a value of its own for.
    let each = spec.inputs.iter().zip(inputs);
    each.map(|(input, tensor)| match tensor {
        None if input.optional => TensorView::absent(input.dtype),
        _ => one((input.role, tensor)),
    })
    .collect()
}

/// The inputs of several requests laid behind each other, the row index shifted to match.
pub(crate) fn gather(spec: &ModelSpec, batch: &[(&Inputs, Rows)]) -> Vec<Tensor> {
    let position = |(index, role): (usize, Role)| match role {
        Role::RowIndex => row_index(spec.inputs[index].dtype, batch, index),
        _ => concat(
            batch
                .iter()
                .filter_map(|(inputs, _)| inputs[index].as_ref().map(Tensor::view)),
        ),
    };
    spec.inputs
        .iter()
        .map(|i| i.role)
        .enumerate()
        .map(position)
        .collect()
}

/// Cuts the outputs of a run into those of each request of its batch.
pub(crate) fn split(
    spec: &ModelSpec,
    outputs: &[Tensor],
    batch: &[Rows],
) -> Result<Vec<Vec<Tensor>>, RunError> {
    let mut answers: Vec<Vec<Tensor>> = batch
        .iter()
        .map(|_| Vec::with_capacity(outputs.len()))
        .collect();
    for (declared, output) in spec.outputs.iter().zip(outputs) {
        let of = |rows: &Rows| match declared.role {
            OutputRole::Request => rows.requests,
            _ => rows.candidates,
        };
        expect_rows(&declared.name, output, batch.iter().map(of).sum())?;
        let mut first = 0;
        for (answer, rows) in answers.iter_mut().zip(batch) {
            answer.push(rows_of(output, first, of(rows)));
            first += of(rows);
        }
    }
    Ok(answers)
}

/// Lays the outputs of a request's parts behind each other again.
pub(crate) fn join(spec: &ModelSpec, parts: &[Vec<Tensor>]) -> Vec<Tensor> {
    let position = |(index, role): (usize, OutputRole)| match role {
        OutputRole::Score | OutputRole::Candidate => {
            concat(parts.iter().map(|outputs| outputs[index].view()))
        }
        // The same for every part: the user's side does not depend on which candidates were run.
        OutputRole::Request | OutputRole::Whole => parts[0][index].clone(),
    };
    spec.outputs
        .iter()
        .map(|o| o.role)
        .enumerate()
        .map(position)
        .collect()
}

/// Refuses an output whose rows are not those of the run; cutting it would mix callers.
pub(crate) fn expect_rows(name: &str, output: &Tensor, rows: usize) -> Result<(), RunError> {
    let found = output.shape().rows();
    if found == rows {
        return Ok(());
    }
    Err(RunError::Failed(format!(
        "output `{name}` has {found} rows for {rows} of the run; its role in model.toml is wrong"
    )))
}

fn row_index(dtype: DType, batch: &[(&Inputs, Rows)], index: usize) -> Tensor {
    // The manifest admits only these two types for a row index.
    match dtype {
        DType::Int64 => shifted::<i64>(batch, index),
        _ => shifted::<i32>(batch, index),
    }
}

/// The row indexes of a batch, each shifted by the rows of the requests before it.
fn shifted<T>(batch: &[(&Inputs, Rows)], index: usize) -> Tensor
where
    T: Element + TryFrom<usize> + std::ops::Add<Output = T>,
{
    let total = batch.iter().map(|(_, rows)| rows.candidates).sum();
    let shape = Shape::from_dims([total]);
    let mut memory = arena::lease_or_alloc(T::DTYPE, &shape, total * size_of::<T>());
    let mut rest = memory.as_mut_slice::<T>();
    let mut base = 0;
    for (inputs, rows) in batch {
        let (here, behind) = rest.split_at_mut(rows.candidates);
        rest = behind;
        // Requests in memory are fewer than the smaller type counts.
        let shift = T::try_from(base).unwrap_or_else(|_| T::zeroed());
        match inputs[index].as_ref().and_then(Tensor::elements::<T>) {
            None => here.fill(shift),
            Some(own) => here
                .iter_mut()
                .zip(own)
                .for_each(|(row, own)| *row = *own + shift),
        }
        base += rows.requests;
    }
    Tensor::from_bytes(T::DTYPE, shape, memory).expect("one element a row")
}

/// These rows of an output: where they lie if its memory may be shared, else copied.
fn rows_of(output: &Tensor, first: usize, count: usize) -> Tensor {
    if let Some(rows) = output.share_rows(first, count) {
        return rows;
    }
    let rows = output.view().slice_rows(first, count);
    match rows.data {
        DataView::Fixed(bytes) => arena::copied(rows.dtype, rows.shape.clone(), bytes)
            .expect("rows of a tensor have the bytes of their shape"),
        DataView::Strings(_) | DataView::Absent => rows.to_owned(),
    }
}

/// Tensors of equal inner shape laid behind each other along the first dimension.
fn concat<'a>(views: impl Iterator<Item = TensorView<'a>> + Clone) -> Tensor {
    let mut all = views.clone();
    let first = all.next().expect("a batch holds at least one request");
    let rows = views.clone().map(|v| v.shape.rows()).sum();
    let shape = first.shape.with_rows(rows);
    let joined = match first.data {
        DataView::Strings(_) => {
            let strings = views.filter_map(|v| match v.data {
                DataView::Strings(strings) => Some(strings),
                _ => None,
            });
            Tensor::from_strings(shape, strings.flatten().cloned().collect())
        }
        // Models that batch have no inputs that may be absent.
        DataView::Fixed(_) | DataView::Absent => {
            let bytes = || {
                views.clone().filter_map(|v| match v.data {
                    DataView::Fixed(bytes) => Some(bytes),
                    _ => None,
                })
            };
            let total = bytes().map(<[u8]>::len).sum();
            let mut memory = arena::lease_or_alloc(first.dtype, &shape, total);
            let mut at = 0;
            for part in bytes() {
                memory.as_bytes_mut()[at..at + part.len()].copy_from_slice(part);
                at += part.len();
            }
            Tensor::from_bytes(first.dtype, shape, memory)
        }
    };
    joined.expect("inner shapes agree: validated")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::{tests::ranker, validate};

    fn request(user: i32, candidates: &[i32]) -> Vec<Option<Tensor>> {
        let tensor = |dims: &[usize], v: &[i32]| {
            Some(Tensor::from_elements(Shape::from_dims(dims.iter().copied()), v).unwrap())
        };
        vec![
            tensor(&[1, 3], &[user; 3]),
            tensor(&[candidates.len()], candidates),
            None,
        ]
    }

    #[test]
    fn a_batch_lays_requests_behind_each_other_and_cuts_them_apart_again() {
        let spec = ranker();
        let (a, b) = (request(1, &[4, 5]), request(2, &[6]));
        let rows = |inputs| validate(&spec, inputs).unwrap();
        let merged = gather(&spec, &[(&a, rows(&a)), (&b, rows(&b))]);
        assert_eq!(merged[0].elements::<i32>().unwrap(), [1, 1, 1, 2, 2, 2]);
        assert_eq!(merged[1].elements::<i32>().unwrap(), [4, 5, 6]);
        assert_eq!(merged[2].elements::<i32>().unwrap(), [0, 0, 1]);
        let scores = Tensor::from_elements(Shape::from_dims([3]), &[0.1f32, 0.2, 0.3]).unwrap();
        let answers = split(&spec, &[scores], &[rows(&a), rows(&b)]).unwrap();
        assert_eq!(answers[0][0].elements::<f32>().unwrap(), [0.1, 0.2]);
        assert_eq!(answers[1][0].elements::<f32>().unwrap(), [0.3]);
    }

    #[test]
    fn parts_are_views_and_join_to_the_whole() {
        let spec = ranker();
        let inputs = request(1, &[4, 5, 6]);
        let mut zeros = ZeroIndex::new();
        zeros.reserve(&spec, 3);
        let part = views(&spec, &inputs, Some(1..3), 3, &zeros);
        assert_eq!(part[1].to_owned().elements::<i32>().unwrap(), [5, 6]);
        assert_eq!(part[2].to_owned().elements::<i32>().unwrap(), [0, 0]);
        let out = |v: &[f32]| vec![Tensor::from_elements(Shape::from_dims([v.len()]), v).unwrap()];
        let whole = join(&spec, &[out(&[0.4]), out(&[0.5, 0.6])]);
        assert_eq!(whole[0].elements::<f32>().unwrap(), [0.4, 0.5, 0.6]);
    }

    #[test]
    fn an_output_of_the_wrong_length_is_refused_rather_than_cut() {
        let spec = ranker();
        let scores = Tensor::from_elements(Shape::from_dims([2]), &[0.1f32, 0.2]).unwrap();
        let rows = Rows {
            requests: 1,
            candidates: 3,
        };
        assert!(split(&spec, &[scores], &[rows]).is_err());
    }
}
