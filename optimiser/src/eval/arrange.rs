//! Operators that move elements.

use super::{
    arithmetic::sizes,
    array::{Array, Data, source, strides},
    input,
};
use crate::{op::Op, shape::axis, tensor::Elem};

pub(super) fn apply(op: &Op, inputs: &[Option<Array>]) -> Option<Array> {
    let x = input(inputs, 0)?;
    match op.name.as_str() {
        "Reshape" => reshape(x, input(inputs, 1)?),
        "Transpose" => {
            let perm = crate::shape::permutation(op, x.dims.len())?;
            let dims: Vec<usize> = perm.iter().map(|p| x.dims[*p]).collect();
            let (to, from) = (strides(&dims), strides(&x.dims));
            let at = |i: usize| {
                let each = perm.iter().enumerate();
                Some(each.map(|(k, p)| (i / to[k]) % dims[k] * from[*p]).sum())
            };
            x.picked(dims.clone(), at)
        }
        "Concat" => concat(op, inputs),
        "Gather" => gather(op, x, input(inputs, 1)?),
        "Slice" => slice(x, inputs),
        "Expand" => {
            let dims = super::array::broadcast(&x.dims, &sizes(input(inputs, 1)?)?)?;
            x.picked(dims.clone(), |i| Some(source(i, &dims, &x.dims)))
        }
        "Tile" => {
            let repeats = sizes(input(inputs, 1)?)?;
            let dims: Vec<usize> = x.dims.iter().zip(&repeats).map(|(d, r)| d * r).collect();
            let (to, from) = (strides(&dims), strides(&x.dims));
            let at = |i: usize| {
                let each = x.dims.iter().enumerate();
                Some(each.map(|(k, d)| (i / to[k]) % dims[k] % d * from[k]).sum())
            };
            x.picked(dims.clone(), at)
        }
        "Unsqueeze" | "Squeeze" => {
            let list = input(inputs, 1)?.as_ints()?;
            let add = op.name == "Unsqueeze";
            let rank = x.dims.len() + if add { list.len() } else { 0 };
            let axes: Vec<usize> = list.iter().map(|a| axis(*a, rank)).collect::<Option<_>>()?;
            let mut rest = x.dims.iter().copied();
            let dims: Vec<usize> = if add {
                let one = |at| {
                    if axes.contains(&at) {
                        Some(1)
                    } else {
                        rest.next()
                    }
                };
                (0..rank).map(one).collect::<Option<_>>()?
            } else {
                let kept = (0..rank).filter(|at| !axes.contains(at));
                kept.map(|at| x.dims[at]).collect()
            };
            x.reshaped(dims)
        }
        "Pad" => {
            let pads = sizes(input(inputs, 1)?)?;
            let rank = x.dims.len();
            let fill = input(inputs, 2)?.as_floats()?.first().copied()?;
            let dims: Vec<usize> = (0..rank)
                .map(|k| Some(pads.get(k)? + x.dims[k] + pads.get(k + rank)?))
                .collect::<Option<_>>()?;
            let (to, from) = (strides(&dims), strides(&x.dims));
            let values = x.as_floats()?;
            let one = |i: usize| {
                let mut at = 0;
                for k in 0..rank {
                    match (i / to[k] % dims[k])
                        .checked_sub(pads[k])
                        .filter(|c| *c < x.dims[k])
                    {
                        Some(c) => at += c * from[k],
                        None => return fill,
                    }
                }
                values[at]
            };
            let count = dims.iter().product::<usize>();
            Some(Array::floats(dims.clone(), (0..count).map(one).collect()))
        }
        "Shape" if op.attrs.is_empty() => {
            let sizes: Vec<i64> = x
                .dims
                .iter()
                .map(|d| i64::try_from(*d).ok())
                .collect::<Option<_>>()?;
            Some(Array::ints(Elem::I64, vec![sizes.len()], sizes))
        }
        _ => None,
    }
}

