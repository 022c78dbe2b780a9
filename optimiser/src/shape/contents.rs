//! Elements of small integer vectors: the shape arithmetic that exporters write.

use crate::{
    graph::{Dim, Graph, Id},
    op::Op,
    shape::axis,
};

/// Longer vectors are no shapes.
const MAX_LEN: usize = 16;

pub(crate) fn product(a: Dim, b: Dim) -> Option<Dim> {
    match (a, b) {
        (Dim::Fixed(x), Dim::Fixed(y)) => x.checked_mul(y).map(Dim::Fixed),
        (Dim::Rows(x), Dim::Fixed(y)) | (Dim::Fixed(y), Dim::Rows(x)) => {
            x.checked_mul(y).map(Dim::Rows)
        }
        _ => None,
    }
}

pub(crate) fn quotient(a: Dim, b: Dim) -> Option<Dim> {
    let divides = |x: usize, y: usize| (y != 0 && x.is_multiple_of(y)).then(|| x / y);
    match (a, b) {
        (Dim::Fixed(x), Dim::Fixed(y)) => divides(x, y).map(Dim::Fixed),
        (Dim::Rows(x), Dim::Fixed(y)) => divides(x, y).map(Dim::Rows),
        (Dim::Rows(x), Dim::Rows(y)) => divides(x, y).map(Dim::Fixed),
        _ => None,
    }
}

/// The elements of the output, where they are known but for the number of rows.
pub(super) fn of(b: &Graph, op: &Op, inputs: &[Id]) -> Option<Vec<Dim>> {
    let of = |index: usize| b.value(*inputs.get(index)?).contents.clone();
    let found = match op.name.as_str() {
        "Shape" => {
            let dims = b.dims(*inputs.first()?)?.to_vec();
            let rank = i64::try_from(dims.len()).ok()?;
            let clamp = |v: i64| usize::try_from(if v < 0 { v + rank } else { v }.clamp(0, rank));
            let start = clamp(op.int("start").unwrap_or(0)).ok()?;
            let end = clamp(op.int("end").unwrap_or(rank)).ok()?;
            dims.get(start..end)?.to_vec()
        }
        "Gather" => {
            let from = of(0)?;
            let picked = b.const_ints(*inputs.get(1)?)?;
            let each = picked
                .iter()
                .map(|p| from.get(axis(*p, from.len())?).copied());
            each.collect::<Option<_>>()?
        }
        "Slice" => {
            let from = of(0)?;
            let (starts, ends) = (
                b.const_ints(*inputs.get(1)?)?,
                b.const_ints(*inputs.get(2)?)?,
            );
            let steps = inputs.get(4).and_then(|id| b.const_ints(*id));
            let plain = steps.is_none_or(|steps| steps == [1]);
            let len = i64::try_from(from.len()).ok().filter(|_| plain)?;
            let clamp =
                |v: i64| usize::try_from(if v < 0 { v + len } else { v }.clamp(0, len)).ok();
            from.get(clamp(*starts.first()?)?..clamp(*ends.first()?)?)?
                .to_vec()
        }
        "Concat" => {
            let parts: Option<Vec<_>> = (0..inputs.len()).map(of).collect();
            parts?.concat()
        }
        "Unsqueeze" | "Squeeze" | "Reshape" | "Identity" => of(0)?,
        "Cast" if b.value(*inputs.first()?).elem.is_integer() => of(0)?,
        "Mul" | "Div" => {
            let (left, right) = (of(0)?, of(1)?);
            let len = left.len().max(right.len());
            let at = |list: &[Dim], i: usize| list.get(i).or(list.first()).copied();
            let with = if op.name == "Mul" { product } else { quotient };
            let each = (0..len).map(|i| with(at(&left, i)?, at(&right, i)?));
            each.collect::<Option<_>>()?
        }
        _ => return None,
    };
    (found.len() <= MAX_LEN && !found.contains(&Dim::Unknown)).then_some(found)
}
