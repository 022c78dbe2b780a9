//! Loading and unloading one model while the others serve.
//!
//! A load brings the model up beside what serves it now, swaps the routing table once, and lets go
//! of the former actors: they answer what they hold and end, since nobody has their address any
//! more. A load that fails changes nothing. One change of a model at a time.

use std::{collections::HashSet, path::PathBuf, sync::Arc};

use actix::prelude::*;
use common::ModelName;
use inference_actor::ActorId;

use super::PoolActor;
use crate::{
    bring_up::{Context as BringUpContext, InService, place},
    repository::{ModelSource, Repository},
    routing::{ModelRoute, ModelStatus, RoutingTable},
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

/// Load this model as its folder is now.
#[derive(Message)]
#[rtype(result = "Result<(), ChangeError>")]
pub(crate) struct LoadModel(pub(crate) ModelName);

/// Take this model out of service.
#[derive(Message)]
#[rtype(result = "Result<(), ChangeError>")]
pub(crate) struct UnloadModel(pub(crate) ModelName);

impl Handler<LoadModel> for PoolActor {
    type Result = ResponseActFuture<Self, Result<(), ChangeError>>;

    fn handle(&mut self, LoadModel(name): LoadModel, _: &mut Context<Self>) -> Self::Result {
        if !self.changing.insert(name.clone()) {
            return Box::pin(actix::fut::err(ChangeError::Busy(name)));
        }
        self.generation += 1;
        let context = self.bring_up_context();
        let root = self.options.repository.clone();
        let model = name.clone();
        let work = async move {
            let sources = sources(root, &model).await?;
            let mut placed = Vec::with_capacity(sources.len());
            for source in sources {
                placed.push(all_up(&context, source, &model).await?);
            }
            Ok(placed)
        };
        Box::pin(work.into_actor(self).map(move |placed, actor, ctx| {
            actor.changing.remove(&name);
            match placed {
                Ok(placed) => {
                    actor.exchange(&name, placed, ctx);
                    Ok(())
                }
                Err(error) => {
                    actor.note_failure(&name, &error);
                    Err(error)
                }
            }
        }))
    }
}

impl Handler<UnloadModel> for PoolActor {
    type Result = Result<(), ChangeError>;

    fn handle(&mut self, UnloadModel(name): UnloadModel, ctx: &mut Context<Self>) -> Self::Result {
        if self.changing.contains(&name) {
            return Err(ChangeError::Busy(name));
        }
        if self.table.load().model(&name).is_none() {
            return Err(ChangeError::Unknown(name));
        }
        let gone = ModelRoute::unavailable(name.clone(), "unloaded".into());
        let table = RoutingTable::clone(&self.table.load())
            .without(&name)
            .with(gone);
        self.table.store(Arc::new(table));
        self.let_go(&name, &HashSet::new(), ctx);
        Ok(())
    }
}

impl PoolActor {
    /// Puts freshly loaded versions in the place of all former ones. Both are there for a moment, so
    /// nobody finds the model without an actor.
    fn exchange(
        &mut self,
        name: &ModelName,
        fresh: Vec<(ModelSource, InService)>,
        ctx: &mut Context<Self>,
    ) {
        let mut keep = HashSet::new();
        let mut versions = HashSet::new();
        for (source, in_service) in fresh {
            versions.insert(Some(source.version));
            keep.extend(in_service.members.iter().map(|member| member.id.clone()));
            self.put_in_service(&source, in_service);
        }
        let now = self.table.load();
        let stays = now
            .versions(name)
            .filter(|route| versions.contains(&route.version));
        let stays: Vec<_> = stays.map(|route| ModelRoute::clone(route)).collect();
        let table = RoutingTable::clone(&now).without(name);
        let table = stays.into_iter().fold(table, RoutingTable::with);
        drop(now);
        self.table.store(Arc::new(table));
        self.let_go(name, &keep, ctx);
        self.reroute(name);
    }

    /// Retires the actors of a model but those to keep; they answer what they hold first.
    fn let_go(&mut self, name: &ModelName, keep: &HashSet<ActorId>, ctx: &mut Context<Self>) {
        let of_model = self.members.values().filter(|m| m.source.name == *name);
        let former: Vec<ActorId> = of_model
            .map(|m| m.id.clone())
            .filter(|id| !keep.contains(id))
            .collect();
        former.iter().for_each(|id| self.retire(id, ctx));
    }

    /// A model that never served shows why; one that serves goes on as it is.
    fn note_failure(&mut self, name: &ModelName, error: &ChangeError) {
        let ChangeError::Failed { reason, .. } = error else {
            return;
        };
        let serves = |route: &Arc<ModelRoute>| route.status == ModelStatus::Ready;
        if !self.table.load().model(name).is_some_and(serves) {
            self.publish(ModelRoute::unavailable(name.clone(), reason.clone()));
        }
    }
}

/// The versions that the repository holds of a model now.
async fn sources(root: PathBuf, model: &ModelName) -> Result<Vec<ModelSource>, ChangeError> {
    let name = model.clone();
    let found = tokio::task::spawn_blocking(move || Repository::find(&root, &name)).await;
    match found {
        Ok(Some(Ok(sources))) => Ok(sources),
        Ok(Some(Err(reason))) => Err(ChangeError::Failed {
            model: model.clone(),
            reason,
        }),
        Ok(None) => Err(ChangeError::NotHeld(model.clone())),
        Err(_) => Err(ChangeError::Stopping),
    }
}

async fn all_up(
    context: &BringUpContext,
    source: ModelSource,
    model: &ModelName,
) -> Result<(ModelSource, InService), ChangeError> {
    let placed = place(context, source).await;
    match placed.outcome {
        Ok(in_service) => Ok((placed.source, in_service)),
        Err(reason) => Err(ChangeError::Failed {
            model: model.clone(),
            reason,
        }),
    }
}
