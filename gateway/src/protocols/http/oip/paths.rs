//! What is served under `/v2/models`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{Data, Payload},
};

use super::{
    super::fallback::{not_found, only_get, only_post},
    config, infer, metadata,
    model_path::{Asked, ModelPath},
    stats,
};
use crate::{recommend::Recommender, request::Protocol};

/// Every request under `/v2/models`.
pub(super) async fn serve(
    request: HttpRequest,
    payload: Payload,
    recommender: Data<Recommender>,
) -> HttpResponse {
    let tail = request.match_info().unprocessed();
    let of_all = tail == "/stats";
    let front = recommender.front();
    let Some(asked) = ModelPath::parse(tail).map(|path| path.asked) else {
        return not_found(&request, front, Protocol::Oip);
    };
    let method = request.method();
    match asked {
        Asked::Infer if method == Method::POST => infer::infer(request, payload, recommender).await,
        Asked::Infer => only_post(&request, front, Protocol::Oip),
        _ if !matches!(*method, Method::GET | Method::HEAD) => {
            only_get(&request, front, Protocol::Oip)
        }
        // So no model's metadata are there under the name `stats`.
        Asked::Metadata if of_all => stats::of_all(recommender).await,
        Asked::Metadata => metadata::model(request, recommender).await,
        Asked::Ready => metadata::ready(request, recommender).await,
        Asked::Config => config::show(request, recommender).await,
        Asked::Stats => stats::of_model(request, recommender).await,
    }
}
