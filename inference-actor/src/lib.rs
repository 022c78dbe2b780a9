//! One actor, one engine session: queueing, batching, running, splitting, answering.
//!
//! ```text
//!  Infer ─► BatchQueue ─► gather ─► ModelRunner::run ─► split ─► one answer a request
//! ```
//!
//! Owns: the inference actor, the `ModelRunner` trait and its engines, batching, the tensor arena,
//! warm-up.
//! Never knows: HTTP, JSON, the breaker, where the request came from.

mod actor;
pub mod arena;
mod batch;
mod codel;
mod engine;
mod gather;
mod gauge;
mod load_cancel;
mod messages;
mod meter;
mod probe;
mod row_budget;
mod run_times;
mod runner;
mod session;
mod spec;
mod stats;
mod turn;
mod validate;
mod warmup;
mod watchdog;

pub use actor::{InferenceActor, Options};
pub use codel::CodelSettings;
pub use engine::{
    Declared, DrillHistory, FakeEngine, FakeSettings, Graph, HangMode, LibraryError,
    OptimizationLevel, OrtEngine, OrtLibrary, OrtSettings, disable_telemetry,
    suppressed_engine_messages,
};
pub use gauge::{Gauge, Permit};
pub use load_cancel::LoadCancel;
pub use messages::{
    ActorId, Drain, Drained, Infer, InferFailure, InferReply, InferResult, Install, Observe, Park,
    RunnerLost, Work,
};
pub use meter::Meter;
pub use probe::Probe;
pub use run_times::RunTimes;
pub use runner::{LoadError, ModelRunner, RunError, Stopper};
pub use spec::{Dim, InputSpec, ModelSpec, OutputRole, OutputSpec, Role, Rows, WarmUpInput};
pub use stats::{ActorSnapshot, ActorState, LastPanic};
pub use validate::{InputError, rows_of, validate};
pub use warmup::{WarmUp, warm_up};
pub use watchdog::{Hung, OnHung, Watch, Watchdog, WatchdogTimeouts};
