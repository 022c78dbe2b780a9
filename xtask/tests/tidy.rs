//! `xtask tidy` over this workspace, and over small ones made to break its rules.

#![expect(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn tidy(root: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .arg("tidy")
        .arg("--root")
        .arg(root)
        .output()
        .unwrap()
}

#[test]
fn this_workspace_is_tidy() {
    let output = tidy(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(said, "tidy: every invariant holds\n");
}

/// A workspace of two crates without outside dependencies.
fn workspace() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"common\", \"breaker\"]\n",
    );
    for name in ["common", "breaker"] {
        let package = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
        write(
            &format!("{name}/Cargo.toml"),
            &(package + "[lints]\nworkspace = true\n"),
        );
        write(&format!("{name}/src/lib.rs"), "//! A crate.\n");
    }
    write(
        "Cargo.toml",
        &(fs::read_to_string(root.path().join("Cargo.toml")).unwrap()
            + "[workspace.lints.rust]\nunsafe_code = \"deny\"\n"),
    );
    write("docs/adr/0001-first.md", "# First\n");
    root
}

#[test]
fn a_small_workspace_in_order_passes() {
    let output = tidy(workspace().path());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn every_violation_is_shown_with_its_place() {
    let root = workspace();
    let write = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
    write(
        "common/Cargo.toml",
        "[package]\nname = \"common\"\nedition = \"2024\"\n[dependencies]\n\
         breaker = { path = \"../breaker\" }\n",
    );
    write("common/src/lib.rs", "pub fn f() {\n    unsafe { g() }\n}\n");
    write("breaker/src/utils.rs", "use actix::Addr;\n");
    write("breaker/src/long.rs", &"fn f() {}\n".repeat(401));
    write("docs/adr/0003-third.md", "# Third\n");
    let output = tidy(root.path());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    for expected in [
        "common/Cargo.toml:1: does not inherit",
        "common/Cargo.toml:5: `common` depends on `breaker`",
        "common/src/lib.rs:2: `unsafe`",
        "breaker/src/utils.rs:1: a file without a subject",
        "breaker/src/utils.rs:1: `actix` outside",
        "breaker/src/long.rs:401: 401 production lines",
        "docs/adr/0003-third.md:1: number 0003 where 0002",
        "tidy: violations: 7\n",
    ] {
        assert!(said.contains(expected), "{expected} is missing in\n{said}");
    }
}

#[test]
fn a_folder_without_a_workspace_is_an_error_and_not_a_pass() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(tidy(empty.path()).status.code(), Some(69));
}
