//! An exception to a rule that nothing needs any more is a violation itself.

use super::allow::Allowed;
use super::sources::SourceFile;
use super::{Violation, code, layout, tokens};

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