fn reshape(x: &Array, to: &Array) -> Option<Array> {
    let list = to.as_ints()?;
    let mut dims = Vec::with_capacity(list.len());
    let mut open = None;
    for (index, size) in list.iter().enumerate() {
        dims.push(match *size {
            -1 => {
                open = Some(index);
                1
            }
            0 => *x.dims.get(index)?,
            size => usize::try_from(size).ok()?,
        });
    }
    if let Some(open) = open {
        let others = dims.iter().product::<usize>();
        dims[open] = x.len().checked_div(others)?;
    }
    x.reshaped(dims)
}

fn concat(op: &Op, inputs: &[Option<Array>]) -> Option<Array> {
    let parts: Vec<&Array> = inputs.iter().map(Option::as_ref).collect::<Option<_>>()?;
    let first = parts.first()?;
    let at = axis(op.int("axis")?, first.dims.len())?;
    let mut dims = first.dims.clone();
    dims[at] = parts
        .iter()
        .map(|p| p.dims.get(at))
        .sum::<Option<usize>>()?;
    let outer = dims[..at].iter().product::<usize>();
    let inner = |p: &Array| p.dims[at..].iter().product::<usize>();
    if parts.iter().any(|p| p.len() != outer * inner(p)) {
        return None;
    }
    let data = match &first.data {
        Data::Float(_) => {
            let mut all = Vec::new();
            for row in 0..outer {
                for part in &parts {
                    all.extend_from_slice(
                        &part.as_floats()?[row * inner(part)..(row + 1) * inner(part)],
                    );
                }
            }
            Data::Float(all)
        }
        Data::Int(_) => {
            let mut all = Vec::new();
            for row in 0..outer {
                for part in &parts {
                    all.extend_from_slice(
                        &part.as_ints()?[row * inner(part)..(row + 1) * inner(part)],
                    );
                }
            }
            Data::Int(all)
        }
    };
    Some(Array {
        elem: first.elem,
        dims,
        data,
    })
}

fn gather(op: &Op, x: &Array, indices: &Array) -> Option<Array> {
    let at = axis(op.int("axis").unwrap_or(0), x.dims.len())?;
    let picked = indices.as_ints()?;
    let inner = x.dims[at + 1..].iter().product::<usize>();
    let dims = [&x.dims[..at], &indices.dims, &x.dims[at + 1..]].concat();
    let row = picked.len() * inner;
    x.picked(dims, |i| {
        let (outer, rest) = (i / row, i % row);
        let index = axis(picked[rest / inner], x.dims[at])?;
        Some((outer * x.dims[at] + index) * inner + rest % inner)
    })
}

fn slice(x: &Array, inputs: &[Option<Array>]) -> Option<Array> {
    let (starts, ends) = (input(inputs, 1)?.as_ints()?, input(inputs, 2)?.as_ints()?);
    let axes = match input(inputs, 3) {
        Some(axes) => axes.as_ints()?.to_vec(),
        None => (0..i64::try_from(starts.len()).ok()?).collect(),
    };
    if input(inputs, 4)
        .is_some_and(|steps| steps.as_ints().is_none_or(|s| s.iter().any(|s| *s != 1)))
    {
        return None;
    }
    let mut from = vec![0; x.dims.len()];
    let mut dims = x.dims.clone();
    for ((start, end), at) in starts.iter().zip(ends).zip(&axes) {
        let at = axis(*at, x.dims.len())?;
        let size = i64::try_from(x.dims[at]).ok()?;
        let clamp = |v: i64| {
            usize::try_from(if v < 0 {
                (v + size).max(0)
            } else {
                v.min(size)
            })
            .ok()
        };
        let (start, end) = (clamp(*start)?, clamp(*end)?);
        from[at] = start;
        dims[at] = end.checked_sub(start)?;
    }
    let (to, old) = (strides(&dims), strides(&x.dims));
    x.picked(dims.clone(), |i| {
        let each = from.iter().enumerate();
        Some(
            each.map(|(k, start)| (start + (i / to[k]) % dims[k]) * old[k])
                .sum(),
        )
    })
}
