//! Reading the folders of a repository.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use common::{ModelKey, ModelName, ModelVersion};
use inference_actor::DrillHistory;

use super::manifest::{Manifest, ManifestError};

/// Most models looked at; a folder with more is not a model repository.
const MAX_MODELS: usize = 10_000;

/// Why there is no repository.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The folder is not there.
    #[error(
        "no model repository at {0}: create it as NAME/VERSION/model.onnx, or name another with --model-repository"
    )]
    Missing(PathBuf),
    /// The folder cannot be read.
    #[error("the model repository {path} cannot be read: {source}")]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// One version of a model, ready to be loaded.
#[derive(Debug, Clone)]
pub struct ModelSource {
    /// The model.
    pub name: ModelName,
    /// The version.
    pub version: ModelVersion,
    /// The version's folder.
    pub folder: PathBuf,
    /// What `model.toml` says, or what holds without one.
    pub manifest: Arc<Manifest>,
    /// What the drill engine's instances share.
    pub(crate) drill: Arc<DrillHistory>,
}

/// What a repository holds: the version to serve of each model, and what cannot be served.
#[derive(Debug, Default)]
pub struct Repository {
    /// The versions to serve: the highest of each model, unless its manifest says otherwise.
    pub models: Vec<ModelSource>,
    /// Models that cannot be served, with the reason.
    pub unusable: Vec<(ModelName, String)>,
    /// Folders that are not models, with the reason: worth a warning.
    pub ignored: Vec<(PathBuf, String)>,
}

impl ModelSource {
    /// The version that this is.
    #[must_use]
    pub fn key(&self) -> ModelKey {
        ModelKey::new(self.name.clone(), self.version)
    }
}

impl Repository {
    /// Reads the folders; a single bad model is listed, not fatal.
    pub fn scan(root: &Path) -> Result<Self, RepositoryError> {
        if !root.is_dir() {
            return Err(RepositoryError::Missing(root.to_owned()));
        }
        let mut found = Self::default();
        let unreadable = |source| RepositoryError::Unreadable {
            path: root.to_owned(),
            source,
        };
        for folder in subfolders(root)
            .map_err(unreadable)?
            .into_iter()
            .take(MAX_MODELS)
        {
            found.visit(folder);
        }
        Ok(found)
    }

    fn visit(&mut self, folder: PathBuf) {
        let text = folder
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let name: ModelName = match text.parse() {
            Ok(name) => name,
            Err(error) => return self.ignored.push((folder, format!("{error}"))),
        };
        match sources(&name, &folder, None) {
            Ok(sources) => self.models.extend(sources),
            Err(reason) => self.unusable.push((name, reason)),
        }
    }

    /// One version of a model as its folder is now, or all those that its manifest chooses where
    /// none is named; or why there are none. Nothing where the repository has no such folder.
    pub(crate) fn find(
        root: &Path,
        name: &ModelName,
        version: Option<ModelVersion>,
    ) -> Option<Result<Vec<ModelSource>, String>> {
        let folder = root.join(name.as_str());
        folder.is_dir().then(|| sources(name, &folder, version))
    }
}

fn sources(
    name: &ModelName,
    folder: &Path,
    version: Option<ModelVersion>,
) -> Result<Vec<ModelSource>, String> {
    let manifest = Manifest::read(folder).map_err(|e: ManifestError| e.to_string())?;
    let subfolders =
        subfolders(folder).map_err(|e| format!("{} cannot be read: {e}", folder.display()))?;
    let mut versions: Vec<(ModelVersion, PathBuf)> = subfolders
        .into_iter()
        .filter_map(|path| {
            let version = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path))
        })
        .collect();
    versions.sort_unstable();
    if versions.is_empty() {
        return Err(format!(
            "{} has no version folder such as 1/",
            folder.display()
        ));
    }
    let manifest = Arc::new(manifest);
    let chosen = match version {
        Some(version) => {
            versions.retain(|(found, _)| *found == version);
            if versions.is_empty() {
                return Err(format!(
                    "{} has no folder for version {version}",
                    folder.display()
                ));
            }
            versions
        }
        None => manifest.versions.choose(versions).map_err(|missing| {
            format!(
                "{} has no folder for version {missing}, which its model.toml asks for",
                folder.display()
            )
        })?,
    };
    let source = |(version, folder)| ModelSource {
        name: name.clone(),
        version,
        folder,
        manifest: Arc::clone(&manifest),
        drill: Arc::default(),
    };
    Ok(chosen.into_iter().map(source).collect())
}

/// The folders inside a folder, by name; hidden ones are not looked at.
fn subfolders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden {
            folders.push(path);
        }
    }
    folders.sort_unstable();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            std::fs::create_dir_all(root.path().join(path)).unwrap();
        }
        root
    }

    #[test]
    fn the_highest_positive_integer_version_is_served() {
        let root = tree(&["m/1", "m/9", "m/10", "m/0", "m/x", "m/-3", ".git/1"]);
        let found = Repository::scan(root.path()).unwrap();
        let served: Vec<_> = found
            .models
            .iter()
            .map(|m| (m.name.as_str(), m.version.get()))
            .collect();
        assert_eq!(served, [("m", 10)]);
    }

    #[test]
    fn a_manifest_may_ask_for_other_versions() {
        let root = tree(&["a/1", "a/2", "b/1", "b/2", "b/3", "c/1"]);
        for (model, versions) in [("a", "\"all\""), ("b", "[1, 3]"), ("c", "[2]")] {
            let text = format!("versions = {versions}\n");
            std::fs::write(root.path().join(model).join("model.toml"), text).unwrap();
        }
        let found = Repository::scan(root.path()).unwrap();
        let served: Vec<_> = found
            .models
            .iter()
            .map(|m| (m.name.as_str(), m.version.get()))
            .collect();
        assert_eq!(served, [("a", 1), ("a", 2), ("b", 1), ("b", 3)]);
        assert!(found.unusable[0].1.contains("version 2"));
    }

    #[test]
    fn one_bad_model_does_not_hide_the_others() {
        let root = tree(&["good/1", "empty", "bad name/1", "broken/1"]);
        std::fs::write(
            root.path().join("broken/model.toml"),
            "placement = \"nowhere\"",
        )
        .unwrap();
        let found = Repository::scan(root.path()).unwrap();
        assert_eq!(
            (
                found.models.len(),
                found.unusable.len(),
                found.ignored.len()
            ),
            (1, 2, 1)
        );
        let reasons = format!("{:?}", found.unusable);
        assert!(
            reasons.contains("no version folder") && reasons.contains("model.toml:1"),
            "{reasons}"
        );
    }

    #[test]
    fn a_missing_folder_says_what_to_do() {
        let error = Repository::scan(Path::new("/no/such/folder")).unwrap_err();
        assert!(error.to_string().contains("--model-repository"));
    }
}
