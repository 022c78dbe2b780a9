//! How much a request matters when not all can be answered.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Four classes, the lowest shed first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Prefetching, batch jobs: nobody waits.
    Sheddable,
    /// Somebody may notice.
    SheddablePlus,
    /// A person waits: what a request is unless it says otherwise.
    #[default]
    Critical,
    /// Money is lost: only with the configured key.
    CriticalPlus,
}

/// A class that does not exist.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown criticality `{0}`: use critical_plus, critical, sheddable_plus or sheddable")]
pub struct UnknownCriticality(String);

impl Criticality {
    /// Every class, the lowest first.
    pub const ALL: [Self; 4] = [
        Self::Sheddable,
        Self::SheddablePlus,
        Self::Critical,
        Self::CriticalPlus,
    ];

    /// The name on the wire and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sheddable => "sheddable",
            Self::SheddablePlus => "sheddable_plus",
            Self::Critical => "critical",
            Self::CriticalPlus => "critical_plus",
        }
    }
}

impl FromStr for Criticality {
    type Err = UnknownCriticality;
    fn from_str(text: &str) -> Result<Self, UnknownCriticality> {
        let known = Self::ALL.into_iter().find(|class| class.as_str() == text);
        known.ok_or_else(|| UnknownCriticality(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Criticality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ordered_and_read_back() {
        assert!(Criticality::ALL.is_sorted());
        for class in Criticality::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
        }
        assert!("urgent".parse::<Criticality>().is_err());
    }
}
