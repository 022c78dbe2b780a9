//! The states, the reasons for leaving them, and the record of one change.

use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Where a breaker stands. Traffic flows while closed and is rejected while open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Closed,
    Open,
    /// A few probes pass; their outcomes decide.
    HalfOpen,
    /// A growing share passes on the way back to closed.
    Ramp,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Ramp => "ramp",
        }
    }
}

/// Why a breaker changed its state. The name is also the metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The lower bound of P99 is over the relative threshold.
    P99OverThreshold,
    /// The lower bound of P99 is over the ceiling.
    P99OverCeiling,
    /// Too many requests use up three quarters of the deadline.
    DeadlineShare,
    /// The share of failures is proven too high.
    FailureShare,
    /// Failures one after another.
    ConsecutiveFailures,
    /// With little traffic: most of the last requests were over the ceiling.
    SlowCalls,
    /// The open time has passed.
    OpenElapsed,
    /// Probes failed, timed out or were over the ceiling.
    ProbeFailures,
    /// Probes were over the relative threshold.
    ProbeLatency,
    ProbesPassed,
    RampCompleted,
    /// Latency has settled on a new level without failures: the baseline is learned anew.
    Rebaselined,
    /// Enough other instances opened on their own evidence.
    ClusterAgreed,
    /// Not closed when the registry was lost: its successor begins where the gate still stands.
    TakenOver,
    ForcedOpen,
    ForcedClosed,
    Reset,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Self::P99OverThreshold => "p99_over_threshold",
            Self::P99OverCeiling => "p99_over_ceiling",
            Self::DeadlineShare => "deadline_share",
            Self::FailureShare => "failure_share",
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::SlowCalls => "slow_calls",
            Self::OpenElapsed => "open_elapsed",
            Self::ProbeFailures => "probe_failures",
            Self::ProbeLatency => "probe_latency",
            Self::ProbesPassed => "probes_passed",
            Self::RampCompleted => "ramp_completed",
            Self::Rebaselined => "rebaselined",
            Self::ClusterAgreed => "cluster_agreed",
            Self::TakenOver => "taken_over",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
            Self::Reset => "reset",
        }
    }
}

/// One change of state. Returned by the machine; the caller logs and counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    pub at: Instant,
    pub from: State,
    pub to: State,
    pub reason: Reason,
    /// The era that begins with this change.
    pub era: u32,
}

/// What an operator may force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Rejects everything until closed or reset by hand.
    Open,
    /// Admits everything now; the rules go on judging.
    Close,
    /// Closes and forgets everything learned.
    Reset,
}

impl Force {
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Open => Reason::ForcedOpen,
            Self::Close => Reason::ForcedClosed,
            Self::Reset => Reason::Reset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_is_serialised() {
        for state in [State::Closed, State::Open, State::HalfOpen, State::Ramp] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        for reason in [
            Reason::P99OverThreshold,
            Reason::Rebaselined,
            Reason::ProbeLatency,
        ] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }
}
