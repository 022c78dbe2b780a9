//! Arrays that the interpreter works on.

use crate::tensor::{Elem, Tensor};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Float(Vec<f32>),
    /// Of any integer type, or truth values.
    Int(Vec<i64>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    pub(crate) elem: Elem,
    pub(crate) dims: Vec<usize>,
    pub(crate) data: Data,
}

impl Array {
    pub(crate) fn of(tensor: &Tensor) -> Option<Self> {
        let data = match tensor.elem {
            Elem::F32 => Data::Float(tensor.to_f32()?),
            _ => Data::Int(tensor.to_i64()?),
        };
        Some(Self {
            elem: tensor.elem,
            dims: tensor.dims.clone(),
            data,
        })
    }

    pub(crate) fn floats(dims: Vec<usize>, values: Vec<f32>) -> Self {
        Self {
            elem: Elem::F32,
            dims,
            data: Data::Float(values),
        }
    }

    pub(crate) fn ints(elem: Elem, dims: Vec<usize>, values: Vec<i64>) -> Self {
        Self {
            elem,
            dims,
            data: Data::Int(values),
        }
    }

    pub(crate) fn to_tensor(&self) -> Option<Tensor> {
        if self.len() != self.dims.iter().product::<usize>() {
            return None;
        }
        Some(match &self.data {
            Data::Float(values) => Tensor::floats(&self.dims, values),
            Data::Int(values) => Tensor::ints(self.elem, &self.dims, values),
        })
    }

    pub(crate) fn len(&self) -> usize {
        match &self.data {
            Data::Float(values) => values.len(),
            Data::Int(values) => values.len(),
        }
    }

    pub(crate) fn as_floats(&self) -> Option<&[f32]> {
        match &self.data {
            Data::Float(values) => Some(values),
            Data::Int(_) => None,
        }
    }

    pub(crate) fn as_ints(&self) -> Option<&[i64]> {
        match &self.data {
            Data::Int(values) => Some(values),
            Data::Float(_) => None,
        }
    }

    /// An array whose element `i` is this one's element `at(i)`.
    pub(crate) fn picked(
        &self,
        dims: Vec<usize>,
        at: impl Fn(usize) -> Option<usize>,
    ) -> Option<Self> {
        let count = dims.iter().product::<usize>();
        let data = match &self.data {
            Data::Float(v) => {
                let each = (0..count).map(|i| v.get(at(i)?).copied());
                Data::Float(each.collect::<Option<_>>()?)
            }
            Data::Int(v) => {
                let each = (0..count).map(|i| v.get(at(i)?).copied());
                Data::Int(each.collect::<Option<_>>()?)
            }
        };
        Some(Self {
            elem: self.elem,
            dims,
            data,
        })
    }

    pub(crate) fn reshaped(&self, dims: Vec<usize>) -> Option<Self> {
        (dims.iter().product::<usize>() == self.len()).then(|| Self {
            dims,
            ..self.clone()
        })
    }
}

/// Steps of each dimension in a row-major layout.
pub(crate) fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for index in (0..dims.len().saturating_sub(1)).rev() {
        strides[index] = strides[index + 1] * dims[index + 1];
    }
    strides
}

/// The dimensions of both, broadcast.
pub(crate) fn broadcast(left: &[usize], right: &[usize]) -> Option<Vec<usize>> {
    let rank = left.len().max(right.len());
    let at = |dims: &[usize], i: usize| (i + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
    (0..rank)
        .map(|i| match (at(left, i), at(right, i)) {
            (a, b) if a == b => Some(a),
            (1, n) | (n, 1) => Some(n),
            _ => None,
        })
        .collect()
}

/// Where element `index` of `dims` lies in an array of `from`, which is broadcast to it.
pub(crate) fn source(index: usize, dims: &[usize], from: &[usize]) -> usize {
    let (mut rest, mut at, mut step) = (index, 0, 1);
    for (i, size) in dims.iter().enumerate().rev() {
        let coordinate = rest % size;
        rest /= size;
        if let Some(i) = (i + from.len()).checked_sub(dims.len()) {
            if from[i] != 1 {
                at += coordinate * step;
            }
            step *= from[i];
        }
    }
    at
}
