//! Open Inference Protocol v2 over REST, with the binary tensor data extension and those of
//! Triton's extensions that its clients ask for: model configuration, statistics, repository.
//!
//! ```text
//!  body ─► coding ─► request (json, numbers, binary) ─► validate ─► actor ─► answer ─► coding
//! ```
//!
//! Serves any model of the repository by its own inputs and outputs. Never knows: users, items,
//! scenes.

mod answer;
mod binary;
mod body;
mod coding;
mod config;
mod control;
mod float16;
mod infer;
mod json;
mod metadata;
mod model_path;
mod numbers;
mod offload;
pub(super) mod openapi;
mod paths;
mod request;
mod stats;
mod target;

use actix_web::{Route, web};

pub(crate) use self::control::configure_admin;
use super::rest::fallback::{only_get, only_post};

/// The paths of the data port.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    get(config, "/v2", web::get().to(metadata::server));
    let models = web::scope("/v2/models").default_service(web::to(paths::serve));
    config.service(models);
    post(
        config,
        "/v2/repository/index",
        web::post().to(control::index),
    );
    let change = "/v2/repository/models/{model}";
    post(
        config,
        &format!("{change}/load"),
        web::post().to(control::load),
    );
    post(
        config,
        &format!("{change}/unload"),
        web::post().to(control::unload),
    );
}

fn get(config: &mut web::ServiceConfig, path: &str, route: Route) {
    config.service(
        web::resource(path)
            .route(route)
            .default_service(web::to(only_get)),
    );
}

fn post(config: &mut web::ServiceConfig, path: &str, route: Route) {
    config.service(
        web::resource(path)
            .route(route)
            .default_service(web::to(only_post)),
    );
}

/// Bytes of the tensors of numbers of a JSON request, for `crate::parsing`.
pub(crate) fn tensor_bytes(json: &str, spec: &inference_actor::ModelSpec) -> Option<usize> {
    let criticality = common::Criticality::default();
    let request = request::parse(json, &[], spec, criticality).ok()?;
    let bytes = |input: &common::tensor::Tensor| match input.view().data {
        common::tensor::DataView::Fixed(bytes) => bytes.len(),
        _ => 0,
    };
    Some(request.inputs.iter().flatten().map(bytes).sum())
}
