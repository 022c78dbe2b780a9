//! What the pool's actor is told when models are brought up, and what it answers.

use actix::{Addr, Message};
use common::ModelName;

use crate::{
    host::{HostId, WorkerHost},
    repository::ModelSource,
};

/// Load these models and start their actors.
#[derive(Message)]
#[rtype(result = "Vec<ModelOutcome>")]
pub struct BringUp {
    /// What to load.
    pub sources: Vec<ModelSource>,
    /// What the repository already found unusable.
    pub unusable: Vec<(ModelName, String)>,
    /// The worker threads that take actors.
    pub hosts: Vec<(HostId, Addr<WorkerHost>)>,
}

/// How a model fared.
#[derive(Debug, Clone)]
pub struct ModelOutcome {
    /// The model.
    pub model: ModelName,
    /// Why it cannot serve, if so.
    pub failure: Option<String>,
}
