//! What stands between a socket and the work, in this order: the body's limits, the deadline, the
//! predicted deadline, criticality and adaptive concurrency, the breaker. The queue behind it is the
//! inference actor's.

mod body;
mod budget;
mod concurrency;
mod criticality;
mod deadline;
mod gatekeeper;
mod predict;
mod unread;

pub use body::{BodyLimits, read_body, require_json};
#[cfg(test)]
pub(crate) use budget::tests::body as budget_body;
pub use budget::{Body, BodyBudget};
pub use concurrency::LimiterSettings;
pub use criticality::criticality;
pub use deadline::deadline;
pub use gatekeeper::{Applicant, Gatekeeper, LaneSnapshot, OUTCOME_WAIT};
pub use unread::holding;
