//! Self-protection: when a model turns slow or fails, stop sending it traffic, and come back
//! without a herd.
//!
//! ```text
//!  request ──► Gate::admit ──► Ticket ──► … ──► Ticket::complete ──► OutcomeBuffer
//!              (one atomic)                                              │ bounded batches
//!                  ▲                                                     ▼
//!                  └────────── publish ◄── Registry ◄── Breaker ◄── BreakerActor
//! ```
//!
//! Owns the rules (`evidence`, `classic`), what they learn, the state per key and for the process,
//! and the merge of what other instances say. Everything but `actor` is pure: time and randomness
//! come in as arguments, changes come out as values. Knows nothing of HTTP, of the inference
//! runtime, or of how records travel between instances.

#![forbid(unsafe_code)]

mod actor;
mod background;
mod backoff;
mod baseline;
mod binomial;
mod bound;
mod buffer;
mod canary;
mod classic;
mod cluster;
mod directory;
mod dispersion;
mod evidence;
mod gate;
mod key;
mod machine;
mod outcome;
mod probe;
mod ramp;
mod registry;
mod relearn;
mod revival;
mod settings;
mod sketch;
mod snapshot;
mod streak;
mod threshold;
mod transition;
mod window;

#[cfg(feature = "simulator")]
pub mod sim;

pub use actor::{
    ActorSnapshot, Advise, BreakerActor, BreakerActorOptions, CommandRelease, ForceBreaker,
    ForceError, MAILBOX, Observe, ObserveOutcomes, ObserveReleases, OnChange, OnDecision,
    ReadClock, Rebuild, StartRelease,
};
pub use buffer::{MAX_BATCH, OutcomeBuffer};
pub use canary::{
    Canary, CanaryOptions, CanaryPlan, CanarySettings, CanarySnapshot, CanaryState, CanaryVerdict,
    Decision, PlanError, PlanStep, Release, ReleaseCommand, ReleaseDecision, ReleaseError,
    ReleaseSnapshot, Releases, RollbackReason,
};
pub use cluster::{Advice, ClusterView, Incarnation, InstanceRecord};
pub use directory::{Directory, FrontView};
pub use gate::{Admission, Gate, GateOptions, Observation, Rejection, Ticket};
pub use key::{BreakerKey, KeyRef};
pub use machine::{Breaker, Posture, Rules};
pub use outcome::{Outcome, Report};
pub use registry::{KeyTransition, PROCESS, Registry, RegistrySnapshot};
pub use settings::{
    BreakerSettings, ClassicSettings, EvidenceSettings, KeyProfile, Order, Preset, SettingsError,
};
pub use snapshot::{BreakerSnapshot, Learned};
pub use transition::{Force, Reason, State, Transition};
