//! The model repository: Triton's layout, `NAME/VERSION/model.onnx`, with an optional
//! `NAME/model.toml` beside the versions.

mod layout;
pub(crate) mod manifest;

pub use layout::{ModelSource, Repository, RepositoryError};
pub use manifest::{Manifest, ManifestError};
