//! Every actor and what it is doing.

use std::{collections::HashMap, time::Duration};

use actix_web::{HttpResponse, web::Data};
use futures_util::future::join_all;
use inference_actor::{ActorSnapshot, Observe};
use pool::SlotReport;
use serde::Serialize;

use super::State;
use crate::front::{FrontSnapshot, ObserveFront};

/// How long an actor may take to answer before it counts as unresponsive.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Actors {
    inference: Vec<InferenceActorView>,
    fronts: Vec<FrontSnapshot>,
    unavailable_models: Vec<UnavailableModel>,
}

/// One inference actor: its own account, and its supervisor's.
#[derive(Serialize)]
pub(super) struct InferenceActorView {
    id: String,
    placement: &'static str,
    responsive: bool,
    supervision: Option<SlotReport>,
    #[serde(flatten)]
    snapshot: Option<ActorSnapshot>,
}

#[derive(Serialize)]
struct UnavailableModel {
    model: String,
    reason: String,
}

/// `GET /admin/actors`.
pub(super) async fn list(state: Data<State>) -> HttpResponse {
    let snapshots = snapshots(&state).await;
    let slots = state.shared.pool.slots().await;
    let mut slots: HashMap<String, SlotReport> =
        slots.into_iter().map(|s| (s.id.clone(), s)).collect();
    let mut inference: Vec<_> = snapshots
        .into_iter()
        .map(|(id, snapshot)| InferenceActorView {
            placement: "colocated",
            responsive: snapshot.is_some(),
            supervision: slots.remove(&id),
            snapshot,
            id,
        })
        .collect();
    // Parked actors left the routing table; their supervisor still knows them.
    inference.extend(slots.into_values().map(|slot| InferenceActorView {
        id: slot.id.clone(),
        placement: "colocated",
        responsive: false,
        supervision: Some(slot),
        snapshot: None,
    }));
    inference.sort_by(|a, b| a.id.cmp(&b.id));
    let fronts = state
        .fronts
        .iter()
        .map(|front| patiently(front.send(ObserveFront)));
    let fronts = join_all(fronts).await.into_iter().flatten().collect();
    HttpResponse::Ok().json(Actors {
        inference,
        fronts,
        unavailable_models: unavailable(&state),
    })
}

/// Every actor of the routing table with its snapshot, none where it did not answer in time.
pub(super) async fn snapshots(state: &State) -> Vec<(String, Option<ActorSnapshot>)> {
    let table = state.shared.pool.table().clone();
    let actors = table.models().flat_map(|route| route.actors.clone());
    let asked = actors.map(|actor| async move {
        (
            actor.id.to_string(),
            patiently(actor.addr.send(Observe)).await,
        )
    });
    join_all(asked).await
}

pub(super) async fn patiently<T, E>(answer: impl Future<Output = Result<T, E>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()
}

fn unavailable(state: &State) -> Vec<UnavailableModel> {
    let table = state.shared.pool.table();
    let reason = |route: &pool::ModelRoute| match &route.status {
        pool::ModelStatus::Ready => None,
        pool::ModelStatus::Unavailable(reason) => Some(reason.clone()),
    };
    let mut models: Vec<_> = table
        .models()
        .filter_map(|route| {
            Some(UnavailableModel {
                model: route.name.to_string(),
                reason: reason(route)?,
            })
        })
        .collect();
    models.sort_by(|a, b| a.model.cmp(&b.model));
    models
}
