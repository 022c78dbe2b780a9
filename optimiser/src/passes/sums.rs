//! Sums in an order that makes the request's part once, and scales moved into weights.

use crate::{
    builder::Builder,
    graph::{Dim, Id},
    op::Op,
    passes::normalise::is_vector,
    shape,
};

/// Whether a value is a sum or difference of a part of the request and another.
pub(crate) fn is_mixed_sum(b: &Builder, id: Id) -> bool {
    let node = b.node(id, "Add").or_else(|| b.node(id, "Sub"));
    node.is_some_and(|node| {
        let request = |id: &Id| b.of_request(*id).is_some();
        node.inputs.iter().any(request) && !node.inputs.iter().all(request)
    })
}

/// `(c + R(u)) + R(v) = c + R(u + v)`, `(c + R(u)) + k = c + R(u + k)`, `(c + R(u)) + d = (c + d) +
/// R(u)`, `(c + k) + l = c + (k + l)`, `(c + k) + R(u) = c + R(u + k)`: a candidate's part, and one
/// part of the request.
pub(crate) fn order(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.name != "Add" || b.value(*inputs.first()?).elem.is_integer() {
        return None;
    }
    for (sum, other) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
        let Some(node) = b.node(sum, "Add") else {
            continue;
        };
        let (first, second) = (node.inputs[0], node.inputs[1]);
        if same_size(b, second, other)
            && let (Some(u), Some(v)) = (b.of_request(second), b.of_request(other))
        {
            let both = b.add(u, v);
            let both = b.rows(both);
            return Some(vec![b.add(first, both)]);
        }
        if let Some(u) = b.of_request(second)
            && fits(b, other, u)
        {
            let both = b.add(u, other);
            let both = b.rows(both);
            return Some(vec![b.add(first, both)]);
        }
        if let Some(u) = b.of_request(other)
            && fits(b, second, u)
        {
            let both = b.add(u, second);
            let both = b.rows(both);
            return Some(vec![b.add(first, both)]);
        }
        // Into the summand that is broadcast, which is smaller.
        if b.is_constant(other)
            && !b.is_constant(second)
            && b.of_request(second).is_none()
            && b.dims(second) != b.dims(sum)
            && fits(b, other, second)
        {
            let both = b.add(second, other);
            return Some(vec![b.add(first, both)]);
        }
        if b.is_constant(second) && b.is_constant(other) {
            let both = b.add(second, other);
            return Some(vec![b.add(first, both)]);
        }
        let request = b.of_request(second).is_some() && b.of_request(other).is_none();
        if request && same_size(b, first, other) && !b.is_constant(other) && !is_mixed_sum(b, other)
        {
            let candidate = b.add(first, other);
            return Some(vec![b.add(candidate, second)]);
        }
        if request && is_mixed_sum(b, other) {
            let node = b.node(other, "Add")?;
            let (c, r) = (node.inputs[0], node.inputs[1]);
            if b.of_request(r).is_some() && same_size(b, c, first) && same_size(b, r, second) {
                let candidate = b.add(first, c);
                let request = b.add(second, r);
                return Some(vec![b.add(candidate, request)]);
            }
        }
    }
    // The request's part stands second.
    let first = b.of_request(inputs[0]).is_some() && b.of_request(inputs[1]).is_none();
    (first && !b.is_constant(inputs[1])).then(|| vec![b.add(inputs[1], inputs[0])])
}

fn same_size(b: &Builder, x: Id, y: Id) -> bool {
    b.dims(x).is_some_and(|dims| !dims.contains(&Dim::Unknown)) && b.dims(x) == b.dims(y)
}

/// Whether a constant broadcasts to the dimensions that a value has.
fn fits(b: &Builder, constant: Id, to: Id) -> bool {
    let both = b.dims(constant).zip(b.dims(to));
    b.is_constant(constant)
        && both.is_some_and(|(constant, to)| {
            constant.len() <= to.len() && shape::broadcast(to, constant).as_deref() == Some(to)
        })
}

/// `(x·W) ∘ k = x·(W·diag(k))`, `(a + b) ∘ k = a ∘ k + b ∘ k` behind a product, and in front of one
/// `(x ∘ k)·W = x·(diag(k)·W)`, `(x + k)·W = x·W + k·W`: normalisation costs nothing.
pub(crate) fn scale(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    match op.name.as_str() {
        "Mul" if is_vector(b, inputs[1]) => behind(b, inputs[0], inputs[1]),
        "MatMul" if b.is_constant(inputs[1]) && b.rank(inputs[1])? == 2 => {
            in_front(b, inputs[0], inputs[1])
        }
        _ => None,
    }
}

fn behind(b: &mut Builder, x: Id, k: Id) -> Option<Vec<Id>> {
    if b.rank(k)? > b.rank(x)? {
        return None;
    }
    if let Some(node) = b.node(x, "MatMul") {
        let (left, weight) = (node.inputs[0], node.inputs[1]);
        if !b.is_constant(weight) || b.rank(weight)? != 2 {
            return None;
        }
        let len = b.tensor(k)?.len();
        let flat = b.tensor(k)?.reshaped(&[len]);
        let flat = b.constant(flat);
        let weight = b.mul(weight, flat);
        return Some(vec![b.matmul(left, weight)]);
    }
    let node = b.node(x, "Add")?;
    let (left, right) = (node.inputs[0], node.inputs[1]);
    let linear = |id: Id| {
        b.is_constant(id)
            || b.of_request(id).is_some()
            || b.node(id, "MatMul")
                .is_some_and(|n| b.is_constant(n.inputs[1]))
    };
    if !linear(left) || !linear(right) {
        return None;
    }
    let (left, right) = (b.mul(left, k), b.mul(right, k));
    Some(vec![b.add(left, right)])
}

fn in_front(b: &mut Builder, x: Id, weight: Id) -> Option<Vec<Id>> {
    for name in ["Mul", "Add"] {
        let Some(node) = b.node(x, name) else {
            continue;
        };
        let (left, k) = (node.inputs[0], node.inputs[1]);
        let tensor = b.tensor(k).filter(|_| is_vector(b, k));
        let Some(tensor) = tensor.filter(|_| b.rank(left) == b.rank(x)) else {
            continue;
        };
        let rows = b.fixed(weight, 0)?;
        if b.fixed(left, b.rank(left)? - 1) != Some(rows)
            || (tensor.len() != rows && tensor.len() != 1)
        {
            continue;
        }
        if name == "Mul" {
            let column = tensor.reshaped(&[tensor.len(), 1]);
            let column = b.constant(column);
            let weight = b.mul(weight, column);
            return Some(vec![b.matmul(left, weight)]);
        }
        if tensor.len() != rows {
            continue;
        }
        let row = tensor.reshaped(&[1, rows]);
        let row = b.constant(row);
        let offset = b.matmul(row, weight);
        let width = b.fixed(weight, 1)?;
        let offset = b.tensor(offset)?.reshaped(&[width]);
        let offset = b.constant(offset);
        let product = b.matmul(left, weight);
        return Some(vec![b.add(product, offset)]);
    }
    None
}
