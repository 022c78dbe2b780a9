//! Tensors as they travel from a protocol to an engine: a datatype, a shape, and memory.
//!
//! Memory is row-major, and 64-byte aligned where it is a tensor's own, so that an engine reads it where
//! it lies; what an engine gave stays in the engine's memory, where encoders read it. Nothing here
//! allocates before the product of the dimensions was checked.

mod buffer;
mod dtype;
mod shape;

use bytes::Bytes;

pub use buffer::{AlignedBytes, Block, Element, LINE_BYTES, Lender, aligned_zeros};
pub use dtype::DType;
pub use shape::{Shape, ShapeError};

/// What a tensor's memory holds.
#[derive(Debug, Clone)]
enum TensorData {
    /// Elements of a fixed width, row-major, in the machine's byte order.
    Own(AlignedBytes),
    /// The same in memory that belongs to nobody alone, and that nobody writes.
    Shared(Bytes),
    /// BYTES: one byte string an element, row-major.
    Strings(Vec<Vec<u8>>),
}

/// A tensor that may be kept. Its data always has exactly the elements its shape says.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DataView<'a> {
    /// Elements of a fixed width, row-major, in the machine's byte order, aligned to that width.
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
            Some(width) => TensorData::Own(AlignedBytes::zeroed(shape.bytes(width)?)),
            None => TensorData::Strings(vec![Vec::new(); shape.elements()?]),
        };
        Ok(Self { dtype, shape, data })
    }

    /// A tensor over elements already in place.
    pub fn from_elements<T: Element>(shape: Shape, elements: &[T]) -> Result<Self, ShapeError> {
        shape.expect_elements(elements.len())?;
        let data = TensorData::Own(AlignedBytes::copy_of(elements));
        Ok(Self {
            dtype: T::DTYPE,
            shape,
            data,
        })
    }

    /// A tensor of fixed-width elements over bytes already in place.
    pub fn from_bytes(dtype: DType, shape: Shape, bytes: AlignedBytes) -> Result<Self, ShapeError> {
        let width = dtype.width_bytes().ok_or(ShapeError::NotFixedWidth)?;
        expect_bytes(width, &shape, bytes.len())?;
        Ok(Self {
            dtype,
            shape,
            data: TensorData::Own(bytes),
        })
    }

    /// A tensor of fixed-width elements over memory that others may hold too. It is copied only where
    /// its elements do not lie on multiples of their width.
    pub fn sharing(dtype: DType, shape: Shape, bytes: Bytes) -> Result<Self, ShapeError> {
        let width = dtype.width_bytes().ok_or(ShapeError::NotFixedWidth)?;
        if bytes.as_ptr().align_offset(width) != 0 {
            return Self::from_bytes(dtype, shape, AlignedBytes::copy_of(&bytes[..]));
        }
        expect_bytes(width, &shape, bytes.len())?;
        Ok(Self {
            dtype,
            shape,
            data: TensorData::Shared(bytes),
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

    /// The elements, whoever's memory they lie in.
    #[must_use]
    pub fn data(&self) -> DataView<'_> {
        match &self.data {
            TensorData::Own(bytes) => DataView::Fixed(bytes.as_bytes()),
            TensorData::Shared(bytes) => DataView::Fixed(bytes),
            TensorData::Strings(strings) => DataView::Strings(strings),
        }
    }

    /// The elements, if they are of type `T`.
    #[must_use]
    pub fn elements<T: Element>(&self) -> Option<&[T]> {
        match self.data() {
            DataView::Fixed(bytes) if self.dtype == T::DTYPE => Some(bytemuck::cast_slice(bytes)),
            _ => None,
        }
    }

    /// The elements for writing, if they are of type `T` and the tensor's own.
    pub fn elements_mut<T: Element>(&mut self) -> Option<&mut [T]> {
        match &mut self.data {
            TensorData::Own(bytes) if self.dtype == T::DTYPE => Some(bytes.as_mut_slice()),
            _ => None,
        }
    }

    /// The bytes of fixed-width elements that are the tensor's own, for writing.
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        match &mut self.data {
            TensorData::Own(bytes) => Some(bytes.as_bytes_mut()),
            TensorData::Shared(_) | TensorData::Strings(_) => None,
        }
    }

    /// The tensor without its ownership.
    #[must_use]
    pub fn view(&self) -> TensorView<'_> {
        TensorView {
            dtype: self.dtype,
            shape: self.shape.clone(),
            data: self.data(),
        }
    }

    /// The rows `first..first + count` of the outermost dimension, in the same memory; none where that
    /// is this tensor's alone. The caller has checked that they exist.
    #[must_use]
    pub fn share_rows(&self, first: usize, count: usize) -> Option<Tensor> {
        let TensorData::Shared(bytes) = &self.data else {
            return None;
        };
        let stride = bytes.len() / self.shape.rows().max(1);
        Some(Tensor {
            dtype: self.dtype,
            shape: self.shape.with_rows(count),
            data: TensorData::Shared(bytes.slice(first * stride..(first + count) * stride)),
        })
    }
}

