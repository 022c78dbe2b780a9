//! Work that is the same in every run. Nodes whose inputs are all constant are folded by the builder
//! itself; here is what is constant although its inputs are not.

use crate::{
    builder::Builder,
    eval,
    graph::{Dim, Id},
    make::to_i64,
    op::Op,
    shape,
    tensor::{Elem, Tensor},
};

/// A part of a shape whose sizes are all known is that constant, and a shape test that the number of
/// rows cannot decide is a constant too: `shape(x)[1:] = k`, and `rows = -1` is false.
pub(crate) fn shapes(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.outputs != 1 || !op.domain.is_empty() {
        return None;
    }
    if op.name == "Equal" {
        return compared(b, inputs);
    }
    let facts = shape::infer(b, op, inputs).pop()?;
    if !facts.elem.is_integer() {
        return None;
    }
    let each = facts.contents?.into_iter().map(|dim| match dim {
        Dim::Fixed(size) => Some(to_i64(size)),
        _ => None,
    });
    let values = each.collect::<Option<Vec<_>>>()?;
    let dims: Vec<usize> = facts.dims?.iter().map(fixed).collect::<Option<_>>()?;
    if dims.iter().product::<usize>() != values.len() {
        return None;
    }
    Some(vec![b.constant(Tensor::ints(facts.elem, &dims, &values))])
}

fn fixed(dim: &Dim) -> Option<usize> {
    match dim {
        Dim::Fixed(size) => Some(*size),
        _ => None,
    }
}

fn compared(b: &mut Builder, inputs: &[Id]) -> Option<Vec<Id>> {
    let (known, with) = match (b.const_ints(inputs[1]), b.const_ints(inputs[0])) {
        (Some(list), None) => (inputs[0], list),
        (None, Some(list)) => (inputs[1], list),
        _ => return None,
    };
    let contents = b.value(known).contents.clone()?;
    if contents.len() != with.len() {
        return None;
    }
    let flags = contents.iter().zip(&with).map(|(dim, value)| match dim {
        Dim::Fixed(size) => Some(i64::from(to_i64(*size) == *value)),
        Dim::Rows(_) if *value < 0 => Some(0),
        _ => None,
    });
    let flags = flags.collect::<Option<Vec<_>>>()?;
    Some(vec![b.constant(Tensor::ints(
        Elem::Bool,
        &[flags.len()],
        &flags,
    ))])
}

/// `where(true, x, y) = x` and `where(false, x, y) = y`, for equal dimensions.
pub(crate) fn choice(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.name != "Where" {
        return None;
    }
    let test = eval::Array::of(&*b.tensor(inputs[0])?)?;
    let flags = test.as_ints()?;
    let first = *flags.first()?;
    if flags.iter().any(|flag| *flag != first) {
        return None;
    }
    let picked = if first != 0 { inputs[1] } else { inputs[2] };
    let all = shape::infer(b, op, inputs).pop()?.dims?;
    (b.dims(picked)? == all.as_slice()).then(|| vec![picked])
}
