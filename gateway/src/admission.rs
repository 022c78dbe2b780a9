//! What stands between a socket and the work: the body's limits and the deadline.

mod body;
mod deadline;

pub use body::{BodyLimits, read_body, require_json};
pub use deadline::deadline;
