//! The intermediate representation: values in single-assignment form, nodes in an order in which they
//! can be run.

use std::sync::Arc;

use crate::{
    op::Op,
    tensor::{Elem, Tensor},
};

/// A value of one graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) u32);

impl Id {
    /// An optional input that is not given.
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The size of one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dim {
    /// Always this size.
    Fixed(usize),
    /// So many times the rows of the run: requests or candidates, as the value's role says.
    Rows(usize),
    /// Not known before the run.
    Unknown,
}

/// What a value depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Roots {
    pub(crate) request: bool,
    pub(crate) candidate: bool,
}

impl Roots {
    pub(crate) const REQUEST: Self = Self {
        request: true,
        candidate: false,
    };
    pub(crate) const CANDIDATE: Self = Self {
        request: false,
        candidate: true,
    };

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            request: self.request || other.request,
            candidate: self.candidate || other.candidate,
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(crate) enum Def {
    Input,
    Constant(Arc<Tensor>),
    Output { node: usize, index: usize },
}

/// A value and what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) name: String,
    pub(crate) elem: Elem,
    pub(crate) dims: Option<Vec<Dim>>,
    pub(crate) roots: Roots,
    /// For a small vector of integers that is a shape or part of one: its elements.
    pub(crate) contents: Option<Vec<Dim>>,
    pub(crate) def: Def,
}

/// An operator with its inputs and outputs.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) inputs: Vec<Id>,
    pub(crate) outputs: Vec<Id>,
}

/// A graph: nodes lie in an order in which they can be run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub(crate) values: Vec<Value>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) inputs: Vec<Id>,
    pub(crate) outputs: Vec<(String, Id)>,
}

impl Graph {
    pub(crate) fn value(&self, id: Id) -> &Value {
        &self.values[id.index()]
    }

    /// Which nodes the outputs need.
    pub(crate) fn live(&self, roots: &[Id]) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        let mut waiting: Vec<Id> = roots.to_vec();
        while let Some(id) = waiting.pop() {
            if id == Id::NONE {
                continue;
            }
            if let Def::Output { node, .. } = self.value(id).def
                && !live[node]
            {
                live[node] = true;
                waiting.extend(&self.nodes[node].inputs);
            }
        }
        live
    }

    pub(crate) fn output_ids(&self) -> Vec<Id> {
        self.outputs.iter().map(|(_, id)| *id).collect()
    }
}

/// Looking at what is there.
impl Graph {
    /// The elements of a constant.
    pub(crate) fn tensor(&self, id: Id) -> Option<Arc<Tensor>> {
        match &self.values.get(id.index())?.def {
            Def::Constant(tensor) => Some(Arc::clone(tensor)),
            _ => None,
        }
    }

    pub(crate) fn is_constant(&self, id: Id) -> bool {
        self.tensor(id).is_some()
    }

    /// The integers of a constant list.
    pub(crate) fn const_ints(&self, id: Id) -> Option<Vec<i64>> {
        self.tensor(id)?.to_i64()
    }

    /// The node that gives this value as its only output, if its operator has this name.
    pub(crate) fn node(&self, id: Id, name: &str) -> Option<&Node> {
        match self.values.get(id.index())?.def {
            Def::Output { node, index: 0 } => {
                let node = &self.nodes[node];
                (node.op.name == name && node.op.domain.is_empty() != node.op.is_internal())
                    .then_some(node)
            }
            _ => None,
        }
    }

    pub(crate) fn dims(&self, id: Id) -> Option<&[Dim]> {
        self.values.get(id.index())?.dims.as_deref()
    }

    pub(crate) fn rank(&self, id: Id) -> Option<usize> {
        self.dims(id).map(<[Dim]>::len)
    }

    pub(crate) fn fixed(&self, id: Id, axis: usize) -> Option<usize> {
        match self.dims(id)?.get(axis)? {
            Dim::Fixed(size) => Some(*size),
            _ => None,
        }
    }
}
