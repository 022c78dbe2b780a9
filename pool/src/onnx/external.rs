//! A model reads its own folder and nothing else.

use std::{
    collections::HashSet,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

/// Why a file that a model points to is not read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum ExternalError {
    /// Absolute, or with `..`.
    #[error(
        "the weights lie at `{0}`, outside the model's folder; use a relative path without `..`"
    )]
    Outside(String),
    /// A symbolic link, which may lead anywhere.
    #[error("the weights at {0} are reached through a symbolic link; copy the file instead")]
    SymbolicLink(PathBuf),
    /// A second name of a file, which may be anybody's.
    #[error("the weights at {0} are a hard link to a file with other names; copy the file instead")]
    HardLink(PathBuf),
    /// Not there, or no regular file.
    #[error("the weights are not at {0}; put the file there as the model was exported with it")]
    Missing(PathBuf),
}

/// Refuses every location that is not a plain file inside `folder`.
pub(crate) fn check_external(
    folder: &Path,
    locations: &HashSet<Vec<u8>>,
) -> Result<(), ExternalError> {
    locations
        .iter()
        .try_for_each(|location| one(folder, location))
}

fn one(folder: &Path, location: &[u8]) -> Result<(), ExternalError> {
    let shown = || {
        String::from_utf8_lossy(location)
            .chars()
            .take(200)
            .collect::<String>()
    };
    let text = std::str::from_utf8(location).map_err(|_| ExternalError::Outside(shown()))?;
    let relative = Path::new(text);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain || text.is_empty() || text.contains(['\\', '\0']) {
        return Err(ExternalError::Outside(shown()));
    }
    let mut path = folder.to_owned();
    for part in relative.components() {
        path.push(part);
        let met = path
            .symlink_metadata()
            .map_err(|_| ExternalError::Missing(folder.join(relative)))?;
        if met.file_type().is_symlink() {
            return Err(ExternalError::SymbolicLink(path));
        }
    }
    match path.symlink_metadata() {
        Ok(met) if met.is_file() && met.nlink() == 1 => Ok(()),
        Ok(met) if met.is_file() => Err(ExternalError::HardLink(path)),
        _ => Err(ExternalError::Missing(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_inside_the_folder_are_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("m/1");
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        std::fs::write(root.path().join("secret"), b"x").unwrap();
        std::fs::write(folder.join("own.bin"), b"x").unwrap();
        std::fs::write(folder.join("sub/own.bin"), b"x").unwrap();
        std::os::unix::fs::symlink(root.path().join("secret"), folder.join("link")).unwrap();
        std::os::unix::fs::symlink(root.path(), folder.join("up")).unwrap();
        std::fs::hard_link(root.path().join("secret"), folder.join("hard")).unwrap();
        let check = |location: &str| one(&folder, location.as_bytes());
        for fine in ["own.bin", "sub/own.bin", "./own.bin"] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for bad in [
            "../../secret",
            "/etc/passwd",
            "sub/../../../secret",
            "",
            ".",
            "a\\b",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(matches!(check("link"), Err(ExternalError::SymbolicLink(_))));
        assert!(matches!(
            check("up/secret"),
            Err(ExternalError::SymbolicLink(_))
        ));
        assert!(matches!(check("hard"), Err(ExternalError::HardLink(_))));
        assert!(matches!(check("gone"), Err(ExternalError::Missing(_))));
        assert!(one(&folder, b"\xff").is_err());
    }
}
