//! Rows kept apart from the other dimensions for as long as possible.

use crate::{
    builder::Builder,
    graph::{Dim, Id},
    op::{Attr, Op, is_elementwise, is_reduce},
    passes::normalise::is_vector,
    shape,
};

/// `f(reshape(x, [rows·t, d])) = reshape(f(x), [rows·t, …])` for every `f` that works along the last
/// axis: exporters merge rows and positions in front of a linear layer and part them behind it.
pub(crate) fn rows_merged(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
    if op.outputs != 1 || !op.domain.is_empty() {
        return None;
    }
    let name = op.name.as_str();
    let weights = name == "MatMul" && b.is_constant(*inputs.get(1)?);
    let mut prefix: Option<Vec<Dim>> = None;
    let mut inner = inputs.to_vec();
    let merged = match name {
        _ if weights => &mut inner[..1],
        _ if is_elementwise(name) => &mut inner[..],
        "Softmax" => &mut inner[..1],
        _ if is_reduce(name) => &mut inner[..1],
        _ => return None,
    };
    for id in merged {
        if *id == Id::NONE || is_vector(b, *id) {
            continue;
        }
        let (source, leading) = unmerged(b, *id)?;
        if prefix.get_or_insert_with(|| leading.clone()) != &leading {
            return None;
        }
        *id = source;
    }
    let prefix = prefix?;
    let last = match name {
        "Softmax" => shape::axis(op.int("axis").unwrap_or(-1), 2)? == 1,
        _ if is_reduce(name) => shape::axes(b, op, inputs, 2)? == [1],
        _ => true,
    };
    if !last {
        return None;
    }
    let dims = shape::infer(b, op, inputs).pop()?.dims?;
    let mut moved = op.clone();
    if name == "Softmax" {
        moved = moved.with("axis", Attr::Int(-1));
    }
    if is_reduce(name) {
        let at = i64::try_from(prefix.len()).ok()?;
        if inner.len() > 1 {
            inner[1] = b.ints(&[at]);
        } else {
            moved = moved.with("axes", Attr::Ints(vec![at]));
        }
    }
    let result = b.emit(moved, &inner);
    b.reshape(result, &dims).map(|id| vec![id])
}

/// The value whose leading dimensions, rows first, a reshape has merged, and these dimensions.
fn unmerged(b: &Builder, id: Id) -> Option<(Id, Vec<Dim>)> {
    let source = b.node(id, "Reshape")?.inputs[0];
    let (to, from) = (b.dims(id)?, b.dims(source)?);
    let [Dim::Rows(_), last] = to else {
        return None;
    };
    let whole = from.len() >= 3 && from.last() == Some(last) && from[0] == Dim::Rows(1);
    whole.then(|| (source, from[..from.len() - 1].to_vec()))
}
