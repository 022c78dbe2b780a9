//! Concatenations of request and candidate parts are kept apart through the operators behind them.

use crate::{
    builder::Builder,
    graph::{Dim, Id},
    make::to_i64,
    op::{Op, is_binary, is_reduce},
    passes::normalise::is_map,
    shape,
};

/// A concatenation of which a part is of the request and another is not.
pub(crate) fn mixed(b: &Builder, id: Id) -> Option<(usize, Vec<Id>)> {
    let node = b.node(id, "Concat")?;
    let at = shape::axis(node.op.int("axis")?, b.rank(id)?)?;
    let parts = node.inputs.clone();
    let request = |id: &Id| b.of_request(*id).is_some();
    let some = parts.iter().any(request) && !parts.iter().all(request);
    // Only where the size of each part is known can others be cut to match.
    (some && parts.iter().all(|part| b.fixed(*part, at).is_some())).then_some((at, parts))
}

/// `f([a, b]) = [f(a), f(b)]` for what works on each element, lookup, slice, reshape, transposition
/// and product that leave the parts whole, and `Σ[a, b] = Σa + Σb`.
pub(crate) fn distribute(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if !op.domain.is_empty() {
        return None;
    }
    let name = op.name.as_str();
    match name {
        "Concat" => return flat(b, op, inputs),
        "Split" => return split(b, op, inputs),
        _ if op.outputs != 1 => return None,
        _ if is_binary(name) => return pairs(b, op, inputs),
        "Gather" if b.is_constant(inputs[0]) => return lookup(b, op, inputs),
        _ => {}
    }
    let (at, parts) = mixed(b, *inputs.first()?)?;
    let each = |b: &mut Builder, op: &Op, axis: usize| {
        let made: Vec<Id> = parts
            .iter()
            .map(|part| {
                let mut own = inputs.to_vec();
                own[0] = *part;
                b.emit(op.clone(), &own)
            })
            .collect();
        Some(vec![b.concat(axis, &made)])
    };
    match name {
        _ if is_map(op) => each(b, op, at),
        "Clip"
            if inputs[1..]
                .iter()
                .all(|id| *id == Id::NONE || b.is_constant(*id)) =>
        {
            each(b, op, at)
        }
        "Transpose" => {
            let perm = shape::permutation(op, b.rank(inputs[0])?)?;
            let moved = perm.iter().position(|p| *p == at)?;
            each(b, op, moved)
        }
        "Slice" => slice(b, inputs, at, &parts),
        "Gather" => pick(b, op, inputs, at, &parts),
        "Reshape" => reshape(b, inputs, at, &parts),
        "MatMul" if at + 2 == b.rank(inputs[0])? && b.is_constant(inputs[1]) => each(b, op, at),
        _ if is_reduce(name) => reduce(b, op, inputs, at, &parts),
        _ => None,
    }
}

/// `[[a, b], c] = [a, b, c]`, and neighbours of the request are one part: `[R(u), R(v)] = R([u, v])`.
fn flat(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    let rank = b.rank(*inputs.first()?)?;
    let at = shape::axis(op.int("axis")?, rank)?;
    let mut parts = Vec::new();
    for id in inputs {
        match b.node(*id, "Concat") {
            Some(node) if shape::axis(node.op.int("axis")?, rank) == Some(at) => {
                parts.extend(node.inputs.clone());
            }
            _ => parts.push(*id),
        }
    }
    let mut merged: Vec<Vec<Id>> = Vec::new();
    for part in parts {
        let request = b.of_request(part).is_some();
        match merged.last_mut() {
            Some(run) if request && b.of_request(run[0]).is_some() => run.push(part),
            _ => merged.push(vec![part]),
        }
    }
    let changed = merged.len() != inputs.len();
    let some = merged.iter().any(|run| b.of_request(run[0]).is_some());
    if !changed || !some || merged.len() == 1 {
        return None;
    }
    let parts: Vec<Id> = merged.iter().map(|run| b.concat(at, run)).collect();
    Some(vec![b.concat(at, &parts)])
}

