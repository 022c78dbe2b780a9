//! What is known of a node's outputs: element type, dimensions, and the elements of small shapes.
//!
//! A dimension that counts rows stays recognisable through the graph: where it lies in an output
//! tells along which axis requests or candidates lie behind each other.

mod contents;
mod matrix;

use crate::{
    graph::{Dim, Graph, Id},
    op::{Attr, Op, is_binary, is_elementwise, is_reduce, is_unary},
    tensor::Elem,
};

/// What is known of one output.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) elem: Elem,
    pub(crate) dims: Option<Vec<Dim>>,
    pub(crate) contents: Option<Vec<Dim>>,
}

/// The facts of all outputs of a node.
pub(crate) fn infer(b: &Graph, op: &Op, inputs: &[Id]) -> Vec<Facts> {
    let contents = contents::of(b, op, inputs);
    (0..op.outputs)
        .map(|index| Facts {
            elem: elem(b, op, inputs),
            dims: dims(b, op, inputs, index),
            contents: contents.clone(),
        })
        .collect()
}

fn elem(b: &Graph, op: &Op, inputs: &[Id]) -> Elem {
    let of = |index: usize| match inputs.get(index) {
        Some(id) if *id != Id::NONE => b.value(*id).elem,
        _ => Elem::F32,
    };
    match op.name.as_str() {
        "Equal" | "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual" | "And" | "Or" | "Xor"
        | "Not" | "IsNaN" => Elem::Bool,
        "Shape" | "Size" | "NonZero" | "ArgMax" | "ArgMin" => Elem::I64,
        "Cast" => op
            .int("to")
            .and_then(|code| i32::try_from(code).ok())
            .map_or(Elem::F32, Elem::of),
        "ConstantOfShape" => match op.attrs.get("value") {
            Some(Attr::Tensor(tensor)) => tensor.elem,
            _ => Elem::F32,
        },
        "Where" | "OneHot" => of(if op.name == "OneHot" { 2 } else { 1 }),
        _ => of(0),
    }
}

/// An axis counted from the front.
pub(crate) fn axis(value: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let from_front = if value < 0 { value + rank } else { value };
    usize::try_from(from_front)
        .ok()
        .filter(|_| from_front < rank)
}

/// The axes of a reduction or of (un)squeezing: an attribute, or a constant second input.
pub(crate) fn axes(b: &Graph, op: &Op, inputs: &[Id], rank: usize) -> Option<Vec<usize>> {
    let given = match inputs.get(1) {
        Some(id) if *id != Id::NONE => Some(b.const_ints(*id)?),
        _ => op.ints("axes").map(<[i64]>::to_vec),
    };
    match given {
        None => Some((0..rank).collect()),
        Some(list) => list.iter().map(|a| axis(*a, rank)).collect(),
    }
}

