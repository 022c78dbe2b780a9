//! From operators of the rewriting to those of ONNX, for runs of one request and of several.

pub(crate) mod fused;
pub(crate) mod many;
pub(crate) mod one;

use crate::{
    builder::Builder,
    graph::Id,
    op::{Attr, Op},
    passes::user_once::row_axis,
    shape,
};

/// `R(u) = u[row_index]`, for every user that has no better way.
pub(crate) fn gathered(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.is_internal() && op.name == "Rows" {
        return None;
    }
    if op.is_internal() && op.name == "Swap" {
        return Some(vec![b.transpose(inputs[0], &[0, 2, 1])]);
    }
    let mut own = inputs.to_vec();
    let mut any = false;
    for id in &mut own {
        if let Some(gathered) = gather(b, *id) {
            *id = gathered;
            any = true;
        }
    }
    any.then(|| b.emit_all(op.clone(), &own))
}

/// The rows of the candidates, picked from those of the requests.
pub(crate) fn gather(b: &mut Builder, id: Id) -> Option<Id> {
    let u = b.of_request(id)?;
    let at = row_axis(b.dims(u)?)?;
    let index = b.row_index?;
    Some(b.gather(u, index, at))
}

/// A sum over an axis of a product of two, one of which is of the request.
pub(crate) struct SumOfProducts {
    pub(crate) left: Id,
    pub(crate) right: Id,
    pub(crate) axis: usize,
    pub(crate) keep: bool,
}

impl SumOfProducts {
    pub(crate) fn of(op: &Op, inputs: &[Id]) -> Option<Self> {
        if !op.is_internal() || op.name != "SumOfProducts" {
            return None;
        }
        Some(Self {
            left: inputs[0],
            right: inputs[1],
            axis: usize::try_from(op.int("axis")?).ok()?,
            keep: op.int("keepdims") == Some(1),
        })
    }

    /// As it was written in the file.
    pub(crate) fn spelled_out(&self, b: &mut Builder) -> Id {
        let product = b.mul(self.left, self.right);
        b.reduce_sum(product, &[self.axis], self.keep)
    }
}

/// `Σ x ∘ y` along one axis is kept as one operator until it is known how many requests a run holds.
pub(crate) fn sum_of_products(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.name != "ReduceSum" || !op.domain.is_empty() {
        return None;
    }
    let axes = shape::axes(b, op, inputs, b.rank(inputs[0])?)?;
    let [axis] = axes[..] else { return None };
    let node = b.node(inputs[0], "Mul")?;
    let (left, right) = (node.inputs[0], node.inputs[1]);
    if b.of_request(left).is_none() && b.of_request(right).is_none() {
        return None;
    }
    let whole = Op::internal("SumOfProducts")
        .with("axis", Attr::Int(i64::try_from(axis).ok()?))
        .with("keepdims", Attr::Int(op.int("keepdims").unwrap_or(1)));
    Some(vec![b.emit(whole, &[left, right])])
}