/// `f([a, b], [c, d]) = [f(a, c), f(b, d)]` where the parts are as long, and a constant is cut to
/// match.
fn pairs(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    let (left, right) = (mixed(b, inputs[0]), mixed(b, inputs[1]));
    let (at, of_first) = match (&left, &right) {
        (Some((at, _)), _) => (*at, true),
        (None, Some((at, _))) => (*at, false),
        (None, None) => return None,
    };
    let (whole, parts) = if of_first {
        (inputs[0], left.as_ref()?.1.clone())
    } else {
        (inputs[1], right.as_ref()?.1.clone())
    };
    let other = inputs[usize::from(of_first)];
    let rank = b.rank(whole)?;
    let others: Vec<Id> = if let (Some((_, l)), Some((other_at, r))) = (&left, &right) {
        let sizes = |ids: &[Id]| ids.iter().map(|id| b.fixed(*id, at)).collect::<Vec<_>>();
        if at != *other_at || b.rank(inputs[0]) != b.rank(inputs[1]) || sizes(l) != sizes(r) {
            return None;
        }
        r.clone()
    } else if b.is_constant(other) {
        let behind = rank - at;
        match b.rank(other)?.checked_sub(behind) {
            _ if b.rank(other)? > rank => return None,
            Some(axis) if b.fixed(other, axis)? != 1 => cut(b, other, axis, &parts, at)?,
            _ => vec![other; parts.len()],
        }
    } else {
        return None;
    };
    let made: Vec<Id> = parts
        .iter()
        .zip(&others)
        .map(|(part, other)| {
            let own = if of_first {
                [*part, *other]
            } else {
                [*other, *part]
            };
            b.emit(op.clone(), &own)
        })
        .collect();
    Some(vec![b.concat(at, &made)])
}

/// Slices of `value` along `axis`, as long as the parts are along `at`.
pub(crate) fn cut(
    b: &mut Builder,
    value: Id,
    axis: usize,
    parts: &[Id],
    at: usize,
) -> Option<Vec<Id>> {
    let mut start = 0;
    let mut slices = Vec::with_capacity(parts.len());
    for part in parts {
        let size = b.fixed(*part, at)?;
        slices.push(b.slice(value, axis, start, start + size));
        start += size;
    }
    Some(slices)
}

/// `table[[i, j]] = [table[i], table[j]]`.
fn lookup(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    let (at, parts) = mixed(b, inputs[1])?;
    let axis = shape::axis(op.int("axis").unwrap_or(0), b.rank(inputs[0])?)?;
    let made: Vec<Id> = parts
        .iter()
        .map(|part| b.emit(op.clone(), &[inputs[0], *part]))
        .collect();
    Some(vec![b.concat(axis + at, &made)])
}

/// A slice of a concatenation is one of its parts, or slices of them.
fn slice(b: &mut Builder, inputs: &[Id], at: usize, parts: &[Id]) -> Option<Vec<Id>> {
    let all = shape::slice_of(b, inputs)?;
    let mut parts = parts.to_vec();
    for (axis, start, end) in all {
        if axis != at {
            parts = parts
                .iter()
                .map(|part| b.slice(*part, axis, start, end))
                .collect();
            continue;
        }
        let mut kept = Vec::new();
        let mut first = 0;
        for part in parts {
            let size = b.fixed(part, at)?;
            let (from, to) = (start.max(first), end.min(first + size));
            if from < to {
                kept.push(b.slice(part, at, from - first, to - first));
            }
            first += size;
        }
        parts = kept;
    }
    (!parts.is_empty()).then(|| vec![b.concat(at, &parts)])
}

fn split(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    mixed(b, *inputs.first()?)?;
    let (axis, ranges) = shape::split_of(b, op, inputs)?;
    let each = ranges
        .iter()
        .map(|(start, end)| b.slice(inputs[0], axis, *start, *end));
    Some(each.collect())
}

