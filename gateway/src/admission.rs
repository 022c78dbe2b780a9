//! What stands between a request and the work, in this order: the predicted deadline, criticality
//! and adaptive concurrency, the breaker; and the memory that bodies may take together. The queue
//! behind it is the inference actor's.

mod answers;
mod budget;
mod concurrency;
mod controller;
mod lanes;
mod predict;

pub(crate) use answers::{AnswerBudget, COUNTED_FROM_BYTES, Lease};
#[cfg(test)]
pub(crate) use budget::tests::body as budget_body;
pub(crate) use budget::{Body, BodyBudget, Growing};
pub(crate) use concurrency::LimiterSettings;
pub(crate) use controller::{AdmissionController, ModelAdmissionSnapshot, OUTCOME_WAIT};
pub(crate) use lanes::LaneKey;
