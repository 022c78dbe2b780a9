//! What exporters write and no run needs: identities, casts, double transposes and reshapes.

use crate::{
    builder::Builder,
    graph::{Dim, Id},
    make::target,
    op::{Op, is_binary},
    shape,
    tensor::Elem,
};

/// `x = x`, `x + 0 = x`, `x · 1 = x`, `[x] = x`.
pub(crate) fn identity(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    let neutral = |b: &Builder, value: f32| {
        let all = b.tensor(inputs[1])?.to_f32()?;
        let same = b.dims(inputs[0])? == shape::broadcast(b.dims(inputs[0])?, b.dims(inputs[1])?)?;
        (same && all.iter().all(|v| *v == value)).then(|| vec![inputs[0]])
    };
    match op.name.as_str() {
        "Identity" => Some(vec![inputs[0]]),
        "Dropout" if op.outputs == 1 => Some(vec![inputs[0]]),
        "Concat" if inputs.len() == 1 => Some(vec![inputs[0]]),
        "Add" => neutral(b, 0.0),
        "Mul" => neutral(b, 1.0),
        _ => None,
    }
}

/// A cast to the type that a value has is the value; an integer cast to float and back is cast once.
pub(crate) fn casts(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.name != "Cast" {
        return None;
    }
    let to = Elem::of(i32::try_from(op.int("to")?).ok()?);
    if b.value(inputs[0]).elem == to {
        return Some(vec![inputs[0]]);
    }
    let inner = b.node(inputs[0], "Cast")?;
    let source = inner.inputs[0];
    let through_float = b.value(inputs[0]).elem == Elem::F32;
    let integers = to.is_integer() && b.value(source).elem.is_integer();
    (through_float && integers).then(|| vec![b.emit(op.clone(), &[source])])
}

/// `reshape(reshape(x)) = reshape(x)`; squeezing, unsqueezing and flattening are reshapes; one to the
/// dimensions that a value has is the value.
pub(crate) fn reshapes(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if !matches!(
        op.name.as_str(),
        "Reshape" | "Unsqueeze" | "Squeeze" | "Flatten"
    ) {
        return None;
    }
    let from = b.dims(inputs[0])?.to_vec();
    let dims = shape::infer(b, op, inputs).pop()?.dims?;
    if dims == from && !dims.contains(&Dim::Unknown) {
        return Some(vec![inputs[0]]);
    }
    let known = |dims: &[Dim]| !dims.contains(&Dim::Unknown);
    if !known(&dims) || !known(&from) {
        return None;
    }
    let target = target(&dims)?;
    let source = match b.node(inputs[0], "Reshape") {
        Some(inner) if b.dims(inner.inputs[0]).is_some_and(known) => inner.inputs[0],
        _ => inputs[0],
    };
    let written = op.name == "Reshape" && b.const_ints(inputs[1]).as_ref() == Some(&target);
    if written && source == inputs[0] {
        return None;
    }
    b.reshape(source, &dims).map(|id| vec![id])
}

/// Repeating along a dimension of size 1 is an expansion by constants; an expansion that changes
/// nothing is the value; element by element with a value that has the larger size, it is not needed.
pub(crate) fn expands(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if matches!(op.name.as_str(), "Expand" | "Tile") {
        let from = b.dims(inputs[0])?.to_vec();
        let to = shape::infer(b, op, inputs).pop()?.dims?;
        if from.contains(&Dim::Unknown) || to.contains(&Dim::Unknown) || from.len() != to.len() {
            return None;
        }
        if from == to {
            return Some(vec![inputs[0]]);
        }
        let each = from.iter().zip(&to).map(|(from, to)| match (from, to) {
            (from, to) if from == to => Some(1),
            (Dim::Fixed(1), Dim::Fixed(size)) => i64::try_from(*size).ok(),
            _ => None,
        });
        let sizes = each.collect::<Option<Vec<_>>>()?;
        if op.name == "Expand" && b.const_ints(inputs[1]).as_ref() == Some(&sizes) {
            return None;
        }
        let sizes = b.ints(&sizes);
        return Some(vec![b.emit(Op::new("Expand"), &[inputs[0], sizes])]);
    }
    if !is_binary(&op.name) {
        return None;
    }
    for (at, other) in [(0, 1), (1, 0)] {
        let Some(inner) = b.node(inputs[at], "Expand").map(|node| node.inputs[0]) else {
            continue;
        };
        let (Some(inner_dims), Some(other_dims)) = (b.dims(inner), b.dims(inputs[other])) else {
            continue;
        };
        if shape::broadcast(inner_dims, other_dims).as_deref()
            == shape::broadcast(b.dims(inputs[at])?, other_dims).as_deref()
        {
            let mut without = inputs.to_vec();
            without[at] = inner;
            return Some(vec![b.emit(op.clone(), &without)]);
        }
    }
    None
}

/// `transpose(transpose(x))` is one transposition; one that leaves the order of all dimensions but
/// those of size 1 is a reshape.
pub(crate) fn transposes(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.name != "Transpose" {
        return None;
    }
    let from = b.dims(inputs[0])?.to_vec();
    let perm = shape::permutation(op, from.len())?;
    if perm.iter().enumerate().all(|(at, p)| at == *p) {
        return Some(vec![inputs[0]]);
    }
    if let Some(inner) = b.node(inputs[0], "Transpose") {
        let (source, first) = (inner.inputs[0], shape::permutation(&inner.op, from.len())?);
        let both: Vec<usize> = perm.iter().map(|p| first[*p]).collect();
        return Some(vec![b.transpose(source, &both)]);
    }
    let large = || perm.iter().filter(|p| from[**p] != Dim::Fixed(1));
    if large().is_sorted() {
        let dims: Vec<Dim> = perm.iter().map(|p| from[*p]).collect();
        return b.reshape(inputs[0], &dims).map(|id| vec![id]);
    }
    None
}
