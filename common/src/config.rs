//! Configuration: an annotated default file, a file of the operator's, then explicit overrides.
//!
//! [`load`] reads all layers, reports every problem at once with its line and the mend, and hands
//! out [`Settings`] that were checked as a whole.

mod address;
mod check;
mod lines;
mod load;
mod settings;

pub use load::{ConfigProblems, Override, Problem, Rules, load};
pub use settings::{
    Admin, Admission, Breaker, CandidateSource, Drain, Fallback, Features, Grpc, Http, Limits, Log,
    LogFormat, ModelControl, ModelWatch, Models, Scene, Secret, Settings, Supervision,
};

/// The annotated file of defaults, as compiled in.
pub const DEFAULTS: &str = include_str!("config/default.toml");
