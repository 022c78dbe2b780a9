//! Operators that sum: products, reductions, softmax.

use super::{
    array::{Array, broadcast, source, strides},
    input,
};
use crate::{
    op::{Op, is_reduce},
    shape::axis,
};

pub(super) fn apply(op: &Op, inputs: &[Option<Array>]) -> Option<Array> {
    match op.name.as_str() {
        "MatMul" => matmul(input(inputs, 0)?, input(inputs, 1)?),
        "Gemm" => {
            let turned = |at: usize, name: &str| {
                let x = input(inputs, at)?;
                match (op.int(name).unwrap_or(0), &x.dims[..]) {
                    (0, _) => Some(x.clone()),
                    (_, [r, c]) => x.picked(vec![*c, *r], |i| Some(i % r * c + i / r)),
                    _ => None,
                }
            };
            let product = matmul(&turned(0, "transA")?, &turned(1, "transB")?)?;
            match input(inputs, 2) {
                None => Some(product),
                Some(z) => super::apply(&Op::new("Add"), &[Some(product), Some(z.clone())]),
            }
        }
        "Softmax" => softmax(op, input(inputs, 0)?),
        name if is_reduce(name) => reduce(op, input(inputs, 0)?, input(inputs, 1)),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "sums are rounded once")]
pub(crate) fn matmul(x: &Array, y: &Array) -> Option<Array> {
    let (a, b) = (x.as_floats()?, y.as_floats()?);
    if x.dims.len() < 2 || y.dims.len() < 2 {
        return None;
    }
    let (xr, yr) = (x.dims.len() - 2, y.dims.len() - 2);
    let (m, k, n) = (x.dims[xr], x.dims[xr + 1], y.dims[yr + 1]);
    if y.dims[yr] != k {
        return None;
    }
    let batch = broadcast(&x.dims[..xr], &y.dims[..yr])?;
    let count = batch.iter().product::<usize>();
    let mut values = Vec::with_capacity(count * m * n);
    let mut sums = vec![0.0f64; n];
    for index in 0..count {
        let a = &a[source(index, &batch, &x.dims[..xr]) * m * k..];
        let b = &b[source(index, &batch, &y.dims[..yr]) * k * n..];
        for row in 0..m {
            sums.fill(0.0);
            for (inner, left) in a[row * k..(row + 1) * k].iter().enumerate() {
                let right = &b[inner * n..(inner + 1) * n];
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum += f64::from(*left) * f64::from(*right);
                }
            }
            values.extend(sums.iter().map(|sum| *sum as f32));
        }
    }
    Some(Array::floats([batch, vec![m, n]].concat(), values))
}

#[expect(clippy::cast_possible_truncation, reason = "sums are rounded once")]
fn softmax(op: &Op, x: &Array) -> Option<Array> {
    let at = axis(op.int("axis").unwrap_or(-1), x.dims.len())?;
    let step = strides(&x.dims)[at];
    let size = x.dims[at];
    let from = x.as_floats()?;
    let mut values = vec![0.0; from.len()];
    for start in (0..from.len()).filter(|i| (i / step).is_multiple_of(size)) {
        let each = || (0..size).map(|k| start + k * step);
        let most = each().map(|i| from[i]).fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = each().map(|i| f64::from((from[i] - most).exp())).sum();
        for i in each() {
            values[i] = (f64::from((from[i] - most).exp()) / sum) as f32;
        }
    }
    Some(Array::floats(x.dims.clone(), values))
}

#[expect(clippy::cast_possible_truncation, reason = "sums are rounded once")]
fn reduce(op: &Op, x: &Array, given: Option<&Array>) -> Option<Array> {
    let rank = x.dims.len();
    let list = match given {
        Some(axes) => Some(axes.as_ints()?),
        None => op.ints("axes"),
    };
    let gone: Vec<usize> = match list {
        None => (0..rank).collect(),
        Some(list) => list.iter().map(|a| axis(*a, rank)).collect::<Option<_>>()?,
    };
    let kept: Vec<usize> = (0..rank)
        .map(|at| if gone.contains(&at) { 1 } else { x.dims[at] })
        .collect();
    let (from, to) = (strides(&x.dims), strides(&kept));
    let target = |i: usize| -> usize {
        (0..rank)
            .filter(|at| !gone.contains(at))
            .map(|at| (i / from[at]) % x.dims[at] * to[at])
            .sum()
    };
    let (start, join): (f64, fn(f64, f64) -> f64) = match op.name.as_str() {
        "ReduceSum" | "ReduceMean" => (0.0, |a, v| a + v),
        "ReduceL2" | "ReduceSumSquare" => (0.0, |a, v| a + v * v),
        "ReduceMax" => (f64::NEG_INFINITY, f64::max),
        "ReduceMin" => (f64::INFINITY, f64::min),
        _ => return None,
    };
    let count = kept.iter().product::<usize>();
    let mut all = vec![start; count];
    let values = x.as_floats()?;
    for (i, value) in values.iter().enumerate() {
        let at = target(i);
        all[at] = join(all[at], f64::from(*value));
    }
    let each = (values.len() / count.max(1)).max(1) as f64;
    let finish = |v: f64| match op.name.as_str() {
        "ReduceMean" => (v / each) as f32,
        "ReduceL2" => v.sqrt() as f32,
        _ => v as f32,
    };
    let values = all.into_iter().map(finish).collect();
    let dims = match op.int("keepdims").unwrap_or(1) {
        1 => kept,
        _ => {
            let left = (0..rank).filter(|at| !gone.contains(at));
            left.map(|at| x.dims[at]).collect()
        }
    };
    Some(Array::floats(dims, values))
}
