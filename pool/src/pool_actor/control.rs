//! Loading and unloading one model, or one version of it, while the others serve.
//!
//! A load brings the version up beside what serves it now, swaps its route in the routing table in
//! one step, and retires the former actors. A load that fails changes nothing. One change of a
//! model at a time.

use std::{collections::HashSet, path::PathBuf, sync::Arc};

use actix::prelude::*;
use common::{ModelKey, ModelName, ModelVersion};
use inference_actor::ActorId;

use super::PoolActor;
use crate::{
    bring_up::{InService, Refused, place_highest},
    repository::{ModelSource, Repository},
    routing::{ModelRef, ModelRoute, ModelStatus, RoutingTable, VersionSplit},
};

/// Why a model was not loaded or unloaded.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum ChangeError {
    /// The repository has no such folder. The words of this list are Triton's where it has some.
    #[error("failed to load '{0}', there is no such model in the repository")]
    NotHeld(ModelName),
    /// Nothing to unload.
    #[error("Request for unknown model: '{0}' is not found")]
    Unknown(ModelName),
    /// Nothing to unload.
    #[error("model '{}' has no version {} in service; POST /v2/repository/index lists those that are", .0.name, .0.version)]
    UnknownVersion(ModelKey),
    /// It is being loaded or unloaded already.
    #[error("model '{0}' is being loaded or unloaded already; try again once that is done")]
    Busy(ModelName),
    /// It cannot be loaded; what served before still does.
    #[error("failed to load '{model}', {reason}")]
    Failed {
        /// The model.
        model: ModelName,
        /// Why.
        reason: String,
    },
    /// The pool has ended.
    #[error("the process is stopping")]
    Stopping,
}

/// What a load brought up.
#[derive(Default)]
struct Fresh {
    loaded: Vec<(ModelSource, InService)>,
    /// Versions that did not load, in whose place a lower one did.
    refused: Vec<Refused>,
}

/// Load a version of a model as its folder is now, or all that its manifest chooses.
#[derive(Message)]
#[rtype(result = "Result<(), ChangeError>")]
pub(crate) struct LoadModel {
    pub(crate) name: ModelName,
    pub(crate) version: Option<ModelVersion>,
}

/// Take a model, or one version of it, out of service.
#[derive(Message)]
#[rtype(result = "Result<(), ChangeError>")]
pub(crate) struct UnloadModel {
    pub(crate) name: ModelName,
    pub(crate) version: Option<ModelVersion>,
}

impl Handler<LoadModel> for PoolActor {
    type Result = ResponseActFuture<Self, Result<(), ChangeError>>;

    fn handle(&mut self, load: LoadModel, _: &mut Context<Self>) -> Self::Result {
        let LoadModel { name, version } = load;
        if !self.changing.insert(name.clone()) {
            return Box::pin(actix::fut::err(ChangeError::Busy(name)));
        }
        self.generation += 1;
        let context = self.bring_up_context();
        let mut threads = self.threads_for(&name, version);
        let root = self.options.repository.clone();
        let model = name.clone();
        let serves = self.serves(&name);
        let work = async move {
            let mut sources = sources(root, &model, version).await?;
            if serves {
                // What serves is better than a lower version: then the load fails.
                sources.iter_mut().for_each(|source| source.below.clear());
            }
            let mut fresh = Fresh::default();
            for (index, source) in sources.iter().enumerate() {
                let existing = threads.of(source.version, &sources[index + 1..]);
                let (placed, refused) = place_highest(&context, source.clone(), &existing).await;
                fresh.refused.extend(refused);
                let failed = |reason| ChangeError::Failed {
                    model: model.clone(),
                    reason,
                };
                let in_service = placed.outcome.map_err(failed)?;
                fresh.loaded.push((placed.source, in_service));
            }
            Ok(fresh)
        };
        Box::pin(work.into_actor(self).map(move |placed, actor, ctx| {
            actor.changing.remove(&name);
            match placed {
                Ok(placed) => {
                    actor.exchange(&name, version, placed, ctx);
                    Ok(())
                }
                Err(error) => {
                    actor.note_failure(&name, version, &error);
                    Err(error)
                }
            }
        }))
    }
}

impl Handler<UnloadModel> for PoolActor {
    type Result = Result<(), ChangeError>;

    fn handle(&mut self, unload: UnloadModel, ctx: &mut Context<Self>) -> Self::Result {
        let UnloadModel { name, version } = unload;
        if self.changing.contains(&name) {
            return Err(ChangeError::Busy(name));
        }
        let table = RoutingTable::clone(&self.table.load());
        match version {
            None if table.versions(&name).next().is_none() => {
                return Err(ChangeError::Unknown(name));
            }
            Some(version)
                if table
                    .resolve(&ModelRef::Version(&name, version), 0)
                    .is_none() =>
            {
                return Err(ChangeError::UnknownVersion(ModelKey::new(name, version)));
            }
            _ => {}
        }
        let mut table = table.without(&name, version);
        if table.versions(&name).next().is_none() {
            let mut gone = ModelRoute::unavailable(name.clone(), "unloaded".into());
            gone.version = version;
            table = table.with(gone);
        }
        self.table.store(Arc::new(table));
        self.forget(&name, version);
        let former = self.members_of(&name, version);
        former.iter().for_each(|id| self.retire(id, ctx));
        Ok(())
    }
}

