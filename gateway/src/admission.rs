//! What stands between a socket and the work, in this order: the body's limits, the deadline, the
//! predicted deadline, criticality and adaptive concurrency, the breaker. The queue behind it is the
//! inference actor's.

mod body;
mod budget;
mod concurrency;
mod controller;
mod criticality;
mod deadline;
mod predict;
mod unread;

pub(crate) use body::{BodyLimits, read_body, require_json};
#[cfg(test)]
pub(crate) use budget::tests::body as budget_body;
pub(crate) use budget::{Body, BodyBudget};
pub(crate) use concurrency::LimiterSettings;
pub(crate) use controller::{
    AdmissionController, AdmissionRequest, ModelAdmissionSnapshot, OUTCOME_WAIT,
};
pub(crate) use criticality::criticality;
pub(crate) use deadline::deadline;
pub(crate) use unread::holding;
