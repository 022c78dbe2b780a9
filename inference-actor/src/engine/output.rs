//! Outputs as tensors that are encoded where the engine has put them.
//!
//! The engine's value is kept until the last tensor over it is dropped, on whichever thread that is: it
//! holds on to the allocator it came from, which takes memory back from any thread and may outlive its
//! session.

use std::marker::PhantomData;

use bytes::Bytes;
use common::tensor::{DType, DataView, Shape, Tensor, TensorView};
use ort::value::{DynValue, PrimitiveTensorElementType, TensorElementType, ValueType};

use super::{strings, types::with_number_types};
use crate::arena;

/// The output of a run on `inputs`, which is copied only where it would not stay: a graph may hand an
/// input on as an output, and that memory is the request's.
pub(super) fn tensor(value: DynValue, inputs: &[TensorView<'_>]) -> ort::Result<Tensor> {
    let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
        return Err(ort::Error::new("an output is not a dense tensor"));
    };
    let (ty, shape) = (*ty, sizes(shape));
    macro_rules! by_type {
        (() $($ours:ident $engines:ident $element:ty,)+) => {
            match ty {
                $(TensorElementType::$engines => kept::<$element>(value, DType::$ours, shape, inputs),)+
                TensorElementType::String => {
                    let strings = strings::out_of_engine(&value)?;
                    Tensor::from_strings(shape, strings).map_err(unfit)
                }
                other => Err(ort::Error::new(format!(
                    "an output is of type {other}, which is not served"
                ))),
            }
        };
    }
    with_number_types!(by_type!())
}

/// The memory of an engine's value of elements `T`.
struct Kept<T>(DynValue, PhantomData<T>);

impl<T: PrimitiveTensorElementType + bytemuck::NoUninit> AsRef<[u8]> for Kept<T> {
    /// Nothing where the elements are of another type; then it does not fill its shape.
    fn as_ref(&self) -> &[u8] {
        let elements = self.0.try_extract_tensor::<T>();
        elements.map_or(&[], |(_, elements)| bytemuck::cast_slice(elements))
    }
}

fn kept<T>(
    value: DynValue,
    dtype: DType,
    shape: Shape,
    inputs: &[TensorView<'_>],
) -> ort::Result<Tensor>
where
    T: PrimitiveTensorElementType + bytemuck::NoUninit + Send,
{
    let bytes = Bytes::from_owner(Kept::<T>(value, PhantomData));
    let tensor = match inputs.iter().any(|input| lies_in(&bytes, input)) {
        true => arena::copied(dtype, shape, &bytes),
        false => Tensor::sharing(dtype, shape, bytes),
    };
    tensor.map_err(unfit)
}

/// Whether the two have memory in common.
fn lies_in(bytes: &[u8], input: &TensorView<'_>) -> bool {
    let DataView::Fixed(input) = input.data else {
        return false;
    };
    let (these, those) = (bytes.as_ptr_range(), input.as_ptr_range());
    these.start < those.end && those.start < these.end
}

fn unfit(e: impl std::fmt::Display) -> ort::Error {
    ort::Error::new(e.to_string())
}

fn sizes(shape: &ort::value::Shape) -> Shape {
    // Shapes of actual values are never negative.
    Shape::from_dims(shape.iter().map(|d| usize::try_from(*d).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_was_handed_on_is_known_by_where_it_lies() {
        let given = Tensor::from_elements(Shape::from_dims([4]), &[1i32, 2, 3, 4]).unwrap();
        let other = Tensor::from_elements(Shape::from_dims([4]), &[1i32, 2, 3, 4]).unwrap();
        let DataView::Fixed(bytes) = given.data() else {
            panic!("fixed width");
        };
        assert!(lies_in(bytes, &given.view()));
        assert!(lies_in(&bytes[12..], &given.view()));
        assert!(!lies_in(&bytes[16..], &given.view()));
        assert!(!lies_in(bytes, &other.view()));
        assert!(!lies_in(bytes, &TensorView::absent(DType::Int32)));
    }
}
