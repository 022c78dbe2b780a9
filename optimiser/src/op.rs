//! An operator and its attributes.

use std::collections::BTreeMap;

use crate::tensor::Tensor;

/// The domain of operators that exist only while a graph is rewritten.
const INTERNAL: &str = "fusebox";

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attr {
    Int(i64),
    Float(f32),
    Text(Vec<u8>),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Texts(Vec<Vec<u8>>),
    Tensor(Tensor),
}

/// An operator; equal ones on equal inputs give equal outputs.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) attrs: BTreeMap<String, Attr>,
    pub(crate) outputs: usize,
}

impl Op {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            domain: String::new(),
            attrs: BTreeMap::new(),
            outputs: 1,
        }
    }

    /// An operator that lowering replaces.
    pub(crate) fn internal(name: &str) -> Self {
        Self {
            domain: INTERNAL.to_owned(),
            ..Self::new(name)
        }
    }

    pub(crate) fn is_internal(&self) -> bool {
        self.domain == INTERNAL
    }

    pub(crate) fn with(mut self, name: &str, value: Attr) -> Self {
        self.attrs.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        match self.attrs.get(name)? {
            Attr::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn float(&self, name: &str) -> Option<f32> {
        match self.attrs.get(name)? {
            Attr::Float(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attrs.get(name)? {
            Attr::Ints(values) => Some(values),
            _ => None,
        }
    }

    /// What is compared and hashed: floats by their bits.
    fn key(&self) -> (&str, &str, usize, Vec<String>) {
        let attrs = self.attrs.iter().map(|(k, v)| format!("{k}={v:?}"));
        (&self.name, &self.domain, self.outputs, attrs.collect())
    }
}

impl PartialEq for Op {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Op {}

impl std::hash::Hash for Op {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// Operators that work on each element of one tensor.
pub(crate) const UNARY: &[&str] = &[
    "Relu",
    "Sigmoid",
    "Tanh",
    "Exp",
    "Log",
    "Sqrt",
    "Neg",
    "Abs",
    "Not",
    "Reciprocal",
    "Softplus",
    "Elu",
    "LeakyRelu",
    "Erf",
    "Cast",
    "Floor",
    "Ceil",
    "Selu",
    "HardSigmoid",
    "Sin",
    "Cos",
    "Sign",
    "Identity",
    "Round",
    "Gelu",
    "HardSwish",
    "IsNaN",
    "Mish",
    "Celu",
    "Softsign",
];
/// Operators that combine elements of two tensors, broadcast.
pub(crate) const BINARY: &[&str] = &[
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pow",
    "Equal",
    "Greater",
    "Less",
    "GreaterOrEqual",
    "LessOrEqual",
    "And",
    "Or",
    "Xor",
    "PRelu",
    "Mod",
];
/// Operators that reduce along axes.
pub(crate) const REDUCE: &[&str] = &[
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceL2",
    "ReduceProd",
    "ReduceSumSquare",
];

pub(crate) fn is_unary(name: &str) -> bool {
    UNARY.contains(&name)
}

pub(crate) fn is_binary(name: &str) -> bool {
    BINARY.contains(&name)
}

pub(crate) fn is_reduce(name: &str) -> bool {
    REDUCE.contains(&name)
}

/// Element by element, broadcast, of any number of inputs.
pub(crate) fn is_elementwise(name: &str) -> bool {
    is_unary(name)
        || is_binary(name)
        || matches!(name, "Where" | "Clip" | "Max" | "Min" | "Sum" | "Mean")
}
