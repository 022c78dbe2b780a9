//! The version of a model that a request asks.

use std::sync::Arc;

use common::ErrorCode;
use inference_actor::ModelSpec;
use pool::{ModelRoute, ModelStatus};

use crate::{admission::LaneKey, failure::Failure};

/// What breakers and metrics call requests that come without a scene.
pub(crate) const NO_SCENE: &str = "infer";

/// A version in service, and what it is asked for.
#[derive(Clone)]
pub(crate) struct Target<'t> {
    /// Its actors.
    pub route: Arc<ModelRoute>,
    /// What it takes and gives.
    pub spec: Arc<ModelSpec>,
    /// The scene, as breakers and metrics call it.
    pub scene: &'t str,
}

impl<'t> Target<'t> {
    /// A version that must be in service.
    pub(crate) fn serving(route: Arc<ModelRoute>, scene: &'t str) -> Result<Self, Failure> {
        let unavailable = |reason: &str| {
            let message = format!("model `{}` is not in service: {reason}", route.name);
            Failure::new(ErrorCode::ModelUnavailable, message)
        };
        let spec = match (&route.status, &route.spec) {
            (ModelStatus::Unavailable(reason), _) => return Err(unavailable(reason)),
            (ModelStatus::Ready, None) => return Err(unavailable("it is not loaded")),
            (ModelStatus::Ready, Some(spec)) => Arc::clone(spec),
        };
        Ok(Self { route, spec, scene })
    }

    /// What admission tells apart.
    #[must_use]
    pub(super) fn lane(&self) -> LaneKey<'_> {
        LaneKey {
            model: &self.spec.name,
            version: self.spec.version,
            scene: self.scene,
        }
    }
}

/// A hash by which requests are divided between the versions of a model: FNV-1a, so that the same
/// text goes to the same version in every process and release.
#[must_use]
pub(crate) fn stable_hash(text: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    text.bytes().fold(OFFSET, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(stable_hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(stable_hash("foobar"), 0x8594_4171_f739_67e8);
    }
}
