//! Which actors serve which model: one immutable table, swapped whole when something changes, so
//! that the request path reads it without a lock.

mod split;

use std::{collections::HashMap, sync::Arc};

use actix::Addr;
use common::{ModelKey, ModelName, ModelVersion};
use inference_actor::{ActorId, Gauge, InferenceActor, ModelSpec};

pub use self::split::VersionSplit;
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
    /// Shows the pool that somebody may still ask it.
    #[expect(dead_code, reason = "held and counted, never read")]
    pub(crate) in_routes: Arc<()>,
}

/// Whether a model can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelStatus {
    /// At least one actor serves it.
    Ready,
    /// None does, for this reason.
    Unavailable(String),
}

/// The model that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelRef<'a> {
    /// By name alone: the routing table chooses the version.
    Name(&'a ModelName),
    /// This version and no other.
    Version(&'a ModelName, ModelVersion),
}

/// One version of a model, with its actors.
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

    /// The version it serves, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<ModelKey> {
        let version = self.version?;
        Some(ModelKey::new(self.name.clone(), version))
    }

    /// What finds this version's route again in a later table.
    #[must_use]
    pub fn reference(&self) -> ModelRef<'_> {
        match self.version {
            Some(version) => ModelRef::Version(&self.name, version),
            None => ModelRef::Name(&self.name),
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

/// Every model, and every version of it in service.
#[derive(Clone, Default)]
pub struct RoutingTable {
    /// By descending version; never empty.
    models: HashMap<ModelName, Vec<Arc<ModelRoute>>>,
    /// Models whose callers are divided between two versions, or held at one of them.
    splits: HashMap<ModelName, VersionSplit>,
}

impl RoutingTable {
    /// The route that a request takes. This is the only place where a version is chosen for a
    /// request: a named version is taken as it is, and a name alone gives the highest version that
    /// serves, or the highest of all where none does, so that the caller can say why.
    ///
    /// `split` is a hash of what a request is sticky to (its user, as a rule), 0 where there is no
    /// such thing. It divides callers between two versions that share a model's traffic
    /// ([`VersionSplit`]); where the one meant for a caller does not serve, the other does, and
    /// callers with 0 meet the new version only once it is promoted.
    #[must_use]
    pub fn resolve(&self, model: &ModelRef<'_>, split: u64) -> Option<&Arc<ModelRoute>> {
        match *model {
            ModelRef::Version(name, version) => self
                .versions(name)
                .find(|route| route.version == Some(version)),
            ModelRef::Name(name) => {
                let serves = |route: &&Arc<ModelRoute>| route.status == ModelStatus::Ready;
                if let Some(shared) = self.splits.get(name) {
                    let of = |wanted| {
                        let mut versions = self.versions(name).filter(serves);
                        versions.find(|route| route.version == Some(wanted))
                    };
                    let [meant, other] = shared.versions(split).map(of);
                    if let Some(route) = meant.or(other) {
                        return Some(route);
                    }
                }
                let mut versions = self.versions(name);
                versions.find(serves).or(self.versions(name).next())
            }
        }
    }

    /// The routes of a model's versions, the highest first.
    pub fn versions(&self, name: &ModelName) -> impl Iterator<Item = &Arc<ModelRoute>> {
        self.models.get(name).into_iter().flatten()
    }

    /// All routes, of all versions.
    pub fn models(&self) -> impl Iterator<Item = &Arc<ModelRoute>> {
        self.models.values().flatten()
    }

    /// The table with this route in the place of the same version's. A route without a version
    /// stands for a model that has none.
    pub(crate) fn with(mut self, route: ModelRoute) -> Self {
        let versions = self.models.entry(route.name.clone()).or_default();
        let stays = |other: &Arc<ModelRoute>| match route.version {
            Some(version) => other.version.is_some_and(|other| other != version),
            None => false,
        };
        versions.retain(stays);
        versions.push(Arc::new(route));
        versions.sort_by_key(|route| std::cmp::Reverse(route.version));
        self
    }

    /// The table with this division of a model's callers, or with none.
    pub(crate) fn with_split(mut self, name: &ModelName, split: Option<VersionSplit>) -> Self {
        match split {
            Some(split) => self.splits.insert(name.clone(), split),
            None => self.splits.remove(name),
        };
        self
    }

    /// The table without a model's versions, or without one of them.
    pub(crate) fn without(mut self, name: &ModelName, version: Option<ModelVersion>) -> Self {
        // A split with a version that is gone divides nothing any more.
        let ends = |split: &VersionSplit| version.is_none_or(|version| split.names(version));
        if self.splits.get(name).is_some_and(ends) {
            self.splits.remove(name);
        }
        if let Some(routes) = self.models.get_mut(name) {
            routes.retain(|route| version.is_some() && route.version != version);
            if routes.is_empty() {
                self.models.remove(name);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests;
