//! Tensors as raw bytes behind the JSON: the binary tensor data extension.
//!
//! Numbers are little-endian and row-major. A BYTES element is its length in four little-endian
//! bytes, then its bytes.

use common::{
    Criticality,
    tensor::{DType, DataView, Shape, Tensor},
};
use inference_actor::arena;

use crate::failure::Failure;

const LENGTH_BYTES: usize = 4;

/// The tensor that these bytes are, which must be all of it, for a request of this class.
pub(super) fn read(
    name: &str,
    bytes: &[u8],
    dtype: DType,
    shape: &Shape,
    criticality: Criticality,
) -> Result<Tensor, Failure> {
    let wrong = |what: String| Failure::invalid(format!("binary data of input `{name}`: {what}"));
    let Some(width) = dtype.width_bytes() else {
        return strings(bytes, shape).map_err(wrong);
    };
    let expected = shape.bytes(width).map_err(|e| wrong(e.to_string()))?;
    if expected != bytes.len() {
        let found = bytes.len();
        return Err(wrong(format!(
            "{found} bytes, {dtype} of shape {shape} takes {expected}"
        )));
    }
    if dtype == DType::Bool && bytes.iter().any(|byte| *byte > 1) {
        return Err(wrong("a BOOL byte is neither 0 nor 1".into()));
    }
    let mut tensor = arena::tensor(dtype, shape.clone(), criticality)?;
    if let Some(memory) = tensor.bytes_mut() {
        memory.copy_from_slice(bytes);
    }
    Ok(tensor)
}

fn strings(mut bytes: &[u8], shape: &Shape) -> Result<Tensor, String> {
    let total = shape.elements().map_err(|e| e.to_string())?;
    if total > bytes.len() / LENGTH_BYTES {
        return Err(format!(
            "shape {shape} has {total} strings, more than the bytes can hold"
        ));
    }
    let mut strings = Vec::with_capacity(total);
    while let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((string, rest)) = rest.split_at_checked(length) else {
            return Err(format!("string {} is cut off", strings.len()));
        };
        if strings.len() == total {
            return Err(format!("more than the {total} strings of shape {shape}"));
        }
        strings.push(string.to_vec());
        bytes = rest;
    }
    if !bytes.is_empty() {
        return Err("a string's length is cut off".into());
    }
    Tensor::from_strings(shape.clone(), strings).map_err(|e| e.to_string())
}

/// How many bytes [`write`] appends.
pub(super) fn size_bytes(tensor: &Tensor) -> usize {
    match tensor.data() {
        DataView::Fixed(bytes) => bytes.len(),
        DataView::Absent => 0,
        DataView::Strings(strings) => strings.iter().map(|s| LENGTH_BYTES + s.len()).sum(),
    }
}

/// Appends a tensor; none where a string is longer than its length field can say.
pub(super) fn write(out: &mut Vec<u8>, tensor: &Tensor) -> Option<()> {
    match tensor.data() {
        DataView::Fixed(bytes) => out.extend_from_slice(bytes),
        DataView::Absent => {}
        DataView::Strings(strings) => {
            for string in strings {
                let length = u32::try_from(string.len()).ok()?;
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(string);
            }
        }
    }
    Some(())
}

// Elements lie in memory in the machine's byte order, which is what is sent.
const _: () = assert!(
    cfg!(target_endian = "little"),
    "binary tensor data is little-endian"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8], dtype: DType, shape: &Shape) -> Result<Tensor, Failure> {
        super::read(name, bytes, dtype, shape, Criticality::Critical)
    }

    #[test]
    fn strings_of_any_bytes_come_back() {
        let shape = Shape::from_dims([2, 2]);
        let all: Vec<u8> = (0..=255).collect();
        let tensor = Tensor::from_strings(shape.clone(), vec![vec![], all, vec![0], b"x".to_vec()]);
        let tensor = tensor.unwrap();
        let mut bytes = Vec::new();
        write(&mut bytes, &tensor).unwrap();
        assert_eq!(bytes.len(), size_bytes(&tensor));
        assert_eq!(read("x", &bytes, DType::Bytes, &shape).unwrap(), tensor);
        for cut in 0..bytes.len() {
            assert!(
                read("x", &bytes[..cut], DType::Bytes, &shape).is_err(),
                "{cut}"
            );
        }
        bytes.extend_from_slice(&[0; 4]);
        assert!(read("x", &bytes, DType::Bytes, &shape).is_err());
    }

    #[test]
    fn absurd_lengths_and_shapes_are_refused() {
        let huge = Shape::from_dims([1 << 40]);
        assert!(read("x", &[0; 8], DType::Bytes, &huge).is_err());
        assert!(read("x", &[0; 8], DType::Fp32, &huge).is_err());
        assert!(read("x", &[0xff; 4], DType::Bytes, &Shape::from_dims([1])).is_err());
        assert!(read("x", &[2], DType::Bool, &Shape::from_dims([1])).is_err());
        assert!(read("x", &[], DType::Bytes, &Shape::from_dims([0, 9])).is_ok());
    }
}
