//! ONNX Runtime's telemetry, switched off before the library is loaded.
//!
//! The library sends usage data to its maker whatever the session options say, and writes a device
//! id and a database into the user's cache folder. It reads [`VARIABLE`] from the environment when
//! it is loaded; with the value `1` it does neither.
#![expect(
    unsafe_code,
    reason = "the engine reads its switch from the environment only, and setting a variable is unsafe"
)]

/// The environment variable that ONNX Runtime reads.
pub(super) const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Sets [`VARIABLE`] for this process. Call it first in `main`, before any thread is started.
pub fn disable_telemetry() {
    // SAFETY: changing the environment is sound while no other thread can read or write it. The
    // only callers are the first statements of `main` functions, before they start a thread.
    unsafe { std::env::set_var(VARIABLE, "1") };
}

/// Whether the library may be loaded without contacting anybody.
pub(super) fn is_disabled() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| value == "1")
}
