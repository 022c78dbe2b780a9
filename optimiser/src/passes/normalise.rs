//! One way to write what can be written in several, so that the other rules meet one form only.

use crate::{
    builder::Builder,
    graph::{Dim, Id},
    op::{Op, UNARY},
    tensor::Tensor,
};

/// `gemm(x, W, k) = x·W + k`; `x − k = x + (−k)`; `x / k = x · (1/k)`; `x² = x · x`; constants stand
/// second; sums of several are sums of two.
pub(crate) fn forms(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    match op.name.as_str() {
        "Gemm" => gemm(b, op, inputs),
        "MatMul" if b.rank(inputs[1]) == Some(1) && b.is_constant(inputs[1]) => {
            let dims = b.dims(inputs[0])?.to_vec();
            let column = b.tensor(inputs[1])?;
            let column = column.reshaped(&[column.len(), 1]);
            let column = b.constant(column);
            let product = b.matmul(inputs[0], column);
            b.reshape(product, &dims[..dims.len() - 1])
                .map(|id| vec![id])
        }
        "Sub" => {
            let minus = negated(&*b.tensor(inputs[1])?)?;
            let minus = b.constant(minus);
            Some(vec![b.add(inputs[0], minus)])
        }
        "Div" => {
            let tensor = b.tensor(inputs[1])?;
            let values: Vec<f32> = tensor.to_f32()?.iter().map(|v| v.recip()).collect();
            if values.iter().any(|v| !v.is_finite()) {
                return None;
            }
            let inverse = b.floats(&tensor.dims, &values);
            Some(vec![b.mul(inputs[0], inverse)])
        }
        "Pow" => {
            let power = b.tensor(inputs[1])?;
            let two = power.to_f32() == Some(vec![2.0]) || power.to_i64() == Some(vec![2]);
            let same = b.rank(inputs[0])? >= power.dims.len();
            (two && same).then(|| vec![b.mul(inputs[0], inputs[0])])
        }
        "Add" | "Mul" if scalar(b, inputs).is_some() => {
            let value = scalar(b, inputs)?;
            Some(vec![b.binary(&op.name, inputs[0], value)])
        }
        "Add" | "Mul" if b.is_constant(inputs[0]) && !b.is_constant(inputs[1]) => {
            Some(vec![b.binary(&op.name, inputs[1], inputs[0])])
        }
        "Sum" if !inputs.is_empty() => {
            let first = inputs[0];
            Some(vec![
                inputs[1..].iter().fold(first, |all, id| b.add(all, *id)),
            ])
        }
        _ => None,
    }
}

/// A constant of one element as one of no dimensions, for which the engine has a fast way.
fn scalar(b: &mut Builder, inputs: &[Id]) -> Option<Id> {
    let tensor = b.tensor(inputs[1])?;
    let one = tensor.len() == 1 && !tensor.dims.is_empty();
    if !one || b.is_constant(inputs[0]) || b.rank(inputs[0])? < tensor.dims.len() {
        return None;
    }
    Some(b.constant(tensor.reshaped(&[])))
}

fn negated(tensor: &Tensor) -> Option<Tensor> {
    if let Some(values) = tensor.to_f32() {
        let minus: Vec<f32> = values.iter().map(|v| -v).collect();
        return Some(Tensor::floats(&tensor.dims, &minus));
    }
    let minus: Vec<i64> = tensor.to_i64()?.iter().map(|v| -v).collect();
    Some(Tensor::ints(tensor.elem, &tensor.dims, &minus))
}

fn gemm(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    let plain = op.int("transA").unwrap_or(0) == 0;
    let unit = |name: &str| op.float(name).unwrap_or(1.0) == 1.0;
    if !plain || !unit("alpha") || !unit("beta") || !b.is_constant(inputs[1]) {
        return None;
    }
    let weight = match op.int("transB").unwrap_or(0) {
        1 => b.transpose(inputs[1], &[1, 0]),
        _ => inputs[1],
    };
    let product = b.matmul(inputs[0], weight);
    Some(vec![match inputs.get(2) {
        Some(id) if *id != Id::NONE => b.add(product, *id),
        _ => product,
    }])
}

/// `(x − m)/√(v + ε)·g + s = x·a + (s − m·a)` with `a = g/√(v + ε)`, for each channel.
pub(crate) fn batch_norm(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.name != "BatchNormalization" || op.outputs != 1 || op.int("training_mode") == Some(1) {
        return None;
    }
    let values = |at: usize| b.tensor(inputs[at])?.to_f32();
    let (gain, shift, mean, variance) = (values(1)?, values(2)?, values(3)?, values(4)?);
    let epsilon = f64::from(op.float("epsilon").unwrap_or(1e-5));
    let factor = |i: usize| f64::from(gain[i]) / (f64::from(variance[i]) + epsilon).sqrt();
    let channels = gain.len();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "computed in f64, kept in f32"
    )]
    let (scale, offset): (Vec<f32>, Vec<f32>) = (0..channels)
        .map(|i| {
            let scale = factor(i);
            (
                scale as f32,
                (f64::from(shift[i]) - f64::from(mean[i]) * scale) as f32,
            )
        })
        .unzip();
    let rank = b.rank(inputs[0])?;
    let mut dims = vec![channels];
    dims.resize(rank.checked_sub(1)?.max(1), 1);
    let (scale, offset) = (b.floats(&dims, &scale), b.floats(&dims, &offset));
    let scaled = b.mul(inputs[0], scale);
    Some(vec![b.add(scaled, offset)])
}

/// Operators of one input that keep each element where it is.
pub(crate) fn is_map(op: &Op) -> bool {
    op.domain.is_empty() && op.outputs == 1 && UNARY.contains(&op.name.as_str())
}

/// The dimensions of a constant from behind: what it has along the last axis of its user, or none
/// where it varies along another.
pub(crate) fn is_vector(b: &Builder, id: Id) -> bool {
    b.is_constant(id)
        && b.dims(id).is_some_and(|dims| {
            let leading = dims.len().saturating_sub(1);
            dims[..leading].iter().all(|dim| *dim == Dim::Fixed(1))
        })
}
