//! The model that a path names.

use std::sync::Arc;

use actix_web::HttpRequest;
use common::{ErrorCode, ModelName, ModelVersion};
use pool::{ModelRef, ModelRoute, RoutingTable};

use super::model_path::ModelPath;
use crate::{
    failure::Failure,
    request::{NO_SCENE, Target},
};

/// The model of `/v2/models/{model}[/versions/{version}]`. A name that no model can have is as
/// unknown as one that none has.
pub(super) fn route(
    request: &HttpRequest,
    table: &RoutingTable,
) -> Result<Arc<ModelRoute>, Failure> {
    let path = ModelPath::of(request);
    let text = path.map(|path| path.model).unwrap_or_default();
    let name = name(text)?;
    let Some(version) = path.and_then(|path| path.version) else {
        let route = table.resolve(&ModelRef::Name(&name), 0).cloned();
        return route.ok_or_else(|| unknown(text));
    };
    let number: Option<ModelVersion> = version.parse().ok();
    let route = number
        .and_then(|number| table.resolve(&ModelRef::Version(&name, number), 0))
        .cloned();
    route.ok_or_else(|| {
        let version: String = version.chars().take(20).collect();
        let message = match table.versions(&name).next() {
            Some(_) => format!("model `{name}` has no version {version} in service"),
            None => return unknown(text),
        };
        Failure::new(ErrorCode::UnknownModel, message)
    })
}

/// A model's name in a path.
pub(super) fn name(text: &str) -> Result<ModelName, Failure> {
    text.parse().map_err(|_| unknown(text))
}

fn unknown(text: &str) -> Failure {
    let text: String = text.chars().take(80).collect();
    // Triton's words, which its samples look for.
    let message = format!(
        "Request for unknown model: '{text}' is not found; POST /v2/repository/index lists the models"
    );
    Failure::new(ErrorCode::UnknownModel, message)
}

/// The model of a path, which must serve.
pub(super) fn serving<'t>(
    request: &HttpRequest,
    table: &RoutingTable,
) -> Result<Target<'t>, Failure> {
    Target::serving(route(request, table)?, NO_SCENE)
}
