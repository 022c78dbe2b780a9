//! What a session holds in memory, by the engine's own account.
//!
//! Nobody else can tell: all sessions of a process allocate from one heap, so neither the size of the
//! process nor its growth during a run says whose it is. The engine counts for each session what its
//! arena took from the system: weights that are not mapped, and the memory of its runs, which it keeps.
//! The binding has no function for that count, so this file asks the engine's C interface.
#![expect(
    unsafe_code,
    reason = "the binding does not offer an allocator's statistics; every block carries its argument"
)]

use std::{ffi::CStr, ptr};

use ort::{
    AsPointer,
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
    session::Session,
};

/// What the arena has taken from the system and not given back.
const TAKEN: &CStr = c"TotalAllocated";

/// The arena of one session.
pub(super) struct Arena(Allocator);

impl Arena {
    /// The arena that a session allocates from; a session without one holds no memory between runs.
    pub(super) fn of(session: &Session) -> ort::Result<Self> {
        let device = AllocationDevice::CPU;
        let kind = MemoryInfo::new(device, 0, AllocatorType::Arena, MemoryType::Default)?;
        Ok(Self(Allocator::new(session, kind)?))
    }

    /// Bytes taken from the system; none where the engine does not say.
    pub(super) fn taken_bytes(&self) -> Option<u64> {
        let mut pairs = ptr::null_mut();
        // SAFETY: `ptr` is the live allocator that `self` owns. The engine writes one pointer to
        // `pairs`, which lives on this stack frame.
        let told = unsafe { (ort::api().AllocatorGetStats)(self.0.ptr(), &mut pairs) };
        // SAFETY: `told` is the status that the engine returned just now, taken once.
        unsafe { ort::Error::result_from_status(told) }.ok()?;
        if pairs.is_null() {
            return None;
        }
        // SAFETY: `pairs` is the live list that the engine made just now, `TAKEN` ends with a zero.
        let value = unsafe { (ort::api().GetKeyValue)(pairs, TAKEN.as_ptr()) };
        // SAFETY: a value that is there is text that ends with a zero and lives as long as `pairs`,
        // which is released below; nothing of it is kept.
        let text = (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) });
        let bytes = text.and_then(|text| text.to_str().ok()?.parse().ok());
        // SAFETY: `pairs` was made for the caller, who releases it; it is not used after this.
        unsafe { (ort::api().ReleaseKeyValuePairs)(pairs) };
        bytes
    }
}
