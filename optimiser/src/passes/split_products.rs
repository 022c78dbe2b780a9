//! A product over parts of the request and of the candidates becomes a product for each.

use crate::{
    builder::Builder,
    graph::{Dim, Id},
    op::Op,
    passes::{columns::mixed, sums},
    tensor::Tensor,
};

/// A product `x·W` taken apart: what is summed, each with the weights it is multiplied by.
#[derive(Default)]
pub(crate) struct Terms {
    /// `R(u)·W`, by `u`.
    pub(crate) request: Vec<(Id, Id)>,
    /// `c·W`.
    pub(crate) candidate: Vec<(Id, Id)>,
    /// `k·W`, folded.
    pub(crate) constant: Vec<Id>,
    /// `(R(u) ∘ c)·W`, as `(u, c, W)`.
    pub(crate) pairs: Vec<(Id, Id, Id)>,
}

/// Parts of a product deeper than this are taken as they are.
const MAX_DEPTH: usize = 8;

/// `[R(u), c]·[W₁; W₂] = R(u·W₁) + c·W₂`, and the same for sums and differences:
/// `(R(u) ± c)·W = R(u·W) ± c·W`. An expansion is looked through: `expand(c)·W` is broadcast `c·W`.
pub(crate) fn split(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    let terms = terms(b, op, inputs)?;
    if !terms.pairs.is_empty() && b.rank(inputs[0])? == 3 {
        return None;
    }
    let mut terms = terms;
    for (u, c, weight) in std::mem::take(&mut terms.pairs) {
        let rows = b.rows(u);
        let product = b.mul(rows, c);
        terms.candidate.push((product, weight));
    }
    let sum = sum(b, terms)?;
    Some(vec![sum])
}

/// The terms of a product with constant weights, if a part of it is of the request.
pub(crate) fn terms(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Terms> {
    if op.name != "MatMul" || !op.domain.is_empty() || !b.is_constant(inputs[1]) {
        return None;
    }
    let rank = b.rank(inputs[0])?;
    if rank < 2 || b.rank(inputs[1])? != 2 {
        return None;
    }
    let last = rank - 1;
    let parts_of_sum = sums::is_mixed_sum(b, inputs[0]);
    let concat = mixed(b, inputs[0]).is_some_and(|(at, _)| at == last);
    if !parts_of_sum && !concat {
        return None;
    }
    let mut terms = Terms::default();
    collect(b, inputs[0], inputs[1], last, 0, &mut terms)?;
    let split = !terms.request.is_empty() || !terms.pairs.is_empty();
    split.then_some(terms)
}

fn collect(
    b: &mut Builder,
    x: Id,
    w: Id,
    last: usize,
    depth: usize,
    terms: &mut Terms,
) -> Option<()> {
    if depth > MAX_DEPTH {
        terms.candidate.push((x, w));
        return Some(());
    }
    if b.is_constant(x) {
        let product = b.matmul(x, w);
        terms.constant.push(product);
        return Some(());
    }
    if let Some(u) = b.of_request(x) {
        // One expanded by constants is as good as the value.
        let u = b.node(u, "Expand").map_or(u, |node| node.inputs[0]);
        terms.request.push((u, w));
        return Some(());
    }
    if let Some(node) = b.node(x, "Expand") {
        let inner = node.inputs[0];
        if b.fixed(inner, last) == b.fixed(x, last) {
            return collect(b, inner, w, last, depth + 1, terms);
        }
    }
    if let Some(node) = b.node(x, "Concat") {
        let parts = node.inputs.clone();
        let at = crate::shape::axis(node.op.int("axis")?, last + 1)?;
        if at == last && parts.iter().all(|p| b.fixed(*p, last).is_some()) {
            let mut start = 0;
            for part in parts {
                let size = b.fixed(part, last)?;
                let own = b.slice(w, 0, start, start + size);
                start += size;
                collect(b, part, own, last, depth + 1, terms)?;
            }
            return Some(());
        }
    }
    for (name, sign) in [("Add", 1.0), ("Sub", -1.0)] {
        let Some(node) = b.node(x, name) else {
            continue;
        };
        let (left, right) = (node.inputs[0], node.inputs[1]);
        let wide = |id: Id| b.fixed(id, last) == b.fixed(x, last);
        if b.rank(left) == b.rank(x) && b.rank(right) == b.rank(x) && wide(left) && wide(right) {
            collect(b, left, w, last, depth + 1, terms)?;
            let signed = scaled(b, w, sign)?;
            return collect(b, right, signed, last, depth + 1, terms);
        }
    }
    if let Some(node) = b.node(x, "Mul") {
        let (left, right) = (node.inputs[0], node.inputs[1]);
        for (u, c) in [(left, right), (right, left)] {
            if let Some(u) = b.of_request(u)
                && b.fixed(u, last) == b.fixed(c, last)
                && b.rank(c) == Some(last + 1)
                && b.fixed(c, last).is_some()
            {
                terms.pairs.push((u, c, w));
                return Some(());
            }
        }
    }
    terms.candidate.push((x, w));
    Some(())
}

fn scaled(b: &mut Builder, w: Id, factor: f32) -> Option<Id> {
    if factor == 1.0 {
        return Some(w);
    }
    let tensor = b.tensor(w)?;
    let values: Vec<f32> = tensor.to_f32()?.iter().map(|v| v * factor).collect();
    Some(b.constant(Tensor::floats(&tensor.dims, &values)))
}

/// The sum of all terms: of the request one product, of the candidates one for each shape.
pub(crate) fn sum(b: &mut Builder, terms: Terms) -> Option<Id> {
    let mut all = Vec::new();
    for group in by_shape(b, terms.candidate) {
        all.push(product(b, &group));
    }
    for group in by_shape(b, terms.request) {
        let product = product(b, &group);
        all.push(b.rows(product));
    }
    all.extend(terms.constant);
    all.into_iter().reduce(|x, y| b.add(x, y))
}

/// Terms that can be laid side by side: as many in each dimension but the last.
fn by_shape(b: &mut Builder, terms: Vec<(Id, Id)>) -> Vec<Vec<(Id, Id)>> {
    type Group = (Option<Vec<Dim>>, Vec<(Id, Id)>);
    let mut groups: Vec<Group> = Vec::new();
    for (x, w) in terms {
        let leading = b.dims(x).map(|dims| dims[..dims.len() - 1].to_vec());
        match groups
            .iter_mut()
            .find(|(of, _)| *of == leading && leading.is_some())
        {
            None => groups.push((leading, vec![(x, w)])),
            // The same factor twice: x·W₁ + x·W₂ = x·(W₁ + W₂).
            Some((_, group)) => match group.iter_mut().find(|(other, _)| *other == x) {
                Some((_, weight)) => *weight = b.add(*weight, w),
                None => group.push((x, w)),
            },
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn product(b: &mut Builder, group: &[(Id, Id)]) -> Id {
    let (xs, ws): (Vec<Id>, Vec<Id>) = group.iter().copied().unzip();
    let last = b.rank(xs[0]).unwrap_or(1).saturating_sub(1);
    let (x, w) = (b.concat(last, &xs), b.concat(0, &ws));
    b.matmul(x, w)
}
