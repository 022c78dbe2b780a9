//! Which slab a lease is cut from: by what lies in it, and by its size.

use common::tensor::{DType, LINE_BYTES, Shape};

/// Slabs of the small classes hold this many leases of their largest size, so that a lease of just
/// over half a class does not leave the other half idle.
const LEASES_PER_SLAB: usize = 4;
/// Slabs are not made larger than this to hold several leases.
const SHARED_SLAB_BYTES: usize = 1 << 20;

/// Where memory lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    /// The machine's own memory, the only device that engines here compute on.
    Cpu,
}

/// Tensors of one class tend to be of similar size and to live equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RankClass {
    /// Scalars and vectors: ids, scores.
    Vector,
    /// One row a request or candidate.
    Matrix,
    /// Three dimensions and more: embeddings, images.
    Higher,
}

/// What lies in a lease. Leases of different kinds never share a slab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind {
    /// The element type.
    pub dtype: DType,
    /// The number of dimensions, coarsely.
    pub rank: RankClass,
    /// Where it lies.
    pub device: Device,
}

impl Kind {
    /// The kind of a tensor in the machine's memory.
    #[must_use]
    pub fn of(dtype: DType, shape: &Shape) -> Self {
        let rank = match shape.dims().len() {
            0 | 1 => RankClass::Vector,
            2 => RankClass::Matrix,
            _ => RankClass::Higher,
        };
        let device = Device::Cpu;
        Self {
            dtype,
            rank,
            device,
        }
    }
}

/// Sizes that leases are sorted into, ascending; what is larger than the last gets a slab exactly
/// as large as itself, for as long as it is lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes(Vec<usize>);

impl Classes {
    /// Classes of these sizes in bytes, in any order; each is rounded up to whole cache lines.
    #[must_use]
    pub fn new(sizes: impl IntoIterator<Item = usize>) -> Self {
        let lines = sizes.into_iter().filter_map(whole_lines);
        let mut sizes: Vec<usize> = lines.filter(|bytes| *bytes > 0).collect();
        sizes.sort_unstable();
        sizes.dedup();
        Self(sizes)
    }

    /// The class of a lease; `None` beyond the largest.
    #[must_use]
    pub fn of(&self, bytes: usize) -> Option<usize> {
        let class = self.0.partition_point(|size| *size < bytes);
        (class < self.0.len()).then_some(class)
    }

    /// How large a slab of this class is.
    #[must_use]
    pub fn slab_bytes(&self, class: usize) -> usize {
        let size = self.0[class];
        let several = size.saturating_mul(LEASES_PER_SLAB);
        several.min(SHARED_SLAB_BYTES).max(size)
    }

    /// How many there are, without the exact one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether every lease gets a slab of its own.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `bytes` rounded up to whole cache lines, if there is such a number.
#[must_use]
pub fn whole_lines(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(LINE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_belongs_to_the_smallest_class_that_holds_it() {
        let classes = Classes::new([1 << 20, 16 << 10, 100]);
        assert_eq!(classes.len(), 3);
        assert_eq!(classes.of(128), Some(0));
        assert_eq!(classes.of(129), Some(1));
        assert_eq!(classes.of(1 << 20), Some(2));
        assert_eq!(classes.of((1 << 20) + 1), None);
        assert_eq!(classes.slab_bytes(0), 512);
        assert_eq!(classes.slab_bytes(1), 64 << 10);
        assert_eq!(classes.slab_bytes(2), 1 << 20);
        assert_eq!(whole_lines(usize::MAX), None);
    }
}
