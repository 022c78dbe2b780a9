//! The exceptions to tidy's rules, all in one place, each with its reason. An entry that nothing
//! needs any more is a violation itself.

use super::sources::SourceFile;
use super::{Violation, code, layout, tokens};

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

/// Entries whose file is gone or no longer needs them, and entries without a reason.
pub(super) fn stale(
    files: &[SourceFile],
    unsafe_files: &[Allowed],
    long_files: &[Allowed],
) -> Vec<Violation> {
    let needs_unsafe = |file: &SourceFile| {
        tokens::tokens(&file.text).is_ok_and(|tokens| code::says_unsafe(&tokens))
    };
    let is_long = |file: &SourceFile| {
        tokens::tokens(&file.text).is_ok_and(|tokens| {
            let lines = file.text.lines().count();
            let lines = layout::production_lines(&file.path, lines, &tokens);
            lines > layout::PRODUCTION_LINES_MAX
        })
    };
    let mut violations = unneeded(files, unsafe_files, "UNSAFE_FILES", needs_unsafe);
    violations.extend(unneeded(files, long_files, "LONG_FILES", is_long));
    violations
}

fn unneeded(
    files: &[SourceFile],
    list: &[Allowed],
    list_name: &str,
    needs_it: impl Fn(&SourceFile) -> bool,
) -> Vec<Violation> {
    let here = "xtask/src/tidy/allow.rs";
    let mut violations = Vec::new();
    for allowed in list {
        let path = allowed.path;
        // An entry is of a crate; a workspace without that crate has nothing to say about it.
        let folder = path.split_inclusive('/').next().unwrap_or(path);
        if !files.iter().any(|file| file.path.starts_with(folder)) {
            continue;
        }
        if !files.iter().any(|file| file.path == path && needs_it(file)) {
            let what = format!("{list_name} allows {path}, which does not need it");
            violations.push(Violation::new(here, 1, what, "remove the entry"));
        }
        if allowed.reason.is_empty() {
            let what = format!("{list_name} allows {path} without a reason");
            violations.push(Violation::new(here, 1, what, "say why"));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_stale_once_its_file_needs_it_no_more() {
        let entry = |path| Allowed {
            path,
            reason: "mapped memory",
        };
        let file = |path: &str, text: &str| SourceFile {
            path: path.into(),
            text: text.into(),
        };
        let files = [
            file("a/src/x.rs", "unsafe {}"),
            file("a/src/y.rs", "// unsafe"),
        ];
        let list = [
            entry("a/src/x.rs"),
            entry("a/src/y.rs"),
            entry("a/src/gone.rs"),
        ];
        let found = stale(&files, &list, &[entry("a/src/x.rs")]);
        let said: Vec<_> = found
            .iter()
            .map(|violation| violation.what.as_str())
            .collect();
        assert_eq!(
            said,
            [
                "UNSAFE_FILES allows a/src/y.rs, which does not need it",
                "UNSAFE_FILES allows a/src/gone.rs, which does not need it",
                "LONG_FILES allows a/src/x.rs, which does not need it",
            ]
        );
        let mute = [Allowed {
            path: "a/src/x.rs",
            reason: "",
        }];
        assert!(
            stale(&files, &mute, &[])[0]
                .what
                .ends_with("without a reason")
        );
    }
}
