//! The way of a model through the compiler.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use bytes::Bytes;

use crate::{
    Error, Files, Roles, Served, bounds,
    builder::Builder,
    export::{Lowered, export},
    graph::{Def, Dim, Graph, Id, Roots},
    import::import,
    passes::{Phase, item_tables},
    tensor::Elem,
};

/// Bounds and names.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the input that maps candidates to requests, which is added.
    pub row_index: String,
    /// Bytes of the item tables that may be made.
    pub max_table_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            row_index: "row_index".into(),
            max_table_bytes: 64 << 20,
        }
    }
}

/// A rewrite and how often it was applied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fired {
    /// The rewrite.
    pub rewrite: String,
    /// How often.
    pub times: usize,
}

/// A rewritten model.
#[derive(Debug, Clone)]
pub struct Optimised {
    /// What is written and served.
    pub files: Files,
    /// Its inputs, but for the row index, which comes last.
    pub inputs: Vec<Served>,
    /// The rewrites that were applied.
    pub fired: Vec<Fired>,
    /// Nodes before.
    pub nodes_before: usize,
    /// Nodes that a run of one request passes.
    pub nodes_after: usize,
    /// Bytes of the item tables.
    pub table_bytes: usize,
    /// For each input, by the name it is served under, the largest id of each column that points
    /// into a table of weights.
    pub largest_ids: HashMap<String, Vec<Option<i64>>>,
}

/// Rewrites the model in `file`, whose weights may lie in `folder`.
///
/// # Errors
///
/// Why the model is better served as it is.
pub fn optimise(
    file: Bytes,
    folder: &Path,
    roles: &Roles,
    settings: &Settings,
) -> Result<Optimised, Error> {
    let imported = import(file, folder, roles)?;
    if imported.builder.is_full() {
        return Err(Error::TooLarge);
    }
    let mut fired: BTreeMap<&str, usize> = BTreeMap::new();
    let mut note = |b: &Builder| {
        for (name, times) in &b.fired {
            *fired.entry(name).or_default() += times;
        }
    };
    note(&imported.builder);
    let used = |b: &Builder| {
        let live = b.graph.live(&b.graph.output_ids());
        let mut nodes = b.graph.nodes.iter().zip(live).filter(|(_, live)| *live);
        nodes.any(|(node, _)| {
            !node.op.is_internal() && {
                let id = node.outputs[0];
                b.value(id).roots == Roots::REQUEST && b.of_request(id).is_none()
            }
        })
    };
    if !used(&imported.builder) {
        return Err(Error::NothingFound);
    }
    let tables = item_tables::find(&imported.builder, settings.max_table_bytes);
    let split = with_tables(&imported.builder, &tables);
    note(&split);
    let lowered = lower(&split, &settings.row_index);
    note(&lowered.builder);
    if !tables.found.is_empty() {
        fired.insert("item table", tables.found.len());
    }
    let live = lowered.builder.graph.live(&lowered.one);
    let files = export(&lowered, &imported.outputs, &imported.model)?;
    Ok(Optimised {
        files,
        inputs: imported.served,
        fired: fired
            .into_iter()
            .map(|(rewrite, times)| Fired {
                rewrite: rewrite.to_owned(),
                times,
            })
            .collect(),
        nodes_before: imported.nodes,
        nodes_after: live.iter().filter(|live| **live).count(),
        table_bytes: tables.bytes,
        largest_ids: bounds::largest(&imported.builder),
    })
}

/// Emits the live nodes of `graph` anew.
struct Walk<'g> {
    graph: &'g Graph,
    known: Vec<Option<Id>>,
}

impl<'g> Walk<'g> {
    fn new(graph: &'g Graph) -> Self {
        Self {
            graph,
            known: vec![None; graph.values.len()],
        }
    }

    fn inputs(&mut self, b: &mut Builder) {
        for id in &self.graph.inputs {
            let value = self.graph.value(*id);
            let dims = value.dims.clone().unwrap_or_default();
            let new = b.input(&value.name, value.elem, dims, value.roots);
            self.known[id.index()] = Some(new);
        }
    }

    fn value(&mut self, b: &mut Builder, id: Id) -> Id {
        if id == Id::NONE {
            return id;
        }
        if let Some(known) = self.known[id.index()] {
            return known;
        }
        let Def::Constant(tensor) = &self.graph.value(id).def else {
            return Id::NONE;
        };
        let new = b.shared_constant(tensor);
        self.known[id.index()] = Some(new);
        new
    }

    fn nodes(&mut self, b: &mut Builder) {
        let live = self.graph.live(&self.graph.output_ids());
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let done = node
                .outputs
                .iter()
                .all(|id| self.known[id.index()].is_some());
            if !live[index] || done {
                continue;
            }
            let inputs: Vec<Id> = node.inputs.iter().map(|id| self.value(b, *id)).collect();
            let made = b.emit_all(node.op.clone(), &inputs);
            for (old, new) in node.outputs.iter().zip(made) {
                self.known[old.index()] = Some(new);
            }
        }
    }
}

/// The graph with lookups in place of what tables hold.
fn with_tables(from: &Builder, tables: &item_tables::Tables) -> Builder {
    let mut b = Builder::new(from.opset, Phase::Plain.rules());
    let mut walk = Walk::new(&from.graph);
    walk.inputs(&mut b);
    let live = from.graph.live(&from.graph.output_ids());
    for (index, node) in from.graph.nodes.iter().enumerate() {
        if !live[index] {
            continue;
        }
        let output = node.outputs[0];
        if let Some((ids, table)) = tables.found.get(&output) {
            let mut ids = walk.value(&mut b, *ids);
            if b.rank(ids) == Some(2) {
                ids = b.reshape(ids, &[Dim::Rows(1)]).unwrap_or(ids);
            }
            let table = b.shared_constant(table);
            walk.known[output.index()] = Some(b.gather(table, ids, 0));
            continue;
        }
        let inputs: Vec<Id> = node
            .inputs
            .iter()
            .map(|id| walk.value(&mut b, *id))
            .collect();
        let made = b.emit_all(node.op.clone(), &inputs);
        for (old, new) in node.outputs.iter().zip(made) {
            walk.known[old.index()] = Some(new);
        }
    }
    for (name, id) in &from.graph.outputs {
        let id = walk.value(&mut b, *id);
        b.graph.outputs.push((name.clone(), id));
    }
    b
}

/// Both forms in one graph, which shares what they have in common.
fn lower(from: &Builder, row_index: &str) -> Lowered {
    let mut b = Builder::new(from.opset, Phase::One.rules());
    let mut walk = Walk::new(&from.graph);
    walk.inputs(&mut b);
    let request = b
        .graph
        .inputs
        .iter()
        .copied()
        .find(|id| b.value(*id).roots == Roots::REQUEST);
    let index = b.input(row_index, Elem::I32, vec![Dim::Rows(1)], Roots::CANDIDATE);
    b.row_index = Some(index);
    let outputs = |b: &mut Builder, walk: &mut Walk<'_>| -> Vec<Id> {
        let ids = from.graph.output_ids();
        ids.iter()
            .map(|id| {
                let id = walk.value(b, *id);
                crate::passes::lower::gather(b, id).unwrap_or(id)
            })
            .collect()
    };
    let start = walk.known.clone();
    walk.nodes(&mut b);
    let one = outputs(&mut b, &mut walk);
    b.set_rules(Phase::Many.rules());
    walk.known = start;
    walk.nodes(&mut b);
    let many = outputs(&mut b, &mut walk);
    Lowered {
        builder: b,
        one,
        many,
        request,
    }
}

#[cfg(test)]
mod tests;
