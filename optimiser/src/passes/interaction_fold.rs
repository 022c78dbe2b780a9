//! Attention's first layer over `[h, i, h − i, h ∘ i]`: one product over the history.

mod queries;

use self::queries::Queries;
use crate::{
    builder::Builder,
    graph::{Dim, Id},
    op::{Op, is_binary},
    passes::{
        normalise::{is_map, is_vector},
        split_products::{Terms, sum, terms},
    },
};

/// For a history `h [t, d]` of the request and a candidate's `i [1, d]`:
/// `[h, i, h − i, h ∘ i]·[W₁; W₂; W₃; W₄] = h·(W₁ + W₃ + diag(i)·W₄) + i·(W₂ − W₃)`, and so for every
/// sum of such terms. What is in brackets and what is added depend on the candidate alone; with a 1
/// appended to each row of `h` they are one matrix `Q [units, d + 1]`. The product is made
/// transposed, `Q·hᵀ`, so that for one request it is a single matrix product for all candidates.
pub(crate) fn fold(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    let mut terms = terms(b, op, inputs)?;
    let (history, ..) = *terms.pairs.first()?;
    if b.rank(history)? != 3 || b.row_axis_of(history) != Some(0) || b.fixed(history, 1)? < 2 {
        return None;
    }
    let one_row = |b: &Builder, id: Id| b.rank(id) == Some(3) && b.fixed(id, 1) == Some(1);
    if !terms
        .pairs
        .iter()
        .all(|(h, i, _)| *h == history && one_row(b, *i))
    {
        return None;
    }
    let pairs = std::mem::take(&mut terms.pairs)
        .into_iter()
        .map(|(_, i, w)| (i, w));
    let (own, request): (Vec<_>, Vec<_>) =
        terms.request.into_iter().partition(|(u, _)| *u == history);
    let (added, candidate): (Vec<_>, Vec<_>) = terms
        .candidate
        .into_iter()
        .partition(|(c, _)| one_row(b, *c));
    let queries = Queries {
        width: b.fixed(history, 2)?,
        units: b.fixed(inputs[1], 1)?,
        pairs: pairs.collect(),
        own: own.into_iter().map(|(_, w)| w).collect(),
        added,
    };
    let history = padded(b, history);
    let queries = queries.emit(b)?;
    let layer = b.emit(Op::internal("Interaction"), &[history, queries]);
    let layer = b.emit(Op::internal("Swap"), &[layer]);
    let rest = Terms {
        request,
        candidate,
        constant: terms.constant,
        pairs: Vec::new(),
    };
    Some(vec![match sum(b, rest) {
        None => layer,
        Some(rest) => b.add(layer, rest),
    }])
}

/// `[h, 1]` along the last axis.
fn padded(b: &mut Builder, history: Id) -> Id {
    let pads = b.ints(&[0, 0, 0, 0, 0, 1]);
    let one = b.floats(&[], &[1.0]);
    b.emit(Op::new("Pad"), &[history, pads, one])
}

impl Builder {
    pub(crate) fn row_axis_of(&self, id: Id) -> Option<usize> {
        super::user_once::row_axis(self.dims(id)?)
    }

    fn swapped(&self, id: Id) -> Option<Id> {
        self.node(id, "Swap").map(|node| node.inputs[0])
    }
}

/// `f(xᵀ) = f(x)ᵀ` for what works on each element, with constants transposed, and
/// `xᵀ·W = (Wᵀ·x)ᵀ`: the layers behind stay in the layout of the first.
pub(crate) fn swapped(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.outputs != 1 {
        return None;
    }
    let swap = |b: &mut Builder, x: Id| b.emit(Op::internal("Swap"), &[x]);
    if op.name == "Swap" && op.is_internal() {
        return b.swapped(inputs[0]).map(|x| vec![x]);
    }
    if !op.domain.is_empty() {
        return None;
    }
    if is_map(op) {
        let x = b.swapped(inputs[0])?;
        let made = b.emit(op.clone(), &[x]);
        return Some(vec![swap(b, made)]);
    }
    if op.name == "MatMul" {
        let x = b.swapped(inputs[0])?;
        if b.rank(inputs[1])? != 2 || !b.is_constant(inputs[1]) {
            return None;
        }
        let weight = b.transpose(inputs[1], &[1, 0]);
        let made = b.matmul(weight, x);
        // A single row transposed is a reshape.
        if b.fixed(made, 1) == Some(1) {
            let dims = [b.dims(made)?[0], b.dims(made)?[2], Dim::Fixed(1)];
            return b.reshape(made, &dims).map(|id| vec![id]);
        }
        return Some(vec![swap(b, made)]);
    }
    if !is_binary(&op.name) {
        return None;
    }
    if let Some(folded) = biased(b, op, inputs) {
        return Some(vec![swap(b, folded)]);
    }
    if b.swapped(inputs[0]).is_none() && b.swapped(inputs[1]).is_none() {
        return None;
    }
    let mut own = Vec::with_capacity(2);
    for id in inputs {
        own.push(match b.swapped(*id) {
            Some(x) => x,
            None if is_vector(b, *id) => column(b, *id)?,
            // [rows, 1, units], as the part of the candidate is.
            None if b.rank(*id) == Some(3) && b.fixed(*id, 1) == Some(1) => {
                let dims = [b.dims(*id)?[0], b.dims(*id)?[2], Dim::Fixed(1)];
                b.reshape(*id, &dims)?
            }
            None => return None,
        });
    }
    let made = b.emit(op.clone(), &own);
    Some(vec![swap(b, made)])
}

/// `[Q, q]·[h, 1] + k = [Q, q + k]·[h, 1]`.
fn biased(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Id> {
    let layer = b
        .swapped(inputs[0])
        .filter(|_| op.name == "Add" && is_vector(b, inputs[1]))?;
    let node = b.node(layer, "Interaction")?;
    let (history, queries) = (node.inputs[0], node.inputs[1]);
    let queries = queries::biased(b, queries, inputs[1])?;
    Some(b.emit(Op::internal("Interaction"), &[history, queries]))
}

/// A constant along the last axis, standing along the one before.
fn column(b: &mut Builder, id: Id) -> Option<Id> {
    let tensor = b.tensor(id)?;
    let column = tensor.reshaped(&[tensor.len(), 1]);
    Some(b.constant(column))
}
