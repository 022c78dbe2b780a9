//! Which actors serve which model: one immutable table, swapped whole when something changes, so
//! that the request path reads it without a lock.

use std::{collections::HashMap, sync::Arc};

use actix::Addr;
use common::{ModelName, ModelVersion};
use inference_actor::{ActorId, Gauge, InferenceActor, ModelSpec};

use crate::host::HostId;

/// One actor of a model.
#[derive(Clone)]
pub struct ActorRoute {
    /// Its place in the pool.
    pub id: ActorId,
    /// The worker thread it lives on; none if it has a thread of its own.
    pub host: Option<HostId>,
    /// Its mailbox.
    pub addr: Addr<InferenceActor>,
    /// Its load and condition.
    pub gauge: Arc<Gauge>,
}

/// Whether a model can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelStatus {
    /// At least one actor serves it.
    Ready,
    /// None does, for this reason.
    Unavailable(String),
}

/// One model in service.
#[derive(Clone)]
pub struct ModelRoute {
    /// The model.
    pub name: ModelName,
    /// The version served.
    pub version: Option<ModelVersion>,
    /// What it takes and gives; none if it never loaded.
    pub spec: Option<Arc<ModelSpec>>,
    /// The actors that serve it.
    pub actors: Vec<ActorRoute>,
    /// Whether it can be asked.
    pub status: ModelStatus,
}

impl ModelRoute {
    /// A model that cannot be asked.
    pub(crate) fn unavailable(name: ModelName, reason: String) -> Self {
        let status = ModelStatus::Unavailable(reason);
        Self {
            name,
            version: None,
            spec: None,
            actors: Vec::new(),
            status,
        }
    }

    /// The actor to ask from thread `here`: its own where it has one that answers, since that costs
    /// no thread hop; else the least loaded one that answers, `spread` choosing among equals; else
    /// the least loaded of those that have no session at present, which hold requests until they
    /// have. `not` was asked before and could not finish.
    #[must_use]
    pub fn pick(&self, here: HostId, spread: usize, not: Option<&ActorId>) -> Option<&ActorRoute> {
        let mine = |a: &&ActorRoute| a.host == Some(here) && Some(&a.id) != not;
        if let Some(own) = self.actors.iter().find(mine).filter(|a| a.gauge.answers()) {
            return Some(own);
        }
        let start = spread.checked_rem(self.actors.len())?;
        let (front, back) = self.actors.split_at(start);
        let others = back.iter().chain(front).filter(|a| Some(&a.id) != not);
        others.min_by_key(|a| (!a.gauge.answers(), a.gauge.in_flight()))
    }
}

/// Every model.
#[derive(Clone, Default)]
pub struct RoutingTable {
    models: HashMap<ModelName, Arc<ModelRoute>>,
}

impl RoutingTable {
    /// The route of a model.
    #[must_use]
    pub fn model(&self, name: &ModelName) -> Option<&Arc<ModelRoute>> {
        self.models.get(name)
    }

    /// All routes.
    pub fn models(&self) -> impl Iterator<Item = &Arc<ModelRoute>> {
        self.models.values()
    }

    pub(crate) fn with(mut self, route: ModelRoute) -> Self {
        self.models.insert(route.name.clone(), Arc::new(route));
        self
    }
}

#[cfg(test)]
mod tests;
