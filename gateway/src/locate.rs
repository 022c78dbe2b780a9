//! Finding what belongs to a gateway from wherever it was started: beside the binary, else in the
//! checkout that the binary lies in, else in the one it was built from.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::boot::Exit;

/// The version the workspace fetches.
const ORT_VERSION: &str = "1.31.1";
/// Overrides everything else, by convention of the `ort` crate.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Where things may be.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    workspace: Option<PathBuf>,
    beside: PathBuf,
}

impl Places {
    /// The places of this process's binary.
    #[must_use]
    pub(crate) fn of_this_process() -> Self {
        let binary = env::current_exe()
            .and_then(std::fs::canonicalize)
            .unwrap_or_default();
        let beside = binary.parent().map(Path::to_path_buf).unwrap_or_default();
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let above = beside.ancestors().chain(built_in);
        let workspace = above
            .into_iter()
            .find(|folder| is_workspace(folder))
            .map(Path::to_path_buf);
        Self { workspace, beside }
    }

    /// ONNX Runtime's library: the variable, the configuration, the workspace's, beside the binary.
    pub(crate) fn library(&self, configured: &Path) -> Result<PathBuf, Exit> {
        if let Some(given) = env::var_os(LIBRARY_VARIABLE).filter(|v| !v.is_empty()) {
            return named(PathBuf::from(given), LIBRARY_VARIABLE);
        }
        if !configured.as_os_str().is_empty() {
            return named(configured.to_owned(), "models.library");
        }
        let file = if cfg!(target_os = "macos") {
            format!("libonnxruntime.{ORT_VERSION}.dylib")
        } else {
            format!("libonnxruntime.so.{ORT_VERSION}")
        };
        let beside = self.beside.join(&file);
        let fetched = self.workspace.as_ref().map(|workspace| {
            let cache = workspace.join(".cache/onnxruntime");
            cache.join(ORT_VERSION).join(&file)
        });
        let places = [Some(beside.clone()), fetched.clone()];
        let found = places.into_iter().flatten().find(|path| path.is_file());
        found.ok_or_else(|| {
            let beside = beside.display();
            Exit::unavailable(match fetched {
                Some(fetched) => format!(
                    "ONNX Runtime's library is not found: {LIBRARY_VARIABLE} is not set, and neither {beside} nor {} is there; run `make build` in the checkout",
                    fetched.display()
                ),
                None => format!(
                    "ONNX Runtime's library is not found: {LIBRARY_VARIABLE} is not set, and {beside} is not there; put ONNX Runtime {ORT_VERSION} there, or name its library in models.library"
                ),
            })
        })
    }

    /// The model repository.
    #[must_use]
    pub(crate) fn repository(&self, configured: &Path) -> PathBuf {
        self.choose(configured, "models", "models")
    }

    /// The cache of weights.
    #[must_use]
    pub(crate) fn weight_cache(&self, configured: &Path) -> PathBuf {
        if !configured.as_os_str().is_empty() {
            return configured.to_owned();
        }
        let beside = self.beside.join("weights");
        match &self.workspace {
            Some(workspace) if !beside.is_dir() => workspace.join(".cache/weights"),
            _ => beside,
        }
    }

    /// The feature store.
    #[must_use]
    pub(crate) fn store(&self, configured: &Path) -> PathBuf {
        self.choose(configured, ".cache/features/ml100k.redb", "features.redb")
    }

    fn choose(&self, configured: &Path, in_workspace: &str, beside: &str) -> PathBuf {
        if !configured.as_os_str().is_empty() {
            return configured.to_owned();
        }
        let beside = self.beside.join(beside);
        match &self.workspace {
            Some(workspace) if !beside.exists() => workspace.join(in_workspace),
            _ => beside,
        }
    }
}

fn is_workspace(folder: &Path) -> bool {
    folder.join("gateway/Cargo.toml").is_file() && folder.join("rust-toolchain.toml").is_file()
}

/// A library that somebody named: set but wrong is an error, not a reason to look elsewhere.
fn named(path: PathBuf, by: &str) -> Result<PathBuf, Exit> {
    if path.is_file() {
        return Ok(path);
    }
    let shown = path.display();
    Err(Exit::unavailable(format!(
        "{by} names {shown}, which is not a file; correct it, or unset it"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_the_binary_comes_before_a_checkout() {
        let (beside, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let places = Places {
            workspace: Some(workspace.path().to_owned()),
            beside: beside.path().to_owned(),
        };
        let none = Path::new("");
        assert_eq!(places.repository(none), workspace.path().join("models"));
        std::fs::create_dir(beside.path().join("models")).unwrap();
        assert_eq!(places.repository(none), beside.path().join("models"));
        let named = Path::new("/somewhere");
        assert_eq!(places.repository(named), named);
    }
}
