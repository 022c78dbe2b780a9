//! Which versions of a model are served.

use std::path::PathBuf;

use common::ModelVersion;
use serde::Deserialize;

/// `versions` in a manifest: `"latest"`, `"all"`, or a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"latest\", \"all\" or a list such as [1, 3]"
)]
pub(crate) enum Versions {
    /// A word.
    Policy(Policy),
    /// These.
    Listed(Vec<u64>),
    /// The highest.
    #[default]
    #[serde(skip)]
    Unsaid,
}

/// `versions` as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Policy {
    /// The highest.
    Latest,
    /// Every one.
    All,
}

type Found = (ModelVersion, PathBuf);

impl Versions {
    /// Those to serve of what was found, in ascending order; or a version that is not there.
    pub(crate) fn choose(&self, mut found: Vec<Found>) -> Result<Vec<Found>, u64> {
        match self {
            Self::Policy(Policy::All) => Ok(found),
            Self::Policy(Policy::Latest) | Self::Unsaid => Ok(found.pop().into_iter().collect()),
            Self::Listed(wanted) => {
                let here = |number: &u64| found.iter().any(|(v, _)| v.get() == *number);
                if let Some(missing) = wanted.iter().find(|number| !here(number)) {
                    return Err(*missing);
                }
                found.retain(|(version, _)| wanted.contains(&version.get()));
                Ok(found)
            }
        }
    }
}