/// `[a, b][k]`, with constant `k`, is an element of the part where it lies.
fn pick(b: &mut Builder, op: &Op, inputs: &[Id], at: usize, parts: &[Id]) -> Option<Vec<Id>> {
    let axis = shape::axis(op.int("axis").unwrap_or(0), b.rank(inputs[0])?)?;
    let picked = b.const_ints(inputs[1])?;
    if axis != at || b.rank(inputs[1])? > 1 || picked.len() > 64 {
        return None;
    }
    let total: usize = parts
        .iter()
        .map(|p| b.fixed(*p, at))
        .sum::<Option<usize>>()?;
    let scalar = b.rank(inputs[1])? == 0;
    let mut found = Vec::with_capacity(picked.len());
    for index in picked {
        let mut index = shape::axis(index, total)?;
        for part in parts {
            let size = b.fixed(*part, at)?;
            if index < size {
                let dims = if scalar { &[][..] } else { &[1][..] };
                let at_part = b.constant(crate::tensor::Tensor::ints(
                    crate::tensor::Elem::I64,
                    dims,
                    &[to_i64(index)],
                ));
                found.push(b.gather(*part, at_part, at));
                break;
            }
            index -= size;
        }
    }
    if scalar {
        return Some(found);
    }
    Some(vec![b.concat(at, &found)])
}

/// Parts of a concatenation stay whole in a reshape that keeps what lies in front of it.
fn reshape(b: &mut Builder, inputs: &[Id], at: usize, parts: &[Id]) -> Option<Vec<Id>> {
    let from = b.dims(inputs[0])?.to_vec();
    let to = shape::reshaped(b, inputs)?;
    if to.len() <= at || from[..at] != to[..at] {
        return None;
    }
    let fixed = |dims: &[Dim]| match shape::total(dims)? {
        Dim::Fixed(size) => Some(size),
        _ => None,
    };
    if fixed(&from[at..])? != fixed(&to[at..])? {
        return None;
    }
    let (inner_from, inner_to) = (fixed(&from[at + 1..])?, fixed(&to[at + 1..])?);
    let sizes: Vec<usize> = parts
        .iter()
        .map(|part| {
            let elements = b.fixed(*part, at)? * inner_from;
            elements
                .is_multiple_of(inner_to)
                .then(|| elements / inner_to)
        })
        .collect::<Option<_>>()?;
    let mut made = Vec::with_capacity(parts.len());
    for (part, size) in parts.iter().zip(sizes) {
        let mut dims = to.clone();
        dims[at] = Dim::Fixed(size);
        made.push(b.reshape(*part, &dims)?);
    }
    Some(vec![b.concat(at, &made)])
}

/// `Σ[a, b] = Σa + Σb` along the axis of the parts, `max[a, b] = max(max a, max b)`, and along
/// another axis each part by itself.
fn reduce(b: &mut Builder, op: &Op, inputs: &[Id], at: usize, parts: &[Id]) -> Option<Vec<Id>> {
    let rank = b.rank(inputs[0])?;
    let axes = shape::axes(b, op, inputs, rank)?;
    let keep = op.int("keepdims").unwrap_or(1) == 1;
    let emit = |b: &mut Builder, op: &Op, part: Id| {
        let mut own = inputs.to_vec();
        own[0] = part;
        b.emit(op.clone(), &own)
    };
    if !axes.contains(&at) {
        let made: Vec<Id> = parts.iter().map(|part| emit(b, op, *part)).collect();
        let gone = if keep {
            0
        } else {
            axes.iter().filter(|a| **a < at).count()
        };
        return Some(vec![b.concat(at - gone, &made)]);
    }
    match op.name.as_str() {
        "ReduceSum" => {
            let made: Vec<Id> = parts.iter().map(|part| emit(b, op, *part)).collect();
            made.into_iter()
                .reduce(|x, y| b.add(x, y))
                .map(|id| vec![id])
        }
        "ReduceMean" => {
            let dims = axes.iter().map(|a| b.fixed(inputs[0], *a));
            let count: usize = dims.product::<Option<usize>>()?;
            let sum = b.reduce_sum(inputs[0], &axes, keep);
            let factor = b.floats(&[], &[1.0 / count as f32]);
            Some(vec![b.mul(sum, factor)])
        }
        "ReduceMax" | "ReduceMin" => {
            let join = if op.name == "ReduceMax" { "Max" } else { "Min" };
            let made: Vec<Id> = parts.iter().map(|part| emit(b, op, *part)).collect();
            let joined = made
                .into_iter()
                .reduce(|x, y| b.emit(Op::new(join), &[x, y]));
            joined.map(|id| vec![id])
        }
        _ => None,
    }
}
