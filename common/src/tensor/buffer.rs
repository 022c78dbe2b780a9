//! Memory aligned for engines, without `unsafe`: a vector of 64-byte lines seen as bytes.

use bytemuck::{Pod, Zeroable};

use super::DType;

/// One cache line. Its alignment is what aligns a whole buffer.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy, Zeroable, Pod)]
struct Line([u8; 64]);

const LINE_BYTES: usize = size_of::<Line>();

/// A Rust type that is the element type of some tensors.
pub trait Element: Pod {
    /// The tensor's element type.
    const DTYPE: DType;
}

macro_rules! elements {
    ($($type:ty => $dtype:ident),+) => {$(
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
        }
    )+};
}
elements!(i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64, u8 => Uint8, u16 => Uint16,
    u32 => Uint32, u64 => Uint64, f32 => Fp32, f64 => Fp64);

/// Bytes that begin on a 64-byte boundary.
#[derive(Debug, Clone, Default)]
pub struct AlignedBytes {
    lines: Vec<Line>,
    len_bytes: usize,
}

impl AlignedBytes {
    /// `len_bytes` zeros.
    #[must_use]
    pub fn zeroed(len_bytes: usize) -> Self {
        Self {
            lines: vec![Line::zeroed(); len_bytes.div_ceil(LINE_BYTES)],
            len_bytes,
        }
    }

    /// A copy of `elements`.
    #[must_use]
    pub fn copy_of<T: Pod>(elements: &[T]) -> Self {
        let bytes: &[u8] = bytemuck::cast_slice(elements);
        let mut copy = Self::zeroed(bytes.len());
        copy.as_bytes_mut().copy_from_slice(bytes);
        copy
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len_bytes
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len_bytes == 0
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..self.len_bytes]
    }

    /// The bytes, for writing.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len_bytes]
    }

    /// The bytes as elements. The length must be a multiple of the element's width.
    #[must_use]
    pub fn as_slice<T: Pod>(&self) -> &[T] {
        bytemuck::cast_slice(self.as_bytes())
    }

    /// The bytes as elements, for writing.
    pub fn as_mut_slice<T: Pod>(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(self.as_bytes_mut())
    }
}

impl PartialEq for AlignedBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_begin_on_a_cache_line_whatever_their_length() {
        for len in [0usize, 1, 63, 64, 65, 4096] {
            let buffer = AlignedBytes::zeroed(len);
            assert_eq!(buffer.as_bytes().len(), len);
            assert_eq!(buffer.as_bytes().as_ptr() as usize % 64, 0);
        }
    }

    #[test]
    fn elements_are_seen_in_place() {
        let mut buffer = AlignedBytes::copy_of(&[1.5f32, -2.0]);
        buffer.as_mut_slice::<f32>()[1] = 7.25;
        assert_eq!(buffer.as_slice::<f32>(), [1.5, 7.25]);
    }
}
