//! What a breaker watches.

use std::fmt;
use std::sync::Arc;

/// One model version as one scene uses it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BreakerKey {
    pub model: Arc<str>,
    pub version: u64,
    pub scene: Arc<str>,
}

impl BreakerKey {
    pub fn new(model: impl Into<Arc<str>>, version: u64, scene: impl Into<Arc<str>>) -> Self {
        Self {
            model: model.into(),
            version,
            scene: scene.into(),
        }
    }
}

impl fmt::Display for BreakerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.model, self.version, self.scene)
    }
}

/// A key's place in the registry. A place is reused when a key is forgotten; the incarnation tells
/// the tenants apart, so a late report of the old one is never charged to the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyRef {
    pub(crate) place: u32,
    pub(crate) incarnation: u32,
}
