//! Dimensions of products and recurrent layers.

use crate::{
    graph::{Dim, Graph, Id},
    op::Op,
    shape::broadcast,
};

pub(super) fn matmul(left: &[Dim], right: &[Dim]) -> Option<Vec<Dim>> {
    match (left.len(), right.len()) {
        (0, _) | (_, 0) => None,
        (1, 1) => Some(Vec::new()),
        (_, 1) => Some(left[..left.len() - 1].to_vec()),
        (1, _) => {
            let mut dims = right[..right.len() - 2].to_vec();
            dims.push(right[right.len() - 1]);
            Some(dims)
        }
        (l, r) => {
            let mut dims = broadcast(&left[..l - 2], &right[..r - 2])?;
            dims.extend([left[l - 2], right[r - 1]]);
            Some(dims)
        }
    }
}

pub(super) fn gemm(op: &Op, left: &[Dim], right: &[Dim]) -> Option<Vec<Dim>> {
    let side = |dims: &[Dim], transposed: &str, at: usize| {
        let at = if op.int(transposed).unwrap_or(0) == 1 {
            1 - at
        } else {
            at
        };
        dims.get(at).copied()
    };
    Some(vec![side(left, "transA", 0)?, side(right, "transB", 1)?])
}

/// `h [requests, t, d]` against `m [candidates, u, d]`: `[candidates, u, t]`.
pub(super) fn interaction(history: &[Dim], queries: &[Dim]) -> Option<Vec<Dim>> {
    Some(vec![*queries.first()?, *queries.get(1)?, *history.get(1)?])
}

/// `Y [t, directions, rows, hidden]`, `Y_h` and `Y_c [directions, rows, hidden]`.
pub(super) fn recurrent(b: &Graph, op: &Op, inputs: &[Id], index: usize) -> Option<Vec<Dim>> {
    if op.int("layout").unwrap_or(0) != 0 {
        return None;
    }
    let x = b.dims(*inputs.first()?)?;
    let hidden = Dim::Fixed(usize::try_from(op.int("hidden_size")?).ok()?);
    let directions = *b.dims(*inputs.get(1)?)?.first()?;
    let (length, rows) = (*x.first()?, *x.get(1)?);
    Some(match index {
        0 => vec![length, directions, rows, hidden],
        _ => vec![directions, rows, hidden],
    })
}
