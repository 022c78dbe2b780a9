//! What depends on one id of a candidate alone is computed for every id, once, and looked up.
//!
//! `f(T₁[id], T₂[id], k) = F[id]` with `F[j] = f(T₁[j], T₂[j], k)` for each row `j`. It pays where more
//! than a lookup is saved and the table stays within its bound.

use std::{collections::HashMap, sync::Arc};

use crate::{
    builder::Builder,
    eval::{self, Array},
    graph::{Def, Dim, Graph, Id, Roots},
    op::Op,
    passes::user_once,
    tensor::{Elem, Tensor},
};

/// A row of a table may be so many times as wide as the rows it is made of.
const MAX_WIDENING: usize = 16;

/// A value that is a function of one id.
struct OfItem {
    /// The ids, as they come into the lookups.
    ids: Id,
    /// Rows of the smallest table that they point to.
    rows: usize,
    /// Width of the rows that are looked up.
    width: usize,
    /// Operators behind the lookups.
    work: usize,
}

/// Values of `graph` that are replaced by a lookup: the ids and the table of each.
pub(crate) struct Tables {
    pub(crate) found: HashMap<Id, (Id, Arc<Tensor>)>,
    /// Bytes of all tables.
    pub(crate) bytes: usize,
}

/// Finds what pays, within `max_bytes` for all tables together.
pub(crate) fn find(builder: &Builder, max_bytes: usize) -> Tables {
    let graph = &builder.graph;
    let of_item = classify(builder);
    let live = graph.live(&graph.output_ids());
    let mut wanted: Vec<Id> = Vec::new();
    let mut want = |id: Id| {
        if of_item.get(&id).is_some_and(|item| item.work > 0) && !wanted.contains(&id) {
            wanted.push(id);
        }
    };
    for (index, node) in graph.nodes.iter().enumerate() {
        if live[index] && !of_item.contains_key(&node.outputs[0]) {
            node.inputs.iter().for_each(|id| want(*id));
        }
    }
    graph.output_ids().into_iter().for_each(want);
    let mut tables = Tables {
        found: HashMap::new(),
        bytes: 0,
    };
    for id in wanted {
        let item = &of_item[&id];
        let Some(bytes) = size(graph, id, item) else {
            continue;
        };
        if tables.bytes + bytes > max_bytes {
            continue;
        }
        if let Some(table) = compute(graph, id, item) {
            tables.bytes += bytes;
            tables.found.insert(id, (item.ids, Arc::new(table)));
        }
    }
    tables
}

fn size(graph: &Graph, id: Id, item: &OfItem) -> Option<usize> {
    let dims = graph.value(id).dims.as_ref()?;
    let width = dims[1..].iter().map(|dim| match dim {
        Dim::Fixed(size) => Some(*size),
        _ => None,
    });
    let width: usize = width.product::<Option<usize>>()?;
    (width <= item.width.checked_mul(MAX_WIDENING)?).then(|| item.rows * width * 4)
}

fn classify(builder: &Builder) -> HashMap<Id, OfItem> {
    let graph = &builder.graph;
    let mut known: HashMap<Id, OfItem> = HashMap::new();
    for node in &graph.nodes {
        let [output] = node.outputs[..] else { continue };
        let value = graph.value(output);
        let leads = value.dims.as_deref().and_then(user_once::row_axis) == Some(0);
        if value.roots != Roots::CANDIDATE || !leads || value.elem != Elem::F32 {
            continue;
        }
        if let Some(item) = lookup(graph, &node.op, &node.inputs) {
            known.insert(output, item);
            continue;
        }
        let mut joined: Option<OfItem> = None;
        let mut pure = !node.op.is_internal();
        for id in node.inputs.iter().filter(|id| **id != Id::NONE) {
            match (known.get(id), &graph.value(*id).def) {
                (Some(item), _) => {
                    let all = joined.get_or_insert(OfItem {
                        ids: item.ids,
                        rows: item.rows,
                        width: 0,
                        work: 1,
                    });
                    pure &= all.ids == item.ids;
                    all.rows = all.rows.min(item.rows);
                    all.width += item.width;
                    all.work += item.work;
                }
                (None, Def::Constant(_)) => {}
                _ => pure = false,
            }
        }
        if let Some(item) =
            joined.filter(|_| pure && user_once::by_row(builder, &node.op, &node.inputs))
        {
            known.insert(output, item);
        }
    }
    known
}

/// A lookup of rows by `ids [rows]` or `[rows, 1]`.
fn lookup(graph: &Graph, op: &Op, inputs: &[Id]) -> Option<OfItem> {
    if op.name != "Gather" || op.int("axis").unwrap_or(0) != 0 {
        return None;
    }
    let Def::Constant(table) = &graph.value(inputs[0]).def else {
        return None;
    };
    let one = matches!(
        graph.value(inputs[1]).dims.as_deref()?,
        [Dim::Rows(1)] | [Dim::Rows(1), Dim::Fixed(1)]
    );
    (one && table.elem == Elem::F32 && !table.dims.is_empty()).then(|| OfItem {
        ids: inputs[1],
        rows: table.dims[0],
        width: table.dims[1..].iter().product::<usize>().max(1),
        work: 0,
    })
}

/// The value for the ids `0, 1, …, rows − 1`.
fn compute(graph: &Graph, id: Id, item: &OfItem) -> Option<Tensor> {
    let mut done: HashMap<Id, Array> = HashMap::new();
    let live = graph.live(&[id]);
    let all: Vec<i64> = (0..i64::try_from(item.rows).ok()?).collect();
    let mut dims = vec![item.rows];
    dims.resize(graph.value(item.ids).dims.as_ref()?.len(), 1);
    done.insert(item.ids, Array::ints(Elem::I64, dims, all));
    for (index, node) in graph.nodes.iter().enumerate() {
        if !live[index] || done.contains_key(&node.outputs[0]) {
            continue;
        }
        // Nodes in front of the ids are not needed.
        let inputs: Option<Vec<Option<Array>>> = node
            .inputs
            .iter()
            .map(|id| match &graph.values.get(id.index()).map(|v| &v.def) {
                None => Some(None),
                Some(Def::Constant(tensor)) => Array::of(tensor).map(Some),
                Some(_) => done.get(id).cloned().map(Some),
            })
            .collect();
        let Some(inputs) = inputs else { continue };
        let value = eval::apply(&node.op, &inputs)?;
        done.insert(node.outputs[0], value);
    }
    let array = done.remove(&id)?;
    (array.dims.first() == Some(&item.rows)).then(|| array.to_tensor())?
}
