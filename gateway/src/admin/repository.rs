//! The model repository: what it holds, and loading and unloading a model, which on this port is
//! always allowed.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Payload, ServiceConfig},
};

use super::State;
use crate::protocols::http::{
    oip::{Change, change, list},
    respond::failed,
};

/// The paths of the repository.
pub(super) fn configure(config: &mut ServiceConfig) {
    let model = "/v2/repository/models/{model}";
    config
        .service(web::resource("/v2/repository/index").route(web::post().to(index)))
        .service(web::resource(format!("{model}/load")).route(web::post().to(load)))
        .service(web::resource(format!("{model}/unload")).route(web::post().to(unload)));
}

async fn index(request: HttpRequest, payload: Payload, state: Data<State>) -> HttpResponse {
    match list(&request, payload, &state.shared).await {
        Ok(entries) => HttpResponse::Ok().json(entries),
        Err(failure) => failed(&failure, ""),
    }
}

async fn load(request: HttpRequest, payload: Payload, state: Data<State>) -> HttpResponse {
    changed(&request, payload, &state, Change::Load).await
}

async fn unload(request: HttpRequest, payload: Payload, state: Data<State>) -> HttpResponse {
    changed(&request, payload, &state, Change::Unload).await
}

async fn changed(
    request: &HttpRequest,
    payload: Payload,
    state: &State,
    what: Change,
) -> HttpResponse {
    match change(request, payload, &state.shared, what).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(failure) => failed(&failure, ""),
    }
}
