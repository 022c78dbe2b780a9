//! A new version of a model, given a little traffic and judged against the version beside it.
//!
//! ```text
//!  Plan (which share, how long) ─┐
//!  outcomes by arm ──► Arm ──► Judge ──► Canary (running, held, promoted, …) ──► Decision
//!                                           ▲
//!                                 now, breaker open, commands
//! ```
//!
//! The reference is the *concurrent* stable arm, never history: what slows both is no fault of the
//! canary. All of it is pure: the clock is passed in, decisions are returned, and the caller swaps
//! routes, logs and counts.

mod arm;
mod judge;
mod machine;
mod plan;
mod releases;
mod sequential;

pub use judge::{CanarySettings, CanaryVerdict, RollbackReason};
pub use machine::{Canary, CanaryOptions, CanarySnapshot, CanaryState, Decision};
pub use plan::{CanaryPlan, PlanError, PlanStep};
pub use releases::{
    Release, ReleaseCommand, ReleaseDecision, ReleaseError, ReleaseSnapshot, Releases,
};
