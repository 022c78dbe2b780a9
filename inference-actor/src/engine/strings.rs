//! Strings of arbitrary bytes, in and out of the engine's tensors.
//!
//! BYTES elements may hold zeros and need not be UTF-8, and the engine stores them as they are; but
//! the binding's own functions go through C strings and Rust's `String`, and refuse them. So this
//! file calls the engine's C interface itself.
#![expect(
    unsafe_code,
    reason = "the binding offers no way to move arbitrary bytes; every block carries its argument"
)]

use std::ptr;

use ort::{
    AsPointer,
    memory::Allocator,
    value::{DynTensor, DynValue, TensorElementType, ValueType},
};

/// A string tensor of this shape holding these byte strings, row-major.
pub(super) fn into_engine(dims: &[usize], strings: &[Vec<u8>]) -> ort::Result<DynTensor> {
    let allocator = Allocator::default();
    let tensor = DynTensor::new(&allocator, TensorElementType::String, dims)?;
    if count(tensor.shape()) != Some(strings.len()) {
        return Err(ort::Error::new("BYTES data does not fill its shape"));
    }
    let mut tensor = tensor;
    for (index, string) in strings.iter().enumerate() {
        let mut room = ptr::null_mut();
        // SAFETY: `ptr_mut` is the live value that `tensor` owns and borrows mutably here; it is a
        // string tensor by construction, and `index` is below its element count, checked above. The
        // engine writes one pointer to `room`, which lives on this stack frame.
        let resized = unsafe {
            (ort::api().GetResizedStringTensorElementBuffer)(
                tensor.ptr_mut(),
                index,
                string.len(),
                &mut room,
            )
        };
        // SAFETY: `resized` is the status that the engine returned just now, taken once.
        unsafe { ort::Error::result_from_status(resized) }?;
        if string.is_empty() {
            continue;
        }
        if room.is_null() {
            return Err(ort::Error::new("the engine gave no room for a string"));
        }
        // SAFETY: on success `room` points to `string.len()` writable bytes inside the tensor, by
        // the function's contract; nothing else refers to them before the next call, and they do
        // not overlap `string`, which Rust owns.
        unsafe { ptr::copy_nonoverlapping(string.as_ptr(), room.cast::<u8>(), string.len()) };
    }
    Ok(tensor)
}

/// The byte strings of a string tensor, row-major.
pub(super) fn out_of_engine(value: &DynValue) -> ort::Result<Vec<Vec<u8>>> {
    let elements = match value.dtype() {
        ValueType::Tensor { ty, shape, .. } if *ty == TensorElementType::String => count(shape),
        _ => None,
    };
    let elements = elements.ok_or_else(|| ort::Error::new("this value holds no strings"))?;
    let mut bytes = 0usize;
    // SAFETY: `ptr` is the live value behind `value`, a string tensor as checked above; the engine
    // writes one length to `bytes`.
    let told = unsafe { (ort::api().GetStringTensorDataLength)(value.ptr(), &mut bytes) };
    // SAFETY: `told` is the status that the engine returned just now, taken once.
    unsafe { ort::Error::result_from_status(told) }?;
    let mut content = vec![0u8; bytes];
    let mut starts = vec![0usize; elements];
    // SAFETY: as above for `ptr`; `content` and `starts` are writable for exactly the lengths that
    // are passed with them, which are what the engine asks for: all bytes, one start an element.
    let copied = unsafe {
        (ort::api().GetStringTensorContent)(
            value.ptr(),
            content.as_mut_ptr().cast(),
            content.len(),
            starts.as_mut_ptr(),
            starts.len(),
        )
    };
    // SAFETY: `copied` is the status that the engine returned just now, taken once.
    unsafe { ort::Error::result_from_status(copied) }?;
    let ends = starts.iter().skip(1).copied().chain([bytes]);
    let cut = |(start, end): (&usize, usize)| content.get(*start..end).map(<[u8]>::to_vec);
    starts
        .iter()
        .zip(ends)
        .map(cut)
        .collect::<Option<_>>()
        .ok_or_else(|| ort::Error::new("the engine's strings do not lie in order"))
}

fn count(shape: &ort::value::Shape) -> Option<usize> {
    let mut sizes = shape.iter().map(|d| usize::try_from(*d).ok());
    sizes.try_fold(1usize, |n, size| n.checked_mul(size?))
}
