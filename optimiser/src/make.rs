//! Short ways to emit nodes.

use crate::{
    builder::Builder,
    graph::{Dim, Id},
    op::{Attr, Op},
    tensor::Tensor,
};

impl Builder {
    pub(crate) fn binary(&mut self, name: &str, x: Id, y: Id) -> Id {
        self.emit(Op::new(name), &[x, y])
    }

    pub(crate) fn add(&mut self, x: Id, y: Id) -> Id {
        self.binary("Add", x, y)
    }

    pub(crate) fn mul(&mut self, x: Id, y: Id) -> Id {
        self.binary("Mul", x, y)
    }

    pub(crate) fn matmul(&mut self, x: Id, y: Id) -> Id {
        self.binary("MatMul", x, y)
    }

    /// A request's value for each of its candidates.
    pub(crate) fn rows(&mut self, x: Id) -> Id {
        self.emit(Op::internal("Rows"), &[x])
    }

    /// What `Rows` was made of.
    pub(crate) fn of_request(&self, id: Id) -> Option<Id> {
        self.node(id, "Rows").map(|node| node.inputs[0])
    }

    pub(crate) fn floats(&mut self, dims: &[usize], values: &[f32]) -> Id {
        self.constant(Tensor::floats(dims, values))
    }

    /// None where two dimensions are not known before the run.
    pub(crate) fn reshape(&mut self, x: Id, dims: &[Dim]) -> Option<Id> {
        let target = target(dims)?;
        let target = self.ints(&target);
        Some(self.emit(Op::new("Reshape"), &[x, target]))
    }

    pub(crate) fn concat(&mut self, axis: usize, parts: &[Id]) -> Id {
        match parts {
            [one] => *one,
            parts => {
                let op = Op::new("Concat").with("axis", Attr::Int(to_i64(axis)));
                self.emit(op, parts)
            }
        }
    }

    pub(crate) fn slice(&mut self, x: Id, axis: usize, start: usize, end: usize) -> Id {
        if start == 0 && self.fixed(x, axis) == Some(end) {
            return x;
        }
        let (starts, ends) = (self.ints(&[to_i64(start)]), self.ints(&[to_i64(end)]));
        let axes = self.ints(&[to_i64(axis)]);
        self.emit(Op::new("Slice"), &[x, starts, ends, axes])
    }

    pub(crate) fn transpose(&mut self, x: Id, perm: &[usize]) -> Id {
        let perm = perm.iter().map(|p| to_i64(*p)).collect();
        self.emit(Op::new("Transpose").with("perm", Attr::Ints(perm)), &[x])
    }

    /// `ReduceSum`, whose axes are an input in every operator set that is read.
    pub(crate) fn reduce_sum(&mut self, x: Id, axes: &[usize], keep: bool) -> Id {
        let axes: Vec<i64> = axes.iter().map(|a| to_i64(*a)).collect();
        let axes = self.ints(&axes);
        let op = Op::new("ReduceSum").with("keepdims", Attr::Int(i64::from(keep)));
        self.emit(op, &[x, axes])
    }

    pub(crate) fn gather(&mut self, data: Id, indices: Id, axis: usize) -> Id {
        let op = Op::new("Gather").with("axis", Attr::Int(to_i64(axis)));
        self.emit(op, &[data, indices])
    }
}

pub(crate) fn to_i64(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Dimensions as `Reshape` takes them.
pub(crate) fn target(dims: &[Dim]) -> Option<Vec<i64>> {
    let open = dims.iter().filter(|d| !matches!(d, Dim::Fixed(_))).count();
    let one = |dim: &Dim| match dim {
        // A zero would copy the input's size.
        Dim::Fixed(0) => None,
        Dim::Fixed(size) => Some(to_i64(*size)),
        Dim::Rows(_) | Dim::Unknown => Some(-1),
    };
    (open <= 1).then(|| dims.iter().map(one).collect())?
}
