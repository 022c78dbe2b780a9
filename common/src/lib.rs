//! The vocabulary every crate shares.
//!
//! Owns: units, ids, deadlines, the clock, the closed list of errors, tensor types, configuration
//! loading and the metric names. Never knows: an async runtime, actix, ort, JSON.

mod clock;
pub mod config;
mod criticality;
mod deadline;
mod error;
mod file_limit;
pub mod files;
mod ids;
pub mod metric_names;
pub mod tensor;
mod units;

pub use clock::{Clock, ManualClock, SystemClock};
pub use criticality::{Criticality, UnknownCriticality};
pub use deadline::Deadline;
pub use error::{ErrorCode, Impact, Layer, Recoverability, Source};
pub use file_limit::raise_file_limit;
pub use ids::{IdError, ModelKey, ModelName, ModelVersion, RequestId};
pub use units::{ByteSize, Span, UnitError, span};
