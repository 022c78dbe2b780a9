//! Open Inference Protocol v2 over REST, with the binary tensor data extension and those of
//! Triton's extensions that its clients ask for: model configuration, statistics, repository.
//!
//! ```text
//!  body ─► admission ─► coding ─► request (json, numbers, binary) ─► actor ─► answer ─► coding
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

use actix_web::web::{self, ServiceConfig};

pub(crate) use self::control::{Change, change, list};
use super::fallback::{get, post, reading};
use crate::request::Protocol;

/// The paths of the data port.
pub(super) fn configure(config: &mut ServiceConfig) {
    let oip = Protocol::Oip;
    // The protocol's description names the path with and without the slash.
    for path in ["/v2", "/v2/"] {
        get(config, oip, path, reading().to(metadata::server));
    }
    let models = web::scope("/v2/models").default_service(web::to(paths::serve));
    config.service(models);
    let index = "/v2/repository/index";
    post(config, oip, index, web::post().to(control::index));
    let model = "/v2/repository/models/{model}";
    let (load, unload) = (format!("{model}/load"), format!("{model}/unload"));
    post(config, oip, &load, web::post().to(control::load));
    post(config, oip, &unload, web::post().to(control::unload));
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
