//! Memory aligned for engines, without `unsafe`: whole cache lines out of a growable byte buffer.
//!
//! A buffer owns its lines, or has them on lease from somebody who lends memory: then they go back
//! when it is dropped, wherever that is and for whatever reason.

use std::{fmt, mem, sync::Arc};

use bytemuck::Pod;
use bytes::{Buf, BytesMut};

use super::DType;

/// Buffers begin on a multiple of this and take whole multiples of it: a cache line.
pub const LINE_BYTES: usize = 64;

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

/// Whole cache lines that somebody lends, and from which of their slabs.
#[derive(Debug)]
pub struct Block {
    /// The lines, all of them initialised.
    pub lines: BytesMut,
    /// The lender's own mark.
    pub slab: u32,
}

/// Who lends memory, and where it comes back to: from any thread, at any time.
pub trait Lender: Send + Sync {
    /// Takes a block back. Its contents are whatever they were.
    fn take_back(&self, block: Block);
}

/// Bytes that begin on a 64-byte boundary.
pub struct AlignedBytes {
    lines: BytesMut,
    len_bytes: usize,
    lease: Option<(Arc<dyn Lender>, u32)>,
}

/// `len_bytes` zeros that begin on a cache line.
#[must_use]
pub fn aligned_zeros(len_bytes: usize) -> BytesMut {
    let mut lines = BytesMut::zeroed(len_bytes + LINE_BYTES - 1);
    let skip = lines.as_ptr().align_offset(LINE_BYTES);
    // Never more than what was added; an allocator that tells no alignment gives no offset.
    lines.advance(skip.min(LINE_BYTES - 1));
    lines.truncate(len_bytes);
    lines
}

impl AlignedBytes {
    /// `len_bytes` zeros.
    #[must_use]
    pub fn zeroed(len_bytes: usize) -> Self {
        Self {
            lines: aligned_zeros(len_bytes),
            len_bytes,
            lease: None,
        }
    }

    /// The first `len_bytes` of a block that goes back to `lender`. They hold what they held; the
    /// block must begin on a cache line and be long enough.
    #[must_use]
    pub fn leased(block: Block, len_bytes: usize, lender: Arc<dyn Lender>) -> Self {
        debug_assert!(len_bytes <= block.lines.len(), "the block is too small");
        Self {
            len_bytes: len_bytes.min(block.lines.len()),
            lines: block.lines,
            lease: Some((lender, block.slab)),
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
        &self.lines[..self.len_bytes]
    }

    /// The bytes, for writing.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.lines[..self.len_bytes]
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

impl Drop for AlignedBytes {
    fn drop(&mut self) {
        if let Some((lender, slab)) = self.lease.take() {
            let lines = mem::take(&mut self.lines);
            lender.take_back(Block { lines, slab });
        }
    }
}

/// A copy owns its memory, also that of a lease.
impl Clone for AlignedBytes {
    fn clone(&self) -> Self {
        Self::copy_of(self.as_bytes())
    }
}

impl PartialEq for AlignedBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBytes")
            .field("bytes", &self.as_bytes())
            .field("leased", &self.lease.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn buffers_begin_on_a_cache_line_whatever_their_length() {
        for len in [0usize, 1, 63, 64, 65, 4096] {
            let buffer = AlignedBytes::zeroed(len);
            assert_eq!(buffer.as_bytes().len(), len);
            assert_eq!(buffer.as_bytes().as_ptr() as usize % LINE_BYTES, 0);
        }
    }

    #[test]
    fn elements_are_seen_in_place() {
        let mut buffer = AlignedBytes::copy_of(&[1.5f32, -2.0]);
        buffer.as_mut_slice::<f32>()[1] = 7.25;
        assert_eq!(buffer.as_slice::<f32>(), [1.5, 7.25]);
    }

    #[test]
    fn a_lease_comes_back_when_it_is_dropped_and_a_copy_of_it_owns_its_memory() {
        #[derive(Default)]
        struct Shelf(Mutex<Vec<(usize, u32)>>);
        impl Lender for Shelf {
            fn take_back(&self, block: Block) {
                self.0.lock().unwrap().push((block.lines.len(), block.slab));
            }
        }
        let shelf = Arc::new(Shelf::default());
        let lines = aligned_zeros(128);
        let lease = AlignedBytes::leased(Block { lines, slab: 7 }, 100, shelf.clone());
        let copy = lease.clone();
        drop(lease);
        drop(copy);
        assert_eq!(*shelf.0.lock().unwrap(), [(128, 7)]);
    }
}
