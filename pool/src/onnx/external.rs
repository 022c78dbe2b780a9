//! A model reads its own folder, the repository it lies in, and nothing else.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Component, Path, PathBuf},
};

use common::files::open_regular;

/// A file of external data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where the model says that it lies, relative to the model.
    pub(crate) relative: PathBuf,
    /// Where it lies, without links.
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// Why a file that a model points to is not read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum ExternalError {
    /// Absolute, or with `..`.
    #[error(
        "the weights lie at `{0}`, outside the model's folder; use a relative path without `..`"
    )]
    Outside(String),
    /// A symbolic link that leads out of what a model may read.
    #[error(
        "the weights at {path} are a link to {target}, outside of the model repository; copy the file, \
         or name a folder above it in models.link_folders"
    )]
    LeadsOut {
        /// The link.
        path: PathBuf,
        /// Where it ends.
        target: PathBuf,
    },
    /// Not there, or no regular file.
    #[error(
        "the weights at {path} cannot be read: {reason}; put the file there as the model was exported with it"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: String,
    },
}

/// The files that a model in `folder` points to. Links are followed where they end inside `folder` or
/// one of `allowed`.
pub(crate) fn sources(
    folder: &Path,
    locations: &HashSet<Vec<u8>>,
    allowed: &[PathBuf],
) -> Result<Vec<Source>, ExternalError> {
    // By path, since a model may write one place in two ways.
    let mut found = BTreeMap::new();
    for location in locations {
        let source = source(folder, location, allowed)?;
        found.insert(source.relative.clone(), source);
    }
    Ok(found.into_values().collect())
}

fn source(folder: &Path, location: &[u8], allowed: &[PathBuf]) -> Result<Source, ExternalError> {
    let shown = || {
        String::from_utf8_lossy(location)
            .chars()
            .take(200)
            .collect()
    };
    let text = std::str::from_utf8(location).map_err(|_| ExternalError::Outside(shown()))?;
    let written = Path::new(text);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    // A line break would end the line of the cache's list of files.
    let odd = text.is_empty() || text.contains(['\\', '\0', '\n', '\r']);
    if odd || !written.components().all(plain) {
        return Err(ExternalError::Outside(shown()));
    }
    let names = |part: &Component<'_>| matches!(part, Component::Normal(_));
    let relative: PathBuf = written.components().filter(names).collect();
    let path = folder.join(&relative);
    let unreadable = |e: std::io::Error| ExternalError::Unreadable {
        path: path.clone(),
        reason: e.to_string(),
    };
    let target = path.canonicalize().map_err(unreadable)?;
    let own = folder.canonicalize().map_err(unreadable)?;
    let inside = |folder: &Path| target.starts_with(folder);
    let allowed = allowed
        .iter()
        .filter_map(|folder| folder.canonicalize().ok());
    if !inside(&own) && !allowed.into_iter().any(|folder| inside(&folder)) {
        return Err(ExternalError::LeadsOut { path, target });
    }
    let (_, found) = open_regular(&target).map_err(unreadable)?;
    Ok(Source {
        relative,
        path: target,
        bytes: found.len(),
    })
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, hard_link},
        os::unix::fs::symlink,
    };

    use super::*;

    #[test]
    fn files_and_links_are_read_where_they_end_inside_what_is_allowed() {
        let root = tempfile::tempdir().unwrap();
        let (repository, shared) = (root.path().join("models"), root.path().join("hub/blobs"));
        let folder = repository.join("m/1");
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::create_dir_all(repository.join("blobs")).unwrap();
        fs::create_dir_all(&shared).unwrap();
        for file in [
            folder.join("own.bin"),
            folder.join("sub/own.bin"),
            repository.join("blobs/abc"),
            shared.join("def"),
            root.path().join("secret"),
        ] {
            fs::write(file, b"x").unwrap();
        }
        symlink("../../blobs/abc", folder.join("blob")).unwrap();
        symlink(shared.join("def"), folder.join("hub")).unwrap();
        symlink(root.path().join("secret"), folder.join("out")).unwrap();
        symlink(root.path(), folder.join("up")).unwrap();
        symlink("/dev/zero", folder.join("zero")).unwrap();
        hard_link(folder.join("own.bin"), folder.join("hard")).unwrap();
        let allowed = [repository.clone(), shared.clone()];
        let check = |location: &str| source(&folder, location.as_bytes(), &allowed);
        for fine in ["own.bin", "sub/own.bin", "./own.bin", "blob", "hub", "hard"] {
            assert!(check(fine).is_ok(), "{fine}: {:?}", check(fine));
        }
        for bad in [
            "../../secret",
            "/etc/passwd",
            "sub/../../../secret",
            "",
            ".",
            "a\\b",
            "a\nb",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        for out in ["out", "up/secret", "zero"] {
            let error = check(out).unwrap_err();
            assert!(matches!(error, ExternalError::LeadsOut { .. }), "{error}");
        }
        assert!(matches!(
            check("gone"),
            Err(ExternalError::Unreadable { .. })
        ));
        assert!(matches!(
            check("sub"),
            Err(ExternalError::Unreadable { .. })
        ));
        assert!(source(&folder, b"\xff", &allowed).is_err());
        let both = HashSet::from([b"own.bin".to_vec(), b"./own.bin".to_vec()]);
        assert_eq!(sources(&folder, &both, &[]).unwrap().len(), 1);
    }
}