/// Divide a model's callers between two versions, or no longer.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SplitModel {
    pub(crate) name: ModelName,
    pub(crate) split: Option<VersionSplit>,
}

impl Handler<SplitModel> for PoolActor {
    type Result = ();

    fn handle(&mut self, message: SplitModel, _: &mut Context<Self>) {
        let table = RoutingTable::clone(&self.table.load());
        let table = table.with_split(&message.name, message.split);
        self.table.store(Arc::new(table));
    }
}

impl PoolActor {
    /// Puts freshly loaded versions into service in place of the version named, or of all versions
    /// of the model where none is. Each version's route is swapped in one step before the former
    /// actors are let go, so nobody finds the model without an actor.
    fn exchange(
        &mut self,
        name: &ModelName,
        version: Option<ModelVersion>,
        fresh: Fresh,
        ctx: &mut Context<Self>,
    ) {
        for (source, reason) in &fresh.refused {
            self.show_refused(source, reason);
        }
        let shown = fresh.refused.iter().map(|(source, _)| source.version);
        let loaded = fresh.loaded.iter().map(|(source, _)| source.version);
        let kept: HashSet<_> = shown.chain(loaded).collect();
        for (source, in_service) in fresh.loaded {
            let former = self.of_version(&source.key());
            self.put_in_service(&source, in_service, &former, ctx);
        }
        if version.is_some() {
            return;
        }
        // The manifest chooses these versions and no others.
        let now = RoutingTable::clone(&self.table.load());
        let left: Vec<_> = now.versions(name).map(|route| route.version).collect();
        let gone = left.into_iter().flatten().filter(|v| !kept.contains(v));
        for version in gone.collect::<Vec<_>>() {
            let table = RoutingTable::clone(&self.table.load());
            self.table
                .store(Arc::new(table.without(name, Some(version))));
            self.forget(name, Some(version));
            let former = self.members_of(name, Some(version));
            former.iter().for_each(|id| self.retire(id, ctx));
        }
    }

    fn serves(&self, name: &ModelName) -> bool {
        let table = self.table.load();
        let mut routes = table.versions(name);
        routes.any(|route| route.status == ModelStatus::Ready)
    }

    /// The actors of a version, or of all versions of a model.
    fn members_of(&self, name: &ModelName, version: Option<ModelVersion>) -> Vec<ActorId> {
        let wanted = |source: &ModelSource| {
            source.name == *name && version.is_none_or(|version| source.version == version)
        };
        let members = self.members.values().filter(|m| wanted(&m.source));
        members.map(|m| m.id.clone()).collect()
    }

    /// Forgets what was decided about versions that are gone.
    fn forget(&mut self, name: &ModelName, version: Option<ModelVersion>) {
        let gone = |key: &ModelKey| {
            key.name == *name && version.is_none_or(|version| key.version == version)
        };
        self.decisions.retain(|key, _| !gone(key));
        self.live_runs.retain(|key, _| !gone(key));
    }

    /// What never served shows why; what serves goes on as it is.
    fn note_failure(
        &mut self,
        name: &ModelName,
        version: Option<ModelVersion>,
        error: &ChangeError,
    ) {
        let ChangeError::Failed { reason, .. } = error else {
            return;
        };
        let asked = match version {
            Some(version) => ModelRef::Version(name, version),
            None => ModelRef::Name(name),
        };
        let serves = |route: &Arc<ModelRoute>| route.status == ModelStatus::Ready;
        if !self.table.load().resolve(&asked, 0).is_some_and(serves) {
            let mut route = ModelRoute::unavailable(name.clone(), reason.clone());
            route.version = version;
            self.publish(route);
        }
    }
}

/// The version named, or all those that the repository's manifest chooses of a model now.
async fn sources(
    root: PathBuf,
    model: &ModelName,
    version: Option<ModelVersion>,
) -> Result<Vec<ModelSource>, ChangeError> {
    let name = model.clone();
    let found = tokio::task::spawn_blocking(move || Repository::find(&root, &name, version)).await;
    match found {
        Ok(Some(Ok(found))) => {
            for (path, reason) in &found.ignored {
                tracing::warn!(path = %path.display(), %reason, "not used by the model repository");
            }
            Ok(found.sources)
        }
        Ok(Some(Err(reason))) => Err(ChangeError::Failed {
            model: model.clone(),
            reason,
        }),
        Ok(None) => Err(ChangeError::NotHeld(model.clone())),
        Err(_) => Err(ChangeError::Stopping),
    }
}