/// Equal in type, shape and elements, whoever's memory they lie in.
impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        self.dtype == other.dtype && self.shape == other.shape && self.data() == other.data()
    }
}

fn expect_bytes(width: usize, shape: &Shape, found: usize) -> Result<(), ShapeError> {
    if shape.bytes(width)? == found {
        return Ok(());
    }
    Err(ShapeError::Length {
        expected: shape.elements()?,
        found: found / width,
    })
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
            DataView::Fixed(bytes) => TensorData::Own(AlignedBytes::copy_of(bytes)),
            DataView::Strings(strings) => TensorData::Strings(strings.to_vec()),
            DataView::Absent => TensorData::Own(AlignedBytes::zeroed(0)),
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
    fn rows_of_shared_memory_lie_where_the_whole_lies_and_outlive_it() {
        let lines = AlignedBytes::copy_of(&[1i32, 2, 3, 4, 5, 6]);
        let memory = Bytes::copy_from_slice(lines.as_bytes());
        let whole = Tensor::sharing(DType::Int32, Shape::from_dims([3, 2]), memory).unwrap();
        let rows = whole.share_rows(1, 2).unwrap();
        let at = |tensor: &Tensor, row: usize| match tensor.view().slice_rows(row, 1).data {
            DataView::Fixed(bytes) => bytes.as_ptr(),
            _ => panic!("fixed width"),
        };
        assert_eq!(at(&rows, 0), at(&whole, 1));
        drop(whole);
        let own = Tensor::from_elements(Shape::from_dims([2, 2]), &[3i32, 4, 5, 6]).unwrap();
        assert_eq!(rows, own);
        assert!(own.share_rows(0, 1).is_none());
        assert!(Tensor::sharing(DType::Int32, Shape::from_dims([3]), Bytes::new()).is_err());
    }

    #[test]
    fn shared_memory_that_an_element_cannot_begin_in_is_copied() {
        let memory = Bytes::copy_from_slice(AlignedBytes::copy_of(&[1i64, 2]).as_bytes());
        let odd = (0..8).map(|skip| memory.slice(skip..skip + 8));
        for bytes in odd {
            let expected = i64::from_ne_bytes(bytes[..].try_into().unwrap());
            let tensor = Tensor::sharing(DType::Int64, Shape::from_dims([1]), bytes).unwrap();
            assert_eq!(tensor.elements::<i64>().unwrap(), [expected]);
        }
    }

    #[test]
    fn absurd_shapes_are_refused_before_anything_is_allocated() {
        let huge = Shape::from_dims([1 << 20, 1 << 20, 1 << 30]);
        assert!(Tensor::zeros(DType::Fp32, huge).is_err());
    }
}
