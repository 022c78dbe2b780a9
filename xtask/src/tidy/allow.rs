//! The exceptions to tidy's rules, all in one place, each with its reason.

pub(super) struct Allowed {
    /// Relative to the workspace.
    pub path: &'static str,
    /// Why it is right here; read in review, so it must hold on its own.
    pub reason: &'static str,
}

/// Files that may say `unsafe`: audited, each block with a `// SAFETY:` argument.
pub(super) const UNSAFE_FILES: &[Allowed] = &[
    Allowed {
        path: "inference-actor/src/engine/strings.rs",
        reason: "strings of arbitrary bytes: the binding's own functions go through C strings and \
                 UTF-8, so the engine's C interface is called directly",
    },
    Allowed {
        path: "inference-actor/src/engine/memory.rs",
        reason: "what one session's arena holds: the engine counts it, the binding has no function \
                 for it, and no safe measure of a process tells its sessions apart",
    },
    Allowed {
        path: "inference-actor/src/engine/telemetry.rs",
        reason: "one call of set_var before any thread is started: the engine reads its telemetry \
                 switch from the environment only",
    },
    Allowed {
        path: "gateway/src/boot/malloc.rs",
        reason: "one call of mallopt, so that freed large buffers go back to the system",
    },
];

/// Files that may be longer than `layout::PRODUCTION_LINES_MAX`.
pub(super) const LONG_FILES: &[Allowed] = &[];

pub(super) fn allows(list: &[Allowed], path: &str) -> bool {
    list.iter().any(|allowed| allowed.path == path)
}
