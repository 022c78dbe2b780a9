//! What depends on the request alone is computed once a request.

use crate::{
    builder::Builder,
    graph::{Dim, Id},
    op::{Op, is_elementwise, is_reduce},
    shape,
};

/// `f(R(u), R(v), k) = R(f(u, v, k))` for every `f` that treats each row by itself.
pub(crate) fn hoist(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.is_internal() {
        return None;
    }
    let mut inner = inputs.to_vec();
    let mut any = false;
    for id in &mut inner {
        if *id == Id::NONE || b.is_constant(*id) {
            continue;
        }
        *id = b.of_request(*id)?;
        any = true;
    }
    // A shape counts rows, and those of requests are others than those of candidates.
    if !any || matches!(op.name.as_str(), "Shape" | "Size" | "NonZero") {
        return None;
    }
    if !by_row(b, op, &inner) {
        return None;
    }
    let outputs = b.emit_all(op.clone(), &inner);
    Some(outputs.into_iter().map(|id| b.rows(id)).collect())
}

/// Along which axis rows lie behind each other; none for a value without rows, or where they are
/// merged with another dimension.
pub(crate) fn row_axis(dims: &[Dim]) -> Option<usize> {
    let mut found = dims
        .iter()
        .enumerate()
        .filter(|(_, d)| matches!(d, Dim::Rows(_)));
    let (at, dim) = found.next()?;
    (found.next().is_none() && *dim == Dim::Rows(1)).then_some(at)
}

/// Whether a node treats each row of its inputs by itself and leaves it in one place.
pub(crate) fn by_row(b: &Builder, op: &Op, inputs: &[Id]) -> bool {
    let facts = shape::infer(b, op, inputs);
    let kept = facts
        .iter()
        .all(|f| f.dims.as_deref().is_some_and(|d| row_axis(d).is_some()));
    if !kept {
        return false;
    }
    let rows = |at: usize| inputs.get(at).and_then(|id| b.dims(*id)).and_then(row_axis);
    let rank = |at: usize| inputs.get(at).and_then(|id| b.rank(*id));
    let given = |default: i64| {
        let rank = rank(0)?;
        shape::axis(op.int("axis").unwrap_or(default), rank)
    };
    let name = op.name.as_str();
    let out = facts[0].dims.as_deref().and_then(row_axis);
    match name {
        // Rows must lie along the same axis in all inputs, counted from behind.
        _ if is_elementwise(name) => inputs.iter().filter(|id| **id != Id::NONE).all(|id| {
            let dims = b.dims(*id);
            dims.is_some_and(|dims| match row_axis(dims) {
                Some(at) => out
                    .zip(facts[0].dims.as_ref())
                    .is_some_and(|(out, all)| all.len() - out == dims.len() - at),
                None => b.is_constant(*id),
            })
        }),
        _ if is_reduce(name) => rank(0)
            .and_then(|rank| shape::axes(b, op, inputs, rank))
            .zip(rows(0))
            .is_some_and(|(axes, rows)| !axes.contains(&rows)),
        "Softmax" | "LogSoftmax" | "CumSum" => given(-1).is_some_and(|at| rows(0) != Some(at)),
        "LayerNormalization" => given(-1).zip(rows(0)).is_some_and(|(at, rows)| rows < at),
        "Concat" => {
            let at = given(0);
            inputs.iter().all(|id| {
                b.dims(*id)
                    .and_then(row_axis)
                    .is_some_and(|rows| Some(rows) != at)
            })
        }
        "Split" => given(0).is_some_and(|at| rows(0) != Some(at)),
        "Gather" => match rows(0) {
            None => b.is_constant(inputs[0]),
            Some(rows) => b.is_constant(inputs[1]) && given(0).is_some_and(|at| at != rows),
        },
        "Slice" => rows(0).is_some_and(|rows| {
            shape::slice_of(b, inputs).is_some_and(|all| all.iter().all(|(at, ..)| *at != rows))
        }),
        "MatMul" => match (rows(0), rows(1)) {
            (Some(at), None) => b.is_constant(inputs[1]) && rank(0).is_some_and(|r| at + 1 < r),
            (None, Some(at)) => b.is_constant(inputs[0]) && rank(1).is_some_and(|r| at + 2 < r),
            (Some(0), Some(0)) => rank(0) == rank(1) && rank(0).is_some_and(|r| r >= 3),
            _ => false,
        },
        "Gemm" => op.int("transA").unwrap_or(0) == 0 && rows(0) == Some(0) && rows(1).is_none(),
        "BatchNormalization" => rows(0) == Some(0),
        "Transpose" | "Expand" => rows(0).is_some(),
        // Elements keep their order, so rows stay whole where as much lies in front of them.
        "Reshape" | "Unsqueeze" | "Squeeze" | "Flatten" => {
            let front = |dims: &[Dim]| {
                let at = row_axis(dims)?;
                shape::total(&dims[..at])
            };
            let before = b.dims(inputs[0]).and_then(front);
            before.is_some() && before == facts[0].dims.as_deref().and_then(front)
        }
        "GRU" | "LSTM" | "RNN" => rows(0) == Some(1) && op.int("layout").unwrap_or(0) == 0,
        _ => false,
    }
}
