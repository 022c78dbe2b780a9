//! Every actor: what it is doing, and an operator's hand on it.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use common::ErrorCode;
use futures_util::future::join_all;
use inference_actor::{ActorSnapshot, Observe};
use pool::{ActorView, Command, Conflict, Place, SlotReport};
use serde::Serialize;

use super::{State, show};
use crate::{
    failure::Failure,
    front::{FrontSnapshot, ObserveFront},
    protocols::http::respond,
};

/// How long an actor may take to answer before it counts as unresponsive.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Actors {
    inference: Vec<InferenceActorView>,
    fronts: Vec<FrontSnapshot>,
    unavailable_models: Vec<UnavailableModel>,
}

/// One inference actor: its supervisor's account, and its own where it answers.
#[derive(Serialize)]
pub(super) struct InferenceActorView {
    pub(super) id: String,
    state: &'static str,
    placement: Place,
    model: String,
    version: u64,
    responsive: bool,
    /// Requests on their way to it, waiting or being run; known even while it hangs.
    pub(super) mailbox_depth: usize,
    pub(super) supervision: SlotReport,
    #[serde(flatten)]
    pub(super) snapshot: Option<ActorSnapshot>,
}

#[derive(Serialize)]
struct UnavailableModel {
    model: String,
    reason: String,
}

/// `GET /admin/actors`.
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> HttpResponse {
    let actors = Actors {
        inference: inference(&state).await,
        fronts: fronts(&state).await,
        unavailable_models: unavailable(&state),
    };
    show(&request, &actors)
}

/// `GET /admin/actors/{id}`.
pub(super) async fn one(
    request: HttpRequest,
    id: Path<String>,
    state: Data<State>,
) -> HttpResponse {
    let views = state.shared.pool.actors().await;
    if let Some(view) = views.into_iter().find(|view| view.id == *id) {
        return show(&request, &observed(view).await);
    }
    match fronts(&state)
        .await
        .into_iter()
        .find(|front| front.id == *id)
    {
        Some(front) => show(&request, &front),
        None => unknown(),
    }
}

/// `POST /admin/actors/{id}/{restart,pause,resume,drain}`.
pub(super) async fn steer(
    request: HttpRequest,
    path: Path<(String, String)>,
    state: Data<State>,
) -> HttpResponse {
    let (id, command) = path.into_inner();
    let Some(command) = Command::named(&command) else {
        let told = format!("`{command}` is no command; there are restart, pause, resume, drain");
        return respond::failed(&Failure::new(ErrorCode::NotFound, told), "");
    };
    match state.shared.pool.command(id.clone(), command).await {
        Ok(()) => {
            let views = state.shared.pool.actors().await;
            match views.into_iter().find(|view| view.id == id) {
                Some(view) => show(&request, &observed(view).await),
                None => unknown(),
            }
        }
        Err(Conflict::Unknown) if fronts(&state).await.iter().any(|front| front.id == id) => {
            let told = "a front lives and ends with its worker thread; it cannot be steered";
            respond::failed(&Failure::new(ErrorCode::Conflict, told), "")
        }
        Err(Conflict::Unknown) => unknown(),
        Err(conflict) => {
            respond::failed(&Failure::new(ErrorCode::Conflict, conflict.to_string()), "")
        }
    }
}

fn unknown() -> HttpResponse {
    let told = Conflict::Unknown.to_string();
    respond::failed(&Failure::new(ErrorCode::NotFound, told), "")
}

/// Every inference actor, whether or not it takes requests at present.
pub(super) async fn inference(state: &State) -> Vec<InferenceActorView> {
    let views = state.shared.pool.actors().await;
    join_all(views.into_iter().map(observed)).await
}

async fn observed(view: ActorView) -> InferenceActorView {
    let snapshot = patiently(view.addr.send(Observe)).await;
    let stalled = view.gauge.stalled() && view.slot.state == "serving";
    InferenceActorView {
        id: view.id,
        state: if stalled { "stalled" } else { view.slot.state },
        placement: view.place,
        model: view.model,
        version: view.version,
        responsive: snapshot.is_some(),
        mailbox_depth: view.gauge.in_flight(),
        supervision: view.slot,
        snapshot,
    }
}

async fn fronts(state: &State) -> Vec<FrontSnapshot> {
    let asked = state.fronts.iter();
    let asked = asked.map(|front| patiently(front.send(ObserveFront)));
    join_all(asked).await.into_iter().flatten().collect()
}

pub(super) async fn patiently<T, E>(answer: impl Future<Output = Result<T, E>>) -> Option<T> {
    tokio::time::timeout(REPLY_TIMEOUT, answer).await.ok()?.ok()
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
