//! `xtask tidy`: the invariants of the architecture, as a check. All violations are reported at
//! once, each with its place and the mend.
//!
//! - `crates`: which crate may depend on which, and what each never knows
//! - `circles`: no two modules of a crate know each other
//! - `code`: words that must not stand in the code
//! - `layout`: names and lengths of files
//! - `manifest`: every crate inherits the workspace's lints
//! - `adr`: decision records are numbered without gaps
//! - `allow`: the exceptions, each with its reason, and nowhere else; `stale` finds those not needed
//!
//! The rules are pure functions over text and a small graph, so that each is tested on a bad
//! sample; only this file and `sources` read the disk.

mod adr;
mod allow;
mod circles;
mod code;
mod crates;
mod layout;
mod manifest;
mod sources;
mod stale;
mod tokens;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

use allow::Allowed;
use sources::SourceFile;

/// A broken rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    /// Relative to the workspace.
    path: String,
    line: usize,
    what: String,
    mend: String,
}

impl Violation {
    fn new(path: &str, line: usize, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
            mend: mend.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}: {}; {}",
            self.path, self.line, self.what, self.mend
        )
    }
}

/// Checks the workspace in `root`; the result is sorted by place.
pub(crate) fn tidy(root: &Path) -> Result<Vec<Violation>> {
    let root = root
        .canonicalize()
        .with_context(|| format!("no workspace in {}", root.display()))?;
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        // Only this machine's dependencies: the others' need not have been downloaded.
        .other_options(vec!["--filter-platform".to_owned(), host_triple()?])
        .exec()
        .context("cargo metadata")?;
    let graph = crates::Graph::of(&metadata, &root);
    let mut violations = crates::check(&graph);
    let mut files = Vec::new();
    for member in &graph.members {
        let path = root.join(&member.manifest);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        violations.extend(manifest::check(&member.manifest, &text));
        sources::collect(&root, &root.join(&member.folder), &mut files)?;
    }
    violations.extend(check_sources(
        &files,
        allow::UNSAFE_FILES,
        allow::LONG_FILES,
    ));
    violations.extend(adr::check(&root.join("docs/adr"))?);
    violations.sort();
    Ok(violations)
}

fn check_sources(
    files: &[SourceFile],
    unsafe_files: &[Allowed],
    long: &[Allowed],
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files {
        violations.extend(layout::check_name(&file.path));
        match tokens::tokens(&file.text) {
            Ok(tokens) => {
                violations.extend(code::check(&file.path, &tokens, unsafe_files));
                let lines = file.text.lines().count();
                let lines = layout::production_lines(&file.path, lines, &tokens);
                violations.extend(layout::check_length(&file.path, lines, long));
            }
            Err(line) => violations.push(Violation::new(
                &file.path,
                line,
                "is not made of Rust tokens",
                "see what `cargo check` says",
            )),
        }
    }
    violations.extend(circles::check(files));
    violations.extend(stale::stale(files, unsafe_files, long));
    violations
}

/// The triple that cargo builds for here.
fn host_triple() -> Result<String> {
    let output = std::process::Command::new("rustc")
        .arg("-vV")
        .output()
        .context("rustc -vV")?;
    let text = String::from_utf8(output.stdout).context("rustc -vV")?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_is_one_line_with_its_place_and_its_mend() {
        let violation = Violation::new("a/src/b.rs", 7, "`todo!`", "finish it");
        assert_eq!(violation.to_string(), "a/src/b.rs:7: `todo!`; finish it");
    }

    #[test]
    fn all_violations_of_all_files_are_reported_at_once() {
        let file = |path: &str, text: &str| SourceFile {
            path: path.into(),
            text: text.into(),
        };
        let files = [
            file("pool/src/utils.rs", "fn f() { a.do_send(1); todo!() }"),
            file("pool/src/broken.rs", "fn f() {\n \"open"),
        ];
        let found = check_sources(&files, &[], &[]);
        assert_eq!(found.len(), 4, "{found:#?}");
    }
}
