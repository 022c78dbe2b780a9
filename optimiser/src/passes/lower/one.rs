//! Runs of one request: `R(u)` has one row, which broadcasts.

use super::SumOfProducts;
use crate::{
    builder::Builder,
    graph::{Dim, Id, Roots},
    op::{Attr, Op, is_binary},
};

/// With one request, `R(u) ∘ c` broadcasts `u`, `Σ R(u) ∘ c` and `c·R(u)` are one matrix product for
/// all candidates, and the interaction `M·hᵀ` of all candidates is one, too.
pub(crate) fn lower(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.is_internal() && op.name == "Interaction" {
        return interaction(b, inputs);
    }
    if let Some(sum) = SumOfProducts::of(op, inputs) {
        return weighted(b, &sum).or_else(|| Some(vec![sum.spelled_out(b)]));
    }
    if !op.domain.is_empty() {
        return None;
    }
    if let Some(behind) = reshape_behind(b, op, inputs) {
        return Some(behind);
    }
    if op.name == "MatMul" {
        return product(b, inputs);
    }
    if is_binary(&op.name) || op.name == "Where" {
        return broadcast(b, op, inputs);
    }
    None
}

/// `f(reshape(x)) = reshape(f(x))`: an activation right behind a product is part of its kernel.
fn reshape_behind(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.name != "Relu" {
        return None;
    }
    let node = b.node(inputs[0], "Reshape")?;
    let (source, target) = (node.inputs[0], node.inputs[1]);
    b.node(source, "Gemm")?;
    let made = b.emit(op.clone(), &[source]);
    Some(vec![b.emit(Op::new("Reshape"), &[made, target])])
}

fn interaction(b: &mut Builder, inputs: &[Id]) -> Option<Vec<Id>> {
    let (history, queries) = (inputs[0], inputs[1]);
    let (length, width) = (b.fixed(history, 1)?, b.fixed(history, 2)?);
    let units = b.fixed(queries, 1)?;
    let keys = b.reshape(history, &[Dim::Fixed(length), Dim::Fixed(width)])?;
    let rows = b.reshape(queries, &[Dim::Rows(units), Dim::Fixed(width)])?;
    let op = Op::new("Gemm").with("transB", Attr::Int(1));
    let product = b.emit(op, &[rows, keys]);
    b.reshape(
        product,
        &[Dim::Rows(1), Dim::Fixed(units), Dim::Fixed(length)],
    )
    .map(|id| vec![id])
}

/// `Σ_d u[d]·c[n, d]` and `Σ_t w[n, t]·h[t, d]`.
fn weighted(b: &mut Builder, sum: &SumOfProducts) -> Option<Vec<Id>> {
    for (request, other) in [(sum.left, sum.right), (sum.right, sum.left)] {
        let Some(u) = b.of_request(request) else {
            continue;
        };
        if b.row_axis_of(u) != Some(0) || b.row_axis_of(other) != Some(0) {
            continue;
        }
        match (b.dims(u)?, b.dims(other)?, sum.axis) {
            (&[_, Dim::Fixed(d)], &[rows, Dim::Fixed(e)], 1) if d == e => {
                let row = b.reshape(u, &[Dim::Fixed(1), Dim::Fixed(d)])?;
                let op = Op::new("Gemm").with("transB", Attr::Int(1));
                let product = b.emit(op, &[other, row]);
                if sum.keep {
                    return Some(vec![product]);
                }
                return b.reshape(product, &[rows]).map(|id| vec![id]);
            }
            (&[_, Dim::Fixed(t), Dim::Fixed(d)], &[rows, Dim::Fixed(s), Dim::Fixed(1)], 1)
                if t == s =>
            {
                if let Some(product) = with_last_layer(b, u, other, (t, d)) {
                    let dims = [rows, Dim::Fixed(1), Dim::Fixed(d)];
                    let dims = if sum.keep {
                        &dims[..]
                    } else {
                        &[rows, Dim::Fixed(d)]
                    };
                    return b.reshape(product, dims).map(|id| vec![id]);
                }
                let values = b.reshape(u, &[Dim::Fixed(t), Dim::Fixed(d)])?;
                let weights = b.reshape(other, &[rows, Dim::Fixed(t)])?;
                let product = b.matmul(weights, values);
                if !sum.keep {
                    return Some(vec![product]);
                }
                return b
                    .reshape(product, &[rows, Dim::Fixed(1), Dim::Fixed(d)])
                    .map(|id| vec![id]);
            }
            _ => {}
        }
    }
    None
}

