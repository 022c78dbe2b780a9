//! Whether the process starts, serves or drains: one atomic that every thread reads.

use std::sync::atomic::{AtomicU8, Ordering};

use common::ErrorCode;

use crate::failure::Failure;

/// A stage in the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Models are still being loaded and warmed.
    Starting,
    /// All that loads is warm.
    Serving,
    /// Told to stop: requests are still answered, readiness says no.
    Draining,
}

/// The stage, shared.
#[derive(Debug, Default)]
pub(crate) struct Phase(AtomicU8);

impl Phase {
    /// The stage now.
    #[must_use]
    pub(crate) fn stage(&self) -> Stage {
        // Relaxed: the stage guards no other memory. What readiness promises (the routing table) is
        // published by its own atomic before the stage moves on.
        match self.0.load(Ordering::Relaxed) {
            0 => Stage::Starting,
            1 => Stage::Serving,
            _ => Stage::Draining,
        }
    }

    /// Everything that loads is warm.
    pub(crate) fn become_serving(&self) {
        // Fails where draining began before the start was over, and draining wins.
        let _ = self
            .0
            .compare_exchange(0, 1, Ordering::Release, Ordering::Relaxed);
    }

    /// The process was told to stop.
    pub(crate) fn become_draining(&self) {
        self.0.store(2, Ordering::Release);
    }

    /// Refuses work before everything is warm. A draining process still answers what reaches it.
    pub(crate) fn admit(&self) -> Result<(), Failure> {
        match self.stage() {
            Stage::Starting => Err(Failure::new(
                ErrorCode::NotReady,
                "the gateway is still loading its models; retry when GET /v2/health/ready answers 200",
            )),
            Stage::Serving | Stage::Draining => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draining_is_final() {
        let phase = Phase::default();
        assert!(phase.admit().is_err());
        phase.become_serving();
        assert!(phase.admit().is_ok());
        phase.become_draining();
        phase.become_serving();
        assert_eq!(phase.stage(), Stage::Draining);
    }
}
