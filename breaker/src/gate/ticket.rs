//! The right to run one request, and the report it turns into.

use super::Gate;
use crate::key::KeyRef;
use crate::outcome::Report;
use std::sync::Arc;
use std::time::Instant;

/// Carried with an admitted request. Turned into an [`Observation`] when the request has ended;
/// dropped otherwise (shed later, cancelled), which gives its place back.
#[derive(Debug)]
#[must_use = "a dropped ticket counts as a request that never ran"]
pub struct Ticket {
    key: KeyRef,
    era: u32,
    admitted_at: Instant,
    /// Only where a share or a slot was used up: nothing is owed on a closed breaker.
    gate: Option<Arc<Gate>>,
}

/// The end of an admitted request, on its way to the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    pub(crate) key: KeyRef,
    pub(crate) era: u32,
    pub(crate) admitted_at: Instant,
    pub(crate) completed_at: Instant,
    pub(crate) report: Report,
}

impl Ticket {
    pub(super) fn free(key: KeyRef, era: u32, admitted_at: Instant) -> Self {
        Self {
            key,
            era,
            admitted_at,
            gate: None,
        }
    }

    pub(super) fn held(gate: Arc<Gate>, era: u32, admitted_at: Instant) -> Self {
        Self {
            key: gate.key,
            era,
            admitted_at,
            gate: Some(gate),
        }
    }

    /// The era the request was admitted in.
    pub fn era(&self) -> u32 {
        self.era
    }

    /// Ends the request with what became of it. What is no evidence about the model (a shed, a
    /// cancel, bad input) gives the place back like a drop.
    pub fn complete(mut self, report: Report, completed_at: Instant) -> Observation {
        if let Some(gate) = &self.gate
            && report.evidence(gate.profile.deadline).is_some()
        {
            gate.budget.release(self.era);
            self.gate = None;
        }
        Observation {
            key: self.key,
            era: self.era,
            admitted_at: self.admitted_at,
            completed_at,
            report,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take() {
            gate.budget.release(self.era);
            if gate.era() == self.era {
                gate.budget.give_back();
            }
        }
    }
}
