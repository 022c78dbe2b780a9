//! The workspace's Rust files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

pub(super) struct SourceFile {
    /// Relative to the workspace, with `/`.
    pub path: String,
    pub text: String,
}

/// Adds every `.rs` file below `folder`. A folder below it with a manifest of its own is another
/// crate (or, as a fuzz crate, another workspace) and is left out; so are build outputs.
pub(super) fn collect(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) -> Result<()> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| folder.display().to_string())?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            let foreign = name == "target" || name.starts_with('.');
            if !foreign && !path.join("Cargo.toml").exists() {
                collect(root, &path, files)?;
            }
        } else if kind.is_file() && name.ends_with(".rs") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let relative = path.strip_prefix(root).unwrap_or(&path);
            files.push(SourceFile {
                path: relative.to_string_lossy().replace('\\', "/"),
                text,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_files_are_found_and_other_crates_and_outputs_left_out() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "a/src/lib.rs",
            "a/tests/t.rs",
            "a/src/x.txt",
            "a/target/o.rs",
            "a/fuzz/f.rs",
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::write(root.path().join("a/fuzz/Cargo.toml"), "").unwrap();
        let mut files = Vec::new();
        collect(root.path(), &root.path().join("a"), &mut files).unwrap();
        let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a/src/lib.rs", "a/tests/t.rs"]);
    }
}
