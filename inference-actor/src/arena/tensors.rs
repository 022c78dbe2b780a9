//! Tensors over leased memory.

use common::{
    Criticality,
    tensor::{AlignedBytes, DType, Shape, ShapeError, Tensor},
};

use super::{Kind, Refused, lease};

/// Why there is no tensor.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTensor {
    /// The shape is no shape of this type.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// There is no memory for it.
    #[error(transparent)]
    Memory(#[from] Refused),
}

/// A tensor that holds whatever its memory held before (empty strings for BYTES, which are not
/// leased): write all of it.
pub fn tensor(dtype: DType, shape: Shape, criticality: Criticality) -> Result<Tensor, NoTensor> {
    let Some(width) = dtype.width_bytes() else {
        return Ok(Tensor::zeros(dtype, shape)?);
    };
    let memory = lease(Kind::of(dtype, &shape), shape.bytes(width)?, criticality)?;
    Ok(Tensor::from_bytes(dtype, shape, memory)?)
}

/// A tensor of zeros.
pub fn zeros(dtype: DType, shape: Shape, criticality: Criticality) -> Result<Tensor, NoTensor> {
    let Some(width) = dtype.width_bytes() else {
        return Ok(Tensor::zeros(dtype, shape)?);
    };
    let mut memory = lease(Kind::of(dtype, &shape), shape.bytes(width)?, criticality)?;
    memory.as_bytes_mut().fill(0);
    Ok(Tensor::from_bytes(dtype, shape, memory)?)
}

/// A tensor over a copy of these bytes, for a request that was let in: where the arena has no room
/// its memory is made anew, so that the work is not lost.
pub fn copied(dtype: DType, shape: Shape, bytes: &[u8]) -> Result<Tensor, ShapeError> {
    let mut memory = lease_or_alloc(dtype, &shape, bytes.len());
    memory.as_bytes_mut().copy_from_slice(bytes);
    Tensor::from_bytes(dtype, shape, memory)
}

/// Memory for a request that was let in; it holds whatever it held before.
pub(crate) fn lease_or_alloc(dtype: DType, shape: &Shape, bytes: usize) -> AlignedBytes {
    let leased = lease(Kind::of(dtype, shape), bytes, Criticality::CriticalPlus);
    leased.unwrap_or_else(|_| AlignedBytes::zeroed(bytes))
}
