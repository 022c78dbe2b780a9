//! Which versions of a model are served.

use std::path::PathBuf;

use common::ModelVersion;
use serde::Deserialize;

/// More versions of one model than anybody serves at a time.
const MAX_LATEST: usize = 64;

/// `versions` in a manifest: `"latest"`, `"latest:2"`, `"all"`, or a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) enum Versions {
    /// So many, from the highest down.
    Latest(usize),
    /// Every one.
    All,
    /// These.
    Listed(Vec<u64>),
}

impl Default for Versions {
    fn default() -> Self {
        Self::Latest(1)
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"latest\", \"latest:2\", \"all\" or a list such as [1, 3]"
)]
enum Written {
    Word(String),
    Listed(Vec<u64>),
}

impl TryFrom<Written> for Versions {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let word = match written {
            Written::Listed(versions) => return Ok(Self::Listed(versions)),
            Written::Word(word) => word,
        };
        let counted = word.strip_prefix("latest:").map(str::parse);
        match (word.as_str(), counted) {
            ("latest", _) => Ok(Self::Latest(1)),
            ("all", _) => Ok(Self::All),
            (_, Some(Ok(count))) if (1..=MAX_LATEST).contains(&count) => Ok(Self::Latest(count)),
            _ => Err(format!(
                "expected \"latest\", \"latest:N\" with N from 1 to {MAX_LATEST}, \"all\" or a list such as [1, 3]; found `{word}`"
            )),
        }
    }
}

type Found = (ModelVersion, PathBuf);

/// Versions to serve.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// In ascending order.
    pub(crate) serve: Vec<Found>,
    /// Those below, in ascending order, that may serve where none of the others loads.
    pub(crate) below: Vec<Found>,
}

impl Versions {
    /// Those to serve of what was found, which is in ascending order; or a version that is not there.
    pub(crate) fn choose(&self, mut found: Vec<Found>) -> Result<Chosen, u64> {
        match self {
            Self::All => {}
            Self::Latest(count) => {
                let serve = found.split_off(found.len().saturating_sub(*count));
                let below = found;
                return Ok(Chosen { serve, below });
            }
            Self::Listed(wanted) => {
                let here = |number: &u64| found.iter().any(|(v, _)| v.get() == *number);
                if let Some(missing) = wanted.iter().find(|number| !here(number)) {
                    return Err(*missing);
                }
                found.retain(|(version, _)| wanted.contains(&version.get()));
            }
        }
        Ok(Chosen {
            serve: found,
            below: Vec::new(),
        })
    }
}
