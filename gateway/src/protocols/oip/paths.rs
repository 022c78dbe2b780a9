//! What is served under `/v2/models`.

use std::rc::Rc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{Data, Payload},
};

use super::{
    config, infer, metadata,
    model_path::{Asked, ModelPath},
    stats,
};
use crate::{
    front::Front,
    protocols::rest::fallback::{not_found, only_get, only_post},
};

/// Every request under `/v2/models`.
pub(super) async fn serve(
    request: HttpRequest,
    payload: Payload,
    front: Data<Rc<Front>>,
) -> HttpResponse {
    let tail = request.match_info().unprocessed();
    let of_all = tail == "/stats";
    let Some(asked) = ModelPath::parse(tail).map(|path| path.asked) else {
        return not_found(request, front).await;
    };
    let method = request.method();
    match asked {
        Asked::Infer if method == Method::POST => infer::infer(request, payload, front).await,
        Asked::Infer => only_post(request, front).await,
        _ if method != Method::GET => only_get(request, front).await,
        // So no model's metadata are there under the name `stats`.
        Asked::Metadata if of_all => stats::of_all(front).await,
        Asked::Metadata => metadata::model(request, front).await,
        Asked::Ready => metadata::ready(request, front).await,
        Asked::Config => config::show(request, front).await,
        Asked::Stats => stats::of_model(request, front).await,
    }
}
