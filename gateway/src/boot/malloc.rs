//! One setting of the system's allocator.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(
        unsafe_code,
        reason = "the C library has no safe interface to its own settings"
    )
)]

/// From this size on, memory is mapped for itself and goes back to the system when it is freed.
const MAPPED_FROM_BYTES: i32 = 4 << 20;

/// Keeps large buffers out of the heap. Left alone, the GNU C library raises this bound to 32 MiB as
/// large buffers come and go, and each thread's heap then keeps the largest it ever held: with 64 MiB
/// bodies and a worker for every core, gigabytes that nobody uses.
pub(super) fn return_large_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `mallopt` takes two integers by value and touches only the allocator's own
        // settings, under its own lock; it may be called at any time from any thread.
        let set = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM_BYTES) };
        if set == 0 {
            tracing::debug!("the allocator kept its own bound for mapped memory");
        }
    }
}
