//! Reading the folders of a repository.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use common::{ModelKey, ModelName, ModelVersion};
use inference_actor::DrillHistory;

use super::manifest::{Chosen, EngineKind, Manifest, ManifestError};

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
    /// Lower versions, in ascending order, that may serve where this one does not load.
    pub(crate) below: Vec<(ModelVersion, PathBuf)>,
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
    /// Folders and files that are not used, with the reason: worth a warning.
    pub ignored: Vec<(PathBuf, String)>,
}

impl ModelSource {
    /// The version that this is.
    #[must_use]
    pub fn key(&self) -> ModelKey {
        ModelKey::new(self.name.clone(), self.version)
    }

    /// The file without which it is not whole, if there is one.
    pub(crate) fn needs_file(&self) -> Option<&'static str> {
        (self.manifest.engine == EngineKind::Onnx).then_some("model.onnx")
    }

    /// The version to try where this one does not load.
    pub(crate) fn next_lower(&self) -> Option<Self> {
        let mut below = self.below.clone();
        let (version, folder) = below.pop()?;
        Some(Self {
            version,
            folder,
            below,
            drill: Arc::default(),
            ..self.clone()
        })
    }
}

/// What a model's folder holds.
#[derive(Debug, Default)]
pub(crate) struct ModelFolder {
    /// The versions to serve.
    pub(crate) sources: Vec<ModelSource>,
    /// What in it is not used, with the reason.
    pub(crate) ignored: Vec<(PathBuf, String)>,
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
            Ok(found) => {
                self.models.extend(found.sources);
                self.ignored.extend(found.ignored);
            }
            Err(reason) => self.unusable.push((name, reason)),
        }
    }

    /// One version of a model as its folder is now, or all those that its manifest chooses where
    /// none is named; or why there are none. Nothing where the repository has no such folder.
    pub(crate) fn find(
        root: &Path,
        name: &ModelName,
        version: Option<ModelVersion>,
    ) -> Option<Result<ModelFolder, String>> {
        let folder = root.join(name.as_str());
        folder.is_dir().then(|| sources(name, &folder, version))
    }
}

fn sources(
    name: &ModelName,
    folder: &Path,
    version: Option<ModelVersion>,
) -> Result<ModelFolder, String> {
    let manifest = Manifest::read(folder).map_err(|e: ManifestError| e.to_string())?;
    let subfolders =
        subfolders(folder).map_err(|e| format!("{} cannot be read: {e}", folder.display()))?;
    let (versions, mut ignored) = versions(subfolders);
    let triton = folder.join("config.pbtxt");
    if triton.is_file() && !folder.join("model.toml").is_file() {
        let told = "config.pbtxt is not read: write what the graph does not say, such as max_batch_size, into a model.toml beside it";
        ignored.push((triton, told.to_owned()));
    }
    if versions.is_empty() {
        return Err(format!(
            "{} has no version folder such as 1/",
            folder.display()
        ));
    }
    let missing = |version: &dyn std::fmt::Display, who: &str| {
        format!(
            "{} has no folder for version {version}{who}",
            folder.display()
        )
    };
    let manifest = Arc::new(manifest);
    let chosen = match version {
        Some(version) => {
            let one = versions.into_iter().find(|(found, _)| *found == version);
            Chosen {
                serve: vec![one.ok_or_else(|| missing(&version, ""))?],
                below: Vec::new(),
            }
        }
        None => manifest
            .versions
            .choose(versions)
            .map_err(|version| missing(&version, ", which its model.toml asks for"))?,
    };
    let mut below = Some(chosen.below);
    let source = |(version, folder)| ModelSource {
        name: name.clone(),
        version,
        folder,
        manifest: Arc::clone(&manifest),
        // The lowest of those to serve is the last that another may stand in for.
        below: below.take().unwrap_or_default(),
        drill: Arc::default(),
    };
    Ok(ModelFolder {
        sources: chosen.serve.into_iter().map(source).collect(),
        ignored,
    })
}

type Versions = Vec<(ModelVersion, PathBuf)>;

/// The versions of a model's subfolders in ascending order, and the folders of a version that has
/// another: `01` beside `1`.
fn versions(subfolders: Vec<PathBuf>) -> (Versions, Vec<(PathBuf, String)>) {
    let version = |path: PathBuf| {
        let version: ModelVersion = path.file_name()?.to_str()?.parse().ok()?;
        Some((version, path))
    };
    let mut versions: Versions = subfolders.into_iter().filter_map(version).collect();
    // The shortest name first: the one without leading zeros.
    versions.sort_by_key(|(version, path)| (*version, path.as_os_str().len()));
    let mut ignored = Vec::new();
    let mut last: Option<(ModelVersion, String)> = None;
    versions.retain(|(version, path)| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match &last {
            Some((same, kept)) if same == version => {
                let told = format!("it is version {version} as well as the folder `{kept}`, which is used; rename one");
                ignored.push((path.clone(), told));
                false
            }
            _ => {
                last = Some((*version, name.into_owned()));
                true
            }
        }
    });
    (versions, ignored)
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
    fn the_last_two_versions_are_served_and_those_below_are_in_reserve() {
        let root = tree(&["m/1", "m/2", "m/20240101123456", "m/3"]);
        std::fs::write(root.path().join("m/model.toml"), "versions = \"latest:2\"").unwrap();
        let found = Repository::scan(root.path()).unwrap();
        let numbers = |m: &ModelSource| m.version.get();
        let served: Vec<_> = found.models.iter().map(numbers).collect();
        assert_eq!(served, [3, 20_240_101_123_456]);
        let lower = found.models[0].next_lower().unwrap();
        assert_eq!(
            (lower.version.get(), lower.folder.ends_with("m/2")),
            (2, true)
        );
        assert_eq!(lower.next_lower().map(|m| numbers(&m)), Some(1));
        assert!(found.models[1].next_lower().is_none());
        for wrong in ["latest:0", "latest:x", "newest", "latest:65"] {
            let text = format!("versions = \"{wrong}\"");
            std::fs::write(root.path().join("m/model.toml"), text).unwrap();
            let found = Repository::scan(root.path()).unwrap();
            assert!(
                found.unusable[0].1.contains("latest:N"),
                "{:?}",
                found.unusable
            );
        }
    }

    #[test]
    fn two_folders_of_one_version_and_a_configuration_that_is_not_read_are_told() {
        let root = tree(&["m/1", "m/01", "m/001", "n/1"]);
        std::fs::write(root.path().join("m/config.pbtxt"), "name: \"m\"").unwrap();
        std::fs::write(root.path().join("n/config.pbtxt"), "name: \"n\"").unwrap();
        std::fs::write(root.path().join("n/model.toml"), "").unwrap();
        let found = Repository::scan(root.path()).unwrap();
        assert!(found.models[0].folder.ends_with("m/1"));
        assert_eq!((found.models.len(), found.ignored.len()), (2, 3));
        let reasons = format!("{:?}", found.ignored);
        assert!(
            reasons.contains("version 1 as well as the folder `1`"),
            "{reasons}"
        );
        assert!(reasons.contains("config.pbtxt is not read"), "{reasons}");
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