fn dims(b: &Graph, op: &Op, inputs: &[Id], index: usize) -> Option<Vec<Dim>> {
    let of = |at: usize| {
        inputs
            .get(at)
            .and_then(|id| b.dims(*id))
            .map(<[Dim]>::to_vec)
    };
    let name = op.name.as_str();
    if is_unary(name) || matches!(name, "Clip" | "BatchNormalization" | "LayerNormalization") {
        return of(0);
    }
    if matches!(
        name,
        "Softmax" | "LogSoftmax" | "CumSum" | "Dropout" | "Rows"
    ) {
        return of(0);
    }
    if is_binary(name) || is_elementwise(name) {
        return broadcast_all(b, inputs);
    }
    if is_reduce(name) {
        return reduced(b, op, inputs);
    }
    if name == "SumOfProducts" {
        let mut all = broadcast_all(b, inputs)?;
        let at = usize::try_from(op.int("axis")?)
            .ok()
            .filter(|at| *at < all.len())?;
        match op.int("keepdims") {
            Some(1) => all[at] = Dim::Fixed(1),
            _ => drop(all.remove(at)),
        }
        return Some(all);
    }
    match name {
        "Shape" => Some(vec![Dim::Fixed(of(0)?.len())]),
        "MatMul" => matrix::matmul(&of(0)?, &of(1)?),
        "Gemm" => matrix::gemm(op, &of(0)?, &of(1)?),
        "Interaction" => matrix::interaction(&of(0)?, &of(1)?),
        "Gather" => {
            let (data, indices) = (of(0)?, of(1)?);
            let axis = axis(op.int("axis").unwrap_or(0), data.len())?;
            Some([&data[..axis], &indices, &data[axis + 1..]].concat())
        }
        "Concat" => concat(b, op, inputs),
        "Slice" => slice(b, inputs),
        "Split" => split(b, op, inputs, index),
        "Swap" => {
            let mut all = of(0)?;
            all.swap(1, 2);
            Some(all)
        }
        "Transpose" => {
            let from = of(0)?;
            let perm = permutation(op, from.len())?;
            Some(perm.iter().map(|p| from[*p]).collect())
        }
        "Reshape" => reshaped(b, inputs),
        "Expand" => expand(&of(0)?, b.value(*inputs.get(1)?).contents.as_deref()?),
        "Tile" => {
            let repeats = b.value(*inputs.get(1)?).contents.clone()?;
            let times = |(dim, by): (&Dim, &Dim)| contents::product(*dim, *by);
            of(0)?.iter().zip(&repeats).map(times).collect()
        }
        "ConstantOfShape" => b.value(*inputs.first()?).contents.clone(),
        "Unsqueeze" => {
            let from = of(0)?;
            let added = axes(
                b,
                op,
                inputs,
                from.len() + b.const_ints(*inputs.get(1)?)?.len(),
            )?;
            let rank = from.len() + added.len();
            let mut rest = from.into_iter();
            (0..rank)
                .map(|at| match added.contains(&at) {
                    true => Some(Dim::Fixed(1)),
                    false => rest.next(),
                })
                .collect()
        }
        "Squeeze" => {
            let from = of(0)?;
            inputs.get(1)?;
            let gone = axes(b, op, inputs, from.len())?;
            let kept = from.iter().enumerate().filter(|(at, _)| !gone.contains(at));
            Some(kept.map(|(_, dim)| *dim).collect())
        }
        "Pad" => {
            let (from, pads) = (of(0)?, b.const_ints(*inputs.get(1)?)?);
            let each = from.iter().enumerate().map(|(at, dim)| {
                match (dim, pads.get(at)? + pads.get(at + from.len())?) {
                    (dim, 0) => Some(*dim),
                    (Dim::Fixed(size), more) => usize::try_from(i64::try_from(*size).ok()? + more)
                        .ok()
                        .map(Dim::Fixed),
                    _ => None,
                }
            });
            each.collect()
        }
        "Flatten" => {
            let from = of(0)?;
            let at = op.int("axis").unwrap_or(1);
            let at = usize::try_from(at).ok().filter(|at| *at <= from.len())?;
            Some(vec![total(&from[..at])?, total(&from[at..])?])
        }
        "GRU" | "LSTM" | "RNN" => matrix::recurrent(b, op, inputs, index),
        _ => None,
    }
}

/// The product of dimensions.
pub(crate) fn total(dims: &[Dim]) -> Option<Dim> {
    dims.iter()
        .try_fold(Dim::Fixed(1), |all, dim| contents::product(all, *dim))
}

/// The order of a transposition.
pub(crate) fn permutation(op: &Op, rank: usize) -> Option<Vec<usize>> {
    match op.ints("perm") {
        None => Some((0..rank).rev().collect()),
        Some(perm) if perm.len() == rank => perm.iter().map(|p| axis(*p, rank)).collect(),
        Some(_) => None,
    }
}

pub(crate) fn broadcast(left: &[Dim], right: &[Dim]) -> Option<Vec<Dim>> {
    let rank = left.len().max(right.len());
    let at = |dims: &[Dim], index: usize| {
        let missing = rank - dims.len();
        index
            .checked_sub(missing)
            .map_or(Dim::Fixed(1), |i| dims[i])
    };
    let one = |index: usize| match (at(left, index), at(right, index)) {
        (a, b) if a == b => a,
        (Dim::Fixed(1), other) | (other, Dim::Fixed(1)) => other,
        (Dim::Unknown, Dim::Fixed(n)) | (Dim::Fixed(n), Dim::Unknown) => Dim::Fixed(n),
        _ => Dim::Unknown,
    };
    Some((0..rank).map(one).collect())
}

fn broadcast_all(b: &Graph, inputs: &[Id]) -> Option<Vec<Dim>> {
    inputs
        .iter()
        .filter(|id| **id != Id::NONE)
        .try_fold(Vec::new(), |all, id| broadcast(&all, b.dims(*id)?))
}

fn reduced(b: &Graph, op: &Op, inputs: &[Id]) -> Option<Vec<Dim>> {
    let from = b.dims(*inputs.first()?)?;
    let gone = axes(b, op, inputs, from.len())?;
    let keep = op.int("keepdims").unwrap_or(1) == 1;
    let each = from.iter().enumerate();
    Some(
        each.filter(|(at, _)| keep || !gone.contains(at))
            .map(|(at, dim)| {
                if gone.contains(&at) {
                    Dim::Fixed(1)
                } else {
                    *dim
                }
            })
            .collect(),
    )
}

