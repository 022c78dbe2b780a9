//! Runs of several requests: each candidate picks the rows of its own.

use super::{SumOfProducts, gather};
use crate::{
    builder::Builder,
    graph::{Dim, Id},
    op::Op,
};

/// `M·hᵀ` for each candidate, and `Σ_t w[n, t]·h[t, d]` as a product for each candidate.
pub(crate) fn lower(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.is_internal() && op.name == "Interaction" {
        let columns = b.transpose(inputs[0], &[0, 2, 1]);
        let rows = b.rows(columns);
        let keys = gather(b, rows)?;
        return Some(vec![b.matmul(inputs[1], keys)]);
    }
    let sum = SumOfProducts::of(op, inputs)?;
    for (request, other) in [(sum.left, sum.right), (sum.right, sum.left)] {
        let Some(u) = b.of_request(request) else {
            continue;
        };
        let (&[_, Dim::Fixed(t), Dim::Fixed(d)], &[rows, Dim::Fixed(s), Dim::Fixed(1)]) =
            (b.dims(u)?, b.dims(other)?)
        else {
            continue;
        };
        if t != s || sum.axis != 1 || b.row_axis_of(u) != Some(0) || b.of_request(other).is_some() {
            continue;
        }
        let weights = b.reshape(other, &[rows, Dim::Fixed(1), Dim::Fixed(t)])?;
        let values = gather(b, request)?;
        let product = b.matmul(weights, values);
        if sum.keep {
            return Some(vec![product]);
        }
        return b
            .reshape(product, &[rows, Dim::Fixed(d)])
            .map(|id| vec![id]);
    }
    Some(vec![sum.spelled_out(b)])
}
