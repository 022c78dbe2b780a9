//! Operators that the engine has one kernel for.

use crate::{
    builder::Builder,
    graph::{Dim, Id},
    op::Op,
    shape,
};

/// Sums over fields of more elements than this are left to the engine's reduction.
const MAX_SUMMED: usize = 1024;
/// Nor of wider fields: a product's work grows with the square.
const MAX_WIDTH: usize = 32;

/// `x·y + z` is one kernel, for matrices.
pub(crate) fn gemm(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.name != "Add" || !op.domain.is_empty() {
        return None;
    }
    for (product, other) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
        let Some(node) = b.node(product, "MatMul") else {
            continue;
        };
        let (x, y) = (node.inputs[0], node.inputs[1]);
        if b.rank(x) != Some(2) || b.rank(y) != Some(2) || b.of_request(other).is_some() {
            continue;
        }
        let own = b.dims(product)?.to_vec();
        let fits = match *b.dims(other)? {
            [width] => width == own[1] || width == Dim::Fixed(1),
            [rows, width] => {
                let rows_fit = rows == own[0] || rows == Dim::Fixed(1);
                rows_fit && (width == own[1] || width == Dim::Fixed(1))
            }
            _ => false,
        };
        // One row a request would broadcast to the rows of the candidates; with rows of candidates
        // on both sides nothing has to.
        if fits {
            return Some(vec![b.emit(Op::new("Gemm"), &[x, y, other])]);
        }
    }
    None
}

/// `Σ_f x[n, f, d] = x[n, (f, d)]·S` with `S[(f, d), e] = 1` where `d = e`: the engine's product is
/// faster than its reduction over few short fields.
pub(crate) fn field_sum(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.name != "ReduceSum" || !op.domain.is_empty() || !b.value(inputs[0]).roots.candidate {
        return None;
    }
    let &[rows, Dim::Fixed(fields), Dim::Fixed(width)] = b.dims(inputs[0])? else {
        return None;
    };
    let small = fields * width <= MAX_SUMMED && width <= MAX_WIDTH;
    if !small || shape::axes(b, op, inputs, 3)? != [1] || rows != Dim::Rows(1) {
        return None;
    }
    let mut ones = vec![0.0; fields * width * width];
    for index in 0..fields * width {
        ones[index * width + index % width] = 1.0;
    }
    let ones = b.floats(&[fields * width, width], &ones);
    let flat = b.reshape(inputs[0], &[rows, Dim::Fixed(fields * width)])?;
    let sum = b.matmul(flat, ones);
    match op.int("keepdims").unwrap_or(1) {
        1 => b
            .reshape(sum, &[rows, Dim::Fixed(1), Dim::Fixed(width)])
            .map(|id| vec![id]),
        _ => Some(vec![sum]),
    }
}
