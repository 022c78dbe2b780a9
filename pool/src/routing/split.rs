//! Two versions of a model that share its traffic.

use common::{ModelName, ModelVersion};
use sha2::{Digest, Sha256};

fn first_bytes(parts: &[&[u8]]) -> u64 {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    let mut first = [0; 8];
    first.copy_from_slice(&digest.finalize()[..8]);
    u64::from_be_bytes(first)
}

/// Which share of a model's callers a new version answers. At 0 percent the stable version answers
/// everyone, at 100 the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionSplit {
    stable: ModelVersion,
    canary: ModelVersion,
    percent: u8,
    salt: u64,
}

impl VersionSplit {
    /// The split of one release. Each release divides the callers anew, so that it is not always
    /// the same people who meet what is new. More than 100 percent are 100.
    #[must_use]
    pub fn new(model: &ModelName, stable: ModelVersion, canary: ModelVersion, percent: u8) -> Self {
        let versions = format!("\0{stable}\0{canary}");
        Self {
            salt: first_bytes(&[model.as_str().as_bytes(), versions.as_bytes()]),
            stable,
            canary,
            percent: percent.min(100),
        }
    }

    /// The version for a caller, and the other one, for when the first does not serve.
    pub(super) fn versions(&self, split: u64) -> [ModelVersion; 2] {
        match self.is_canary(split) {
            true => [self.canary, self.stable],
            false => [self.stable, self.canary],
        }
    }

    /// A larger share only adds callers to the canary: nobody flips back and forth.
    fn is_canary(&self, split: u64) -> bool {
        if self.percent >= 100 || split == 0 {
            return self.percent >= 100;
        }
        // The finalizer of SplitMix64: neighbouring hashes land far apart.
        let mut mixed = split ^ self.salt;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        mixed % 10_000 < u64::from(self.percent) * 100
    }

    pub(super) fn names(&self, version: ModelVersion) -> bool {
        self.stable == version || self.canary == version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(versions: (u64, u64), percent: u8) -> Vec<usize> {
        let model = "ranker".parse().unwrap();
        let version = |number| ModelVersion::new(number).unwrap();
        let (stable, canary) = (version(versions.0), version(versions.1));
        let split = VersionSplit::new(&model, stable, canary, percent);
        let on_canary = |n: &usize| split.is_canary(first_bytes(&[format!("user-{n}").as_bytes()]));
        (0..10_000).filter(on_canary).collect()
    }

    #[test]
    fn the_share_is_kept_and_grows_without_flipping_anyone_back() {
        let five = members((1, 2), 5);
        assert!((430..570).contains(&five.len()), "{}", five.len());
        let fifty = members((1, 2), 50);
        assert!((4_800..5_200).contains(&fifty.len()), "{}", fifty.len());
        assert!(five.iter().all(|user| fifty.contains(user)));
        assert!(members((1, 2), 0).is_empty());
        assert_eq!(members((1, 2), 100).len(), 10_000);
    }

    #[test]
    fn another_release_divides_the_callers_anew() {
        let (first, second) = (members((1, 2), 10), members((2, 3), 10));
        let both = first.iter().filter(|user| second.contains(user)).count();
        assert!((50..160).contains(&both), "{both} of {}", first.len());
    }

    #[test]
    fn a_caller_without_a_hash_meets_the_canary_when_it_is_promoted() {
        let model = "ranker".parse().unwrap();
        let version = |number| ModelVersion::new(number).unwrap();
        let at = |percent| VersionSplit::new(&model, version(1), version(2), percent);
        assert!(!at(99).is_canary(0));
        assert!(at(100).is_canary(0));
    }
}
