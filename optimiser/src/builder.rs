//! Smart constructors of a graph.
//!
//! A [`Builder`] never changes a node. `emit` folds constants, returns the existing value where the
//! same node is there already, and asks its rules whether the node is better written in another way;
//! so a pass is a walk over the old graph that emits each node anew.

use std::{collections::HashMap, ops::Deref, sync::Arc};

use crate::{
    eval,
    graph::{Def, Dim, Graph, Id, Node, Roots, Value},
    op::Op,
    shape,
    tensor::{Elem, Tensor},
};

/// Rules rewriting what rules have written, at most this deep.
const MAX_DEPTH: usize = 200;
/// A graph that grows beyond this many nodes while it is rewritten is left as it is.
const MAX_NODES: usize = 50_000;
/// Constants larger than this are not made by folding, other than by the pass for item tables.
const MAX_FOLDED_BYTES: usize = 16 << 20;

/// Another way to make a node, if there is a better one.
pub(crate) type Apply = fn(&mut Builder, &Op, &[Id]) -> Option<Vec<Id>>;

/// A rewrite with its name in reports.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) apply: Apply,
}

/// Builds a graph under the rules of one phase.
pub(crate) struct Builder {
    pub(crate) graph: Graph,
    /// Version of the operator set of the model.
    pub(crate) opset: i64,
    rules: &'static [Rule],
    depth: usize,
    known: HashMap<(Op, Vec<Id>), Vec<Id>>,
    constants: HashMap<(i32, Vec<usize>, bytes::Bytes), Id>,
    /// How often each rule was applied.
    pub(crate) fired: HashMap<&'static str, usize>,
    /// The input that maps candidates to requests.
    pub(crate) row_index: Option<Id>,
}

impl Builder {
    pub(crate) fn new(opset: i64, rules: &'static [Rule]) -> Self {
        Self {
            graph: Graph::default(),
            opset,
            rules,
            depth: 0,
            known: HashMap::new(),
            constants: HashMap::new(),
            fired: HashMap::new(),
            row_index: None,
        }
    }

    /// Goes on under other rules.
    pub(crate) fn set_rules(&mut self, rules: &'static [Rule]) {
        self.rules = rules;
        self.known.clear();
        // Nodes stay shared: what is there is found again, only rules are asked anew.
        for node in &self.graph.nodes {
            let key = (node.op.clone(), node.inputs.clone());
            self.known.insert(key, node.outputs.clone());
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.graph.nodes.len() > MAX_NODES
    }

    pub(crate) fn input(&mut self, name: &str, elem: Elem, dims: Vec<Dim>, roots: Roots) -> Id {
        let id = self.push(Value {
            name: name.to_owned(),
            elem,
            dims: Some(dims),
            roots,
            contents: None,
            def: Def::Input,
        });
        self.graph.inputs.push(id);
        id
    }

    pub(crate) fn constant(&mut self, tensor: Tensor) -> Id {
        self.shared_constant(&Arc::new(tensor))
    }

    pub(crate) fn shared_constant(&mut self, tensor: &Arc<Tensor>) -> Id {
        let small = tensor.bytes.len() <= 4096;
        let key = || {
            (
                tensor.elem.code(),
                tensor.dims.clone(),
                tensor.bytes.clone(),
            )
        };
        if small && let Some(id) = self.constants.get(&key()) {
            return *id;
        }
        let dims = tensor.dims.iter().map(|d| Dim::Fixed(*d)).collect();
        let contents = (tensor.elem.is_integer() && tensor.dims.len() <= 1 && tensor.len() <= 16)
            .then(|| tensor.to_i64())
            .flatten()
            .and_then(|values| {
                let each = values.iter().map(|v| usize::try_from(*v).ok());
                each.map(|v| v.map(Dim::Fixed)).collect()
            });
        let name = format!("constant_{}", self.graph.values.len());
        let id = self.push(Value {
            name,
            elem: tensor.elem,
            dims: Some(dims),
            roots: Roots::default(),
            contents,
            def: Def::Constant(Arc::clone(tensor)),
        });
        if small {
            self.constants.insert(key(), id);
        }
        id
    }

    /// A list of integers, as shapes and axes are given.
    pub(crate) fn ints(&mut self, values: &[i64]) -> Id {
        self.constant(Tensor::ints(Elem::I64, &[values.len()], values))
    }

    fn push(&mut self, value: Value) -> Id {
        let id = Id(u32::try_from(self.graph.values.len()).unwrap_or(u32::MAX - 1));
        self.graph.values.push(value);
        id
    }

    /// The only output of a node.
    pub(crate) fn emit(&mut self, op: Op, inputs: &[Id]) -> Id {
        self.emit_all(op, inputs)
            .first()
            .copied()
            .unwrap_or(Id::NONE)
    }

    /// The outputs of a node, folded, shared or rewritten.
    pub(crate) fn emit_all(&mut self, op: Op, inputs: &[Id]) -> Vec<Id> {
        let key = (op, inputs.to_vec());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let (op, inputs) = key;
        let outputs = self.made(&op, &inputs);
        self.known.insert((op, inputs), outputs.clone());
        outputs
    }

    fn made(&mut self, op: &Op, inputs: &[Id]) -> Vec<Id> {
        if let Some(folded) = self.folded(op, inputs) {
            return vec![folded];
        }
        if self.depth < MAX_DEPTH && !self.is_full() {
            for Rule { name, apply } in self.rules {
                self.depth += 1;
                let better = apply(self, op, inputs);
                self.depth -= 1;
                if let Some(better) = better {
                    *self.fired.entry(name).or_default() += 1;
                    return better;
                }
            }
        }
        self.plain(op.clone(), inputs)
    }

    fn folded(&mut self, op: &Op, inputs: &[Id]) -> Option<Id> {
        if op.outputs != 1 || op.is_internal() {
            return None;
        }
        let all: Option<Vec<Option<Arc<Tensor>>>> = inputs
            .iter()
            .map(|id| match *id {
                Id::NONE => Some(None),
                id => self.tensor(id).map(Some),
            })
            .collect();
        let tensor = eval::run(op, &all?)?;
        (tensor.bytes.len() <= MAX_FOLDED_BYTES).then(|| self.constant(tensor))
    }

    /// A node as it is said, without rules.
    pub(crate) fn plain(&mut self, op: Op, inputs: &[Id]) -> Vec<Id> {
        let roots = inputs
            .iter()
            .filter(|id| **id != Id::NONE)
            .map(|id| self.graph.value(*id).roots)
            .fold(Roots::default(), Roots::and);
        let facts = shape::infer(self, &op, inputs);
        let node = self.graph.nodes.len();
        let outputs: Vec<Id> = facts
            .into_iter()
            .enumerate()
            .map(|(index, facts)| {
                let name = format!("v{}", self.graph.values.len());
                self.push(Value {
                    name,
                    elem: facts.elem,
                    dims: facts.dims,
                    roots,
                    contents: facts.contents,
                    def: Def::Output { node, index },
                })
            })
            .collect();
        self.graph.nodes.push(Node {
            op,
            inputs: inputs.to_vec(),
            outputs: outputs.clone(),
        });
        outputs
    }
}

impl Deref for Builder {
    type Target = Graph;

    fn deref(&self) -> &Graph {
        &self.graph
    }
}
