//! Tensors as they travel from a protocol to an engine: a datatype, a shape, and memory.
//!
//! Memory is row-major and 64-byte aligned, so that an engine reads it where it lies. Nothing here
//! allocates before the product of the dimensions was checked.

mod buffer;
mod dtype;
mod shape;

pub use buffer::{AlignedBytes, Block, Element, LINE_BYTES, Lender, aligned_zeros};
pub use dtype::DType;
pub use shape::{Shape, ShapeError};

/// What a tensor's memory holds.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorData {
    /// Elements of a fixed width, row-major, in the machine's byte order.
    Fixed(AlignedBytes),
    /// BYTES: one byte string an element, row-major.
    Strings(Vec<Vec<u8>>),
}

/// An owned tensor. Its data always has exactly the elements its shape says.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    dtype: DType,
    shape: Shape,
    data: TensorData,
}

/// A tensor whose memory belongs to somebody else.
#[derive(Debug, Clone)]
pub struct TensorView<'a> {
    /// The element type.
    pub dtype: DType,
    /// The dimensions.
    pub shape: Shape,
    /// The elements.
    pub data: DataView<'a>,
}

/// Borrowed elements.
#[derive(Debug, Clone, Copy)]
pub enum DataView<'a> {
    /// Elements of a fixed width; aligned as their buffer is.
    Fixed(&'a [u8]),
    /// Byte strings.
    Strings(&'a [Vec<u8>]),
    /// No elements: nobody gave this one, so whoever takes it uses its own.
    Absent,
}

impl Tensor {
    /// A tensor of zeros (empty strings for BYTES).
    pub fn zeros(dtype: DType, shape: Shape) -> Result<Self, ShapeError> {
        let data = match dtype.width_bytes() {
            Some(width) => TensorData::Fixed(AlignedBytes::zeroed(shape.bytes(width)?)),
            None => TensorData::Strings(vec![Vec::new(); shape.elements()?]),
        };
        Ok(Self { dtype, shape, data })
    }

    /// A tensor over elements already in place.
    pub fn from_elements<T: Element>(shape: Shape, elements: &[T]) -> Result<Self, ShapeError> {
        shape.expect_elements(elements.len())?;
        let data = TensorData::Fixed(AlignedBytes::copy_of(elements));
        Ok(Self {
            dtype: T::DTYPE,
            shape,
            data,
        })
    }

    /// A tensor of fixed-width elements over bytes already in place.
    pub fn from_bytes(dtype: DType, shape: Shape, bytes: AlignedBytes) -> Result<Self, ShapeError> {
        let width = dtype.width_bytes().ok_or(ShapeError::NotFixedWidth)?;
        if shape.bytes(width)? != bytes.len() {
            return Err(ShapeError::Length {
                expected: shape.elements()?,
                found: bytes.len() / width,
            });
        }
        Ok(Self {
            dtype,
            shape,
            data: TensorData::Fixed(bytes),
        })
    }

    /// A BYTES tensor.
    pub fn from_strings(shape: Shape, strings: Vec<Vec<u8>>) -> Result<Self, ShapeError> {
        shape.expect_elements(strings.len())?;
        Ok(Self {
            dtype: DType::Bytes,
            shape,
            data: TensorData::Strings(strings),
        })
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The dimensions.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The memory.
    #[must_use]
    pub fn data(&self) -> &TensorData {
        &self.data
    }

    /// The elements, if they are of type `T`.
    #[must_use]
    pub fn elements<T: Element>(&self) -> Option<&[T]> {
        match &self.data {
            TensorData::Fixed(bytes) if self.dtype == T::DTYPE => Some(bytes.as_slice()),
            _ => None,
        }
    }

    /// The elements for writing, if they are of type `T`.
    pub fn elements_mut<T: Element>(&mut self) -> Option<&mut [T]> {
        match &mut self.data {
            TensorData::Fixed(bytes) if self.dtype == T::DTYPE => Some(bytes.as_mut_slice()),
            _ => None,
        }
    }

    /// The bytes of fixed-width elements, for writing.
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        match &mut self.data {
            TensorData::Fixed(bytes) => Some(bytes.as_bytes_mut()),
            TensorData::Strings(_) => None,
        }
    }

    /// The tensor without its ownership.
    #[must_use]
    pub fn view(&self) -> TensorView<'_> {
        let data = match &self.data {
            TensorData::Fixed(bytes) => DataView::Fixed(bytes.as_bytes()),
            TensorData::Strings(strings) => DataView::Strings(strings),
        };
        TensorView {
            dtype: self.dtype,
            shape: self.shape.clone(),
            data,
        }
    }
}

impl<'a> TensorView<'a> {
    /// In the place of a tensor that was not given and need not be.
    #[must_use]
    pub fn absent(dtype: DType) -> Self {
        Self {
            dtype,
            shape: Shape::from_dims([0]),
            data: DataView::Absent,
        }
    }

    /// The rows `first..first + count` of the outermost dimension, where they lie. The caller
    /// has checked that they exist; a scalar has one row.
    #[must_use]
    pub fn slice_rows(&self, first: usize, count: usize) -> TensorView<'a> {
        let rows = self.shape.rows().max(1);
        let data = match self.data {
            DataView::Fixed(bytes) => {
                let stride = bytes.len() / rows;
                DataView::Fixed(&bytes[first * stride..(first + count) * stride])
            }
            DataView::Strings(strings) => {
                let stride = strings.len() / rows;
                DataView::Strings(&strings[first * stride..(first + count) * stride])
            }
            DataView::Absent => return self.clone(),
        };
        TensorView {
            dtype: self.dtype,
            shape: self.shape.with_rows(count),
            data,
        }
    }

    /// A copy that owns its memory.
    #[must_use]
    pub fn to_owned(&self) -> Tensor {
        let data = match self.data {
            DataView::Fixed(bytes) => TensorData::Fixed(AlignedBytes::copy_of(bytes)),
            DataView::Strings(strings) => TensorData::Strings(strings.to_vec()),
            DataView::Absent => TensorData::Fixed(AlignedBytes::zeroed(0)),
        };
        Tensor {
            dtype: self.dtype,
            shape: self.shape.clone(),
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_always_has_the_elements_of_its_shape() {
        let shape = Shape::from_dims([2, 3]);
        assert!(Tensor::from_elements(shape.clone(), &[0i32; 5]).is_err());
        let tensor = Tensor::from_elements(shape.clone(), &[1i32, 2, 3, 4, 5, 6]);
        let tensor = tensor.unwrap();
        assert_eq!(tensor.elements::<i32>().unwrap()[4], 5);
        assert!(tensor.elements::<f32>().is_none());
        assert_eq!(tensor.view().to_owned(), tensor);
        assert!(Tensor::from_bytes(DType::Fp32, shape, AlignedBytes::zeroed(23)).is_err());
    }

    #[test]
    fn absurd_shapes_are_refused_before_anything_is_allocated() {
        let huge = Shape::from_dims([1 << 20, 1 << 20, 1 << 30]);
        assert!(Tensor::zeros(DType::Fp32, huge).is_err());
    }
}
