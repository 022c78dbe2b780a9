//! One slab: a piece of memory that leases are cut from and grow together in again.
//!
//! Its free pieces are kept in the order of their addresses. A piece that comes back is joined with
//! its neighbours, so a slab without leases is one piece again and can be given back whole.

use std::time::Instant;

use bytes::BytesMut;
use common::tensor::aligned_zeros;

/// See the module.
#[derive(Debug)]
pub(super) struct Slab {
    free: Vec<BytesMut>,
    bytes: usize,
    free_bytes: usize,
    /// Which list it stands in when it has room.
    pub(super) place: usize,
    /// Whether it stands there.
    pub(super) listed: bool,
    /// When it was last seen to become empty.
    pub(super) empty_since: Instant,
}

impl Slab {
    pub(super) fn new(bytes: usize, place: usize, now: Instant) -> Self {
        Self {
            free: vec![aligned_zeros(bytes)],
            bytes,
            free_bytes: bytes,
            place,
            listed: false,
            empty_since: now,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn free_bytes(&self) -> usize {
        self.free_bytes
    }

    /// The largest lease that it has room for.
    pub(super) fn largest_free(&self) -> usize {
        self.free.iter().map(BytesMut::len).max().unwrap_or(0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free_bytes == self.bytes
    }

    /// Cuts `bytes`, whole cache lines, out of the first piece that is large enough.
    pub(super) fn cut(&mut self, bytes: usize) -> Option<BytesMut> {
        let at = self.free.iter().position(|piece| piece.len() >= bytes)?;
        self.free_bytes -= bytes;
        if self.free[at].len() == bytes {
            return Some(self.free.remove(at));
        }
        Some(self.free[at].split_to(bytes))
    }

    /// Takes a piece back that was cut here.
    pub(super) fn mend(&mut self, piece: BytesMut) {
        self.free_bytes += piece.len();
        let at = self
            .free
            .partition_point(|free| start(free) < start(&piece));
        let joins_left = at > 0 && end(&self.free[at - 1]) == start(&piece);
        let joins_right = self
            .free
            .get(at)
            .is_some_and(|right| end(&piece) == start(right));
        // Neighbours in memory are joined without a copy.
        match (joins_left, joins_right) {
            (true, true) => {
                let right = self.free.remove(at);
                let left = &mut self.free[at - 1];
                left.unsplit(piece);
                left.unsplit(right);
            }
            (true, false) => self.free[at - 1].unsplit(piece),
            (false, true) => {
                let right = std::mem::replace(&mut self.free[at], piece);
                self.free[at].unsplit(right);
            }
            (false, false) => self.free.insert(at, piece),
        }
    }
}

fn start(piece: &BytesMut) -> usize {
    piece.as_ptr().addr()
}

fn end(piece: &BytesMut) -> usize {
    start(piece) + piece.len()
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};

    use super::*;

    fn slab(bytes: usize) -> Slab {
        Slab::new(bytes, 0, ManualClock::new().now())
    }

    #[test]
    fn pieces_grow_together_again_in_any_order() {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
            let mut slab = slab(256);
            let whole = start(&slab.free[0]);
            let mut pieces: Vec<_> = (0..4).map(|_| slab.cut(64)).collect();
            assert!(slab.cut(64).is_none() && slab.largest_free() == 0);
            for index in order {
                slab.mend(pieces[index].take().unwrap());
            }
            assert!(slab.is_empty());
            assert_eq!((slab.free.len(), slab.largest_free()), (1, 256));
            assert_eq!(start(&slab.free[0]), whole, "joined where they lie");
        }
    }

    #[test]
    fn every_cut_begins_on_a_cache_line() {
        let mut slab = slab(640);
        for lines in [1, 3, 2] {
            let piece = slab.cut(lines * 64).unwrap();
            assert_eq!(start(&piece) % 64, 0);
        }
        assert_eq!(slab.free_bytes(), 256);
    }
}
