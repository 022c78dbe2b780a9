//! What one instance says about one key.

use crate::transition::{Reason, State};
use serde::{Deserialize, Serialize};

/// A life of an instance; a restart begins a higher one (the time of its start will do).
pub type Incarnation = u64;

/// Ordered by (incarnation, epoch) and, so that the order is total even among records that should
/// not exist, by everything else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceRecord {
    pub incarnation: Incarnation,
    /// Counts the instance's publications of this key within one incarnation.
    pub epoch: u64,
    pub state: State,
    /// Why it is in that state; absent before its first change.
    pub reason: Option<Reason>,
    /// How long the record holds after it is received.
    pub ttl_ms: u64,
    pub samples: u64,
    /// `model:version:scene`.
    pub key: String,
    pub instance: String,
}

impl InstanceRecord {
    /// Open by what the instance has seen itself, not because others were open or a person said so.
    pub fn is_own_verdict(&self) -> bool {
        let borrowed = matches!(
            self.reason,
            Some(Reason::ClusterAgreed | Reason::ForcedOpen)
        );
        self.state == State::Open && !borrowed
    }
}
