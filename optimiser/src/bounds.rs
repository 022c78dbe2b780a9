//! The values that an input may take where nobody has declared them: the rows of the tables that it
//! points into.

use std::collections::HashMap;

use crate::{
    builder::Builder,
    graph::{Def, Dim, Id},
    shape,
};

/// For each input of the graph by its name, the largest value of each column that is looked up.
pub(crate) fn largest(b: &Builder) -> HashMap<String, Vec<Option<i64>>> {
    let mut all: HashMap<String, Vec<Option<i64>>> = HashMap::new();
    for node in b.graph.nodes.iter().filter(|node| node.op.name == "Gather") {
        let axis = node.op.int("axis").unwrap_or(0);
        let (Some(table), Some(indices)) = (b.tensor(node.inputs[0]), node.inputs.get(1)) else {
            continue;
        };
        let Some(rows) = shape::axis(axis, table.dims.len()).map(|axis| table.dims[axis]) else {
            continue;
        };
        let Some((input, columns)) = source(b, *indices) else {
            continue;
        };
        let Ok(most) = i64::try_from(rows.saturating_sub(1)) else {
            continue;
        };
        let value = b.value(input);
        let width = match value.dims.as_deref() {
            Some([_, .., Dim::Fixed(width)]) => *width,
            _ => 1,
        };
        let known = all
            .entry(value.name.clone())
            .or_insert_with(|| vec![None; width]);
        for column in columns.unwrap_or_else(|| (0..width).collect()) {
            if let Some(bound) = known.get_mut(column) {
                *bound = Some(bound.map_or(most, |other| other.min(most)));
            }
        }
    }
    all
}

/// The input that ids come from, and its columns; none for all.
fn source(b: &Builder, id: Id) -> Option<(Id, Option<Vec<usize>>)> {
    let (mut id, mut columns) = (id, None);
    loop {
        let node = match &b.value(id).def {
            Def::Input => return Some((id, columns)),
            Def::Constant(_) => return None,
            Def::Output { node, .. } => &b.graph.nodes[*node],
        };
        match node.op.name.as_str() {
            "Cast" | "Reshape" | "Rows" | "Unsqueeze" | "Squeeze" => {}
            "Slice" if columns.is_none() => {
                let cut = shape::slice_of(b, &node.inputs)?;
                let last = b.rank(node.inputs[0])?.checked_sub(1)?;
                if let Some((_, start, end)) = cut.iter().find(|(at, ..)| *at == last && last > 0) {
                    columns = Some((*start..*end).collect());
                }
            }
            "Gather" if columns.is_none() => {
                let picked = b.const_ints(*node.inputs.get(1)?)?;
                let width = b.fixed(node.inputs[0], b.rank(node.inputs[0])?.checked_sub(1)?)?;
                let each = picked.iter().map(|p| shape::axis(*p, width));
                columns = Some(each.collect::<Option<_>>()?);
            }
            _ => return None,
        }
        id = node.inputs[0];
    }
}
