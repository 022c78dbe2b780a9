//! Constant tensors: bytes that may lie in the model's own memory, and what is computed from them.

use bytes::Bytes;

/// Element types that the optimiser computes with; any other is carried but not computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Elem {
    /// `float32`.
    F32,
    /// `int32`.
    I32,
    /// `int64`.
    I64,
    /// `bool`.
    Bool,
    /// Another type of onnx.proto, by its number.
    Other(i32),
}

impl Elem {
    pub(crate) fn of(code: i32) -> Self {
        match code {
            1 => Self::F32,
            6 => Self::I32,
            7 => Self::I64,
            9 => Self::Bool,
            other => Self::Other(other),
        }
    }

    pub(crate) fn code(self) -> i32 {
        match self {
            Self::F32 => 1,
            Self::I32 => 6,
            Self::I64 => 7,
            Self::Bool => 9,
            Self::Other(code) => code,
        }
    }

    /// Bytes of an element, for the types that are computed.
    pub(crate) fn bytes(self) -> Option<usize> {
        match self {
            Self::F32 | Self::I32 => Some(4),
            Self::I64 => Some(8),
            Self::Bool => Some(1),
            Self::Other(_) => None,
        }
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self, Self::I32 | Self::I64)
    }
}

/// A tensor: row-major elements, little-endian.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub(crate) elem: Elem,
    pub(crate) dims: Vec<usize>,
    pub(crate) bytes: Bytes,
}

impl Tensor {
    /// A tensor of floats.
    #[must_use]
    pub fn floats(dims: &[usize], values: &[f32]) -> Self {
        debug_assert_eq!(dims.iter().product::<usize>(), values.len());
        Self {
            elem: Elem::F32,
            dims: dims.to_vec(),
            bytes: Bytes::copy_from_slice(bytemuck::cast_slice(values)),
        }
    }

    /// A tensor of integers or truth values.
    #[must_use]
    pub fn ints(elem: Elem, dims: &[usize], values: &[i64]) -> Self {
        let bytes = match elem {
            Elem::I32 => {
                let narrow: Vec<i32> = values.iter().map(|v| saturated(*v)).collect();
                Bytes::copy_from_slice(bytemuck::cast_slice(&narrow))
            }
            Elem::Bool => values.iter().map(|v| u8::from(*v != 0)).collect(),
            _ => Bytes::copy_from_slice(bytemuck::cast_slice(values)),
        };
        Self {
            elem,
            dims: dims.to_vec(),
            bytes,
        }
    }

    /// Its dimensions.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Its element type.
    #[must_use]
    pub fn elem(&self) -> Elem {
        self.elem
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Its elements as floats; none for another type.
    #[must_use]
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        let floats = self.elem == Elem::F32;
        floats.then(|| bytemuck::allocation::pod_collect_to_vec(&self.bytes))
    }

    /// Its elements as integers; none for floats.
    #[must_use]
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        match self.elem {
            Elem::I64 => Some(bytemuck::allocation::pod_collect_to_vec(&self.bytes)),
            Elem::I32 => {
                let narrow: Vec<i32> = bytemuck::allocation::pod_collect_to_vec(&self.bytes);
                Some(narrow.into_iter().map(i64::from).collect())
            }
            Elem::Bool => Some(self.bytes.iter().map(|b| i64::from(*b)).collect()),
            Elem::F32 | Elem::Other(_) => None,
        }
    }

    /// The same elements in other dimensions.
    pub(crate) fn reshaped(&self, dims: &[usize]) -> Self {
        Self {
            elem: self.elem,
            dims: dims.to_vec(),
            bytes: self.bytes.clone(),
        }
    }
}

fn saturated(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}
