//! The arena of this thread: leases without a lock, from wherever on the thread they are needed.
//!
//! A lease that is dropped on its own thread goes straight back; one that is dropped elsewhere goes
//! through a bounded queue, which has room for every lease that can be out.

use std::{
    cell::{Cell, RefCell},
    sync::{Arc, Weak},
    time::Instant,
};

use common::{
    Criticality,
    tensor::{AlignedBytes, Block, Lender},
};
use crossbeam_queue::ArrayQueue;

use super::{Arenas, budget::Refused, class::Kind, figures::add, slabs::Slabs};

/// A number no arena has.
const NONE: u64 = 0;

thread_local! {
    static HERE: RefCell<Option<Local>> = const { RefCell::new(None) };
    /// The number of the arena in [`HERE`], readable while that is borrowed.
    static NUMBER: Cell<u64> = const { Cell::new(NONE) };
}

/// One arena and the way back to it.
pub(super) struct Local {
    pub(super) slabs: Slabs,
    returns: Arc<ReturnQueue>,
    home: Weak<Arenas>,
}

/// Where the leases of an arena come back to.
pub(super) struct ReturnQueue {
    number: u64,
    queue: ArrayQueue<Block>,
}

impl Local {
    pub(super) fn new(number: u64, slabs: Slabs, most_leases: usize, home: Weak<Arenas>) -> Self {
        let queue = ArrayQueue::new(most_leases.max(1));
        let returns = Arc::new(ReturnQueue { number, queue });
        Self {
            slabs,
            returns,
            home,
        }
    }

    /// Takes in what was dropped elsewhere.
    pub(super) fn collect(&mut self) {
        while let Some(block) = self.returns.queue.pop() {
            self.slabs.take_back(block);
            add(&self.slabs.figures().returned_from_afar, 1);
        }
    }
}

impl Lender for ReturnQueue {
    fn take_back(&self, block: Block) {
        // A thread that ends has no thread-locals left; its arena is gone with them.
        let ours = NUMBER.try_with(Cell::get) == Ok(self.number);
        let mut block = Some(block);
        if ours {
            let _ = HERE.try_with(|here| {
                if let Ok(mut here) = here.try_borrow_mut()
                    && let Some(local) = here.as_mut()
                    && let Some(block) = block.take()
                {
                    local.slabs.take_back(block);
                }
            });
        }
        if let Some(block) = block.take() {
            // There is room for every lease that is out; were there none, the memory would go back
            // to the system instead, with its slab counted as in use.
            let _ = self.queue.push(block);
        }
    }
}

/// Puts an arena in this thread's place, giving what was there.
pub(super) fn swap(local: Option<Local>) -> Option<Local> {
    let number = local.as_ref().map_or(NONE, |local| local.returns.number);
    let before = HERE.with(|here| std::mem::replace(&mut *here.borrow_mut(), local));
    NUMBER.set(number);
    before
}

/// Memory for `bytes` of this kind, from this thread's arena. It holds whatever it held before:
/// write all of it. On a thread without an arena it is made anew.
pub fn lease(kind: Kind, bytes: usize, criticality: Criticality) -> Result<AlignedBytes, Refused> {
    if bytes == 0 {
        return Ok(AlignedBytes::zeroed(0));
    }
    HERE.with(|here| {
        let mut here = here.borrow_mut();
        let Some(local) = here.as_mut() else {
            return Ok(AlignedBytes::zeroed(bytes));
        };
        if !local.returns.queue.is_empty() {
            local.collect();
        }
        let block = local.slabs.lease(kind, bytes, criticality)?;
        let returns = Arc::clone(&local.returns);
        Ok(AlignedBytes::leased(block, bytes, returns))
    })
}

/// Looks after this thread's arena: due every second or so.
pub fn tick(now: Instant) {
    HERE.with(|here| {
        if let Some(local) = here.borrow_mut().as_mut() {
            local.collect();
            local.slabs.tick(now);
        }
    });
}

/// The arenas that this thread's one belongs to.
#[must_use]
pub fn here() -> Option<Arc<Arenas>> {
    HERE.with(|here| {
        here.borrow()
            .as_ref()
            .and_then(|local| local.home.upgrade())
    })
}