fn concat(b: &Graph, op: &Op, inputs: &[Id]) -> Option<Vec<Dim>> {
    let mut all = b.dims(*inputs.first()?)?.to_vec();
    let at = axis(op.int("axis")?, all.len())?;
    let mut size = 0;
    for id in inputs {
        let dims = b.dims(*id)?;
        if dims.len() != all.len() {
            return None;
        }
        for (index, dim) in dims.iter().enumerate() {
            if index != at && all[index] == Dim::Unknown {
                all[index] = *dim;
            }
        }
        size = match (size, dims[at]) {
            (usize::MAX, _) | (_, Dim::Rows(_) | Dim::Unknown) => usize::MAX,
            (sum, Dim::Fixed(n)) => sum + n,
        };
    }
    all[at] = if size == usize::MAX {
        Dim::Unknown
    } else {
        Dim::Fixed(size)
    };
    Some(all)
}

/// A constant slice of one input, one entry an axis: (axis, start, end), steps of one.
pub(crate) fn slice_of(b: &Graph, inputs: &[Id]) -> Option<Vec<(usize, usize, usize)>> {
    let dims = b.dims(*inputs.first()?)?;
    let starts = b.const_ints(*inputs.get(1)?)?;
    let ends = b.const_ints(*inputs.get(2)?)?;
    let axes = match inputs.get(3) {
        Some(id) if *id != Id::NONE => b.const_ints(*id)?,
        _ => (0..i64::try_from(starts.len()).ok()?).collect(),
    };
    if let Some(id) = inputs.get(4).filter(|id| **id != Id::NONE)
        && b.const_ints(*id)?.iter().any(|step| *step != 1)
    {
        return None;
    }
    let one = |(at, (start, end)): (&i64, (&i64, &i64))| {
        let at = axis(*at, dims.len())?;
        let Dim::Fixed(size) = dims[at] else {
            return None;
        };
        let size = i64::try_from(size).ok()?;
        let clamp = |v: i64| {
            if v < 0 {
                (v + size).max(0)
            } else {
                v.min(size)
            }
        };
        let (start, end) = (clamp(*start), clamp(*end));
        let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
        (start <= end).then_some((at, start, end))
    };
    axes.iter().zip(starts.iter().zip(&ends)).map(one).collect()
}

fn slice(b: &Graph, inputs: &[Id]) -> Option<Vec<Dim>> {
    let mut dims = b.dims(*inputs.first()?)?.to_vec();
    for (at, start, end) in slice_of(b, inputs)? {
        dims[at] = Dim::Fixed(end - start);
    }
    Some(dims)
}

/// Where each part of a split begins and ends.
pub(crate) fn split_of(b: &Graph, op: &Op, inputs: &[Id]) -> Option<(usize, Vec<(usize, usize)>)> {
    let dims = b.dims(*inputs.first()?)?;
    let at = axis(op.int("axis").unwrap_or(0), dims.len())?;
    let Dim::Fixed(size) = dims[at] else {
        return None;
    };
    let sizes: Vec<usize> = match inputs.get(1) {
        Some(id) if *id != Id::NONE => {
            let each = b.const_ints(*id)?;
            each.iter()
                .map(|n| usize::try_from(*n).ok())
                .collect::<Option<_>>()?
        }
        _ => {
            let each = size.div_ceil(op.outputs);
            (0..op.outputs)
                .map(|i| each.min(size.saturating_sub(i * each)))
                .collect()
        }
    };
    let ends = sizes.iter().scan(0, |end, size| {
        *end += size;
        Some((*end - size, *end))
    });
    Some((at, ends.collect()))
}

fn split(b: &Graph, op: &Op, inputs: &[Id], index: usize) -> Option<Vec<Dim>> {
    let mut dims = b.dims(*inputs.first()?)?.to_vec();
    let (at, parts) = split_of(b, op, inputs)?;
    let (start, end) = *parts.get(index)?;
    dims[at] = Dim::Fixed(end - start);
    Some(dims)
}

/// The dimensions that a reshape gives, with -1 and 0 resolved.
pub(crate) fn reshaped(b: &Graph, inputs: &[Id]) -> Option<Vec<Dim>> {
    let from = b.dims(*inputs.first()?)?;
    let target = *inputs.get(1)?;
    if let Some(list) = b.const_ints(target) {
        let mut open = None;
        let mut dims = Vec::with_capacity(list.len());
        for (index, size) in list.iter().enumerate() {
            dims.push(match *size {
                -1 => {
                    open = Some(index);
                    Dim::Fixed(1)
                }
                0 => *from.get(index)?,
                size => Dim::Fixed(usize::try_from(size).ok()?),
            });
        }
        if let Some(open) = open {
            let quotient = total(from).and_then(|all| contents::quotient(all, total(&dims)?));
            dims[open] = quotient.unwrap_or(Dim::Unknown);
        }
        return Some(dims);
    }
    let contents = b.value(target).contents.clone()?;
    (!contents.contains(&Dim::Unknown)).then_some(contents)
}

fn expand(from: &[Dim], to: &[Dim]) -> Option<Vec<Dim>> {
    broadcast(from, to)
}
