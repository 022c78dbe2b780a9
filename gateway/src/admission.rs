//! What stands between a socket and the work, in this order: the body's limits, the deadline, the
//! predicted deadline, criticality and adaptive concurrency, the breaker. The queue behind it is the
//! inference actor's.

mod body;
mod concurrency;
mod criticality;
mod deadline;
mod gatekeeper;
mod predict;

pub use body::{BodyLimits, read_body, require_json};
pub use concurrency::LimiterSettings;
pub use criticality::criticality;
pub use deadline::deadline;
pub use gatekeeper::{Applicant, Gatekeeper, LaneSnapshot, OUTCOME_WAIT};