/// Up to this many columns a unit, the last layer of attention and the sum over the history are
/// cheaper as one product.
const MAX_JOINED: usize = 160;

/// `Σ_t (Σ_u w[u]·f[n, u, t])·h[t, d] = f[n, (u, t)]·v[(u, t), d]` with `v[(u, t), d] = w[u]·h[t, d]`,
/// which is made once a request.
fn with_last_layer(b: &mut Builder, u: Id, weights: Id, (t, d): (usize, usize)) -> Option<Id> {
    let source = b.node(weights, "Reshape")?.inputs[0];
    let node = b.node(source, "MatMul")?;
    let (last, layer) = (node.inputs[0], node.inputs[1]);
    let tensor = b.tensor(last)?;
    let [1, units] = tensor.dims[..] else {
        return None;
    };
    if units * d > MAX_JOINED || b.fixed(layer, 1) != Some(units) || b.rank(layer) != Some(3) {
        return None;
    }
    let values = b.reshape(u, &[Dim::Fixed(1), Dim::Fixed(t), Dim::Fixed(d)])?;
    let last = b.constant(tensor.reshaped(&[units, 1, 1]));
    let values = b.mul(values, last);
    let values = b.reshape(values, &[Dim::Fixed(units * t), Dim::Fixed(d)])?;
    let flat = b.reshape(layer, &[b.dims(layer)?[0], Dim::Fixed(units * t)])?;
    Some(b.matmul(flat, values))
}

fn product(b: &mut Builder, inputs: &[Id]) -> Option<Vec<Id>> {
    // (c·u)·W = c·(u·W): the request's side is multiplied once.
    if let Some(node) = b.node(inputs[0], "MatMul") {
        let (c, u) = (node.inputs[0], node.inputs[1]);
        let of_request = b.value(u).roots == Roots::REQUEST && b.rank(u) == Some(2);
        let narrow = b.fixed(inputs[1], 1)? <= 2 * b.fixed(u, 1)?;
        if of_request && b.is_constant(inputs[1]) && narrow && b.rank(inputs[1]) == Some(2) {
            let inner = b.matmul(u, inputs[1]);
            return Some(vec![b.matmul(c, inner)]);
        }
    }
    // w[n, 1, t]·h[t, d], for all candidates at once.
    if let Some(u) = b.of_request(inputs[1]) {
        let (&[rows, Dim::Fixed(1), Dim::Fixed(t)], &[_, Dim::Fixed(s), Dim::Fixed(d)]) =
            (b.dims(inputs[0])?, b.dims(u)?)
        else {
            return None;
        };
        if t != s || b.row_axis_of(u) != Some(0) || b.of_request(inputs[0]).is_some() {
            return None;
        }
        let values = b.reshape(u, &[Dim::Fixed(t), Dim::Fixed(d)])?;
        let weights = b.reshape(inputs[0], &[rows, Dim::Fixed(t)])?;
        let product = b.matmul(weights, values);
        return b
            .reshape(product, &[rows, Dim::Fixed(1), Dim::Fixed(d)])
            .map(|id| vec![id]);
    }
    // Products for each candidate broadcast the request's side.
    let u = b.of_request(inputs[0])?;
    let batched = b.rank(u)? >= 3 && b.rank(inputs[1]) == b.rank(u) && b.row_axis_of(u) == Some(0);
    batched.then(|| vec![b.matmul(u, inputs[1])])
}

fn broadcast(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    let mut own = inputs.to_vec();
    let mut any = false;
    // Another value must bring the candidates' rows.
    let carries =
        |b: &Builder, id: &Id| b.of_request(*id).is_none() && b.row_axis_of(*id).is_some();
    if !inputs.iter().any(|id| carries(b, id)) {
        return None;
    }
    for id in &mut own {
        if let Some(u) = b.of_request(*id) {
            *id = u;
            any = true;
        }
    }
    any.then(|| vec![b.emit(op.clone(), &own)])
}
