//! Resources with one method, and paths and methods that are not served.

use actix_web::{
    HttpRequest, HttpResponse, Route, guard,
    http::header,
    web::{self, Data, ServiceConfig},
};
use common::ErrorCode;

use super::respond;
use crate::{
    failure::Failure,
    front::Front,
    recommend::Recommender,
    request::{Metadata, MetadataKey, Protocol},
};

/// A route for GET, and for HEAD, whose answer is the same without its body.
pub(crate) fn reading() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// A path that only answers GET and HEAD.
pub(super) fn get(config: &mut ServiceConfig, protocol: Protocol, path: &str, route: Route) {
    let refusal = move |request: HttpRequest, recommender: Data<Recommender>| async move {
        only_get(&request, recommender.front(), protocol)
    };
    let resource = web::resource(path).route(route);
    config.service(resource.default_service(web::to(refusal)));
}

/// A path that only answers POST.
pub(super) fn post(config: &mut ServiceConfig, protocol: Protocol, path: &str, route: Route) {
    let refusal = move |request: HttpRequest, recommender: Data<Recommender>| async move {
        only_post(&request, recommender.front(), protocol)
    };
    let resource = web::resource(path).route(route);
    config.service(resource.default_service(web::to(refusal)));
}

/// The answer where no path matches.
pub(super) fn not_found(request: &HttpRequest, front: &Front, protocol: Protocol) -> HttpResponse {
    let path: String = request.path().chars().take(120).collect();
    let message = format!("there is no path {path}; GET /openapi.json lists the paths");
    let failure = Failure::new(ErrorCode::NotFound, message);
    refuse(request, front, protocol, &failure)
}

/// The answer to another method than POST.
pub(super) fn only_post(request: &HttpRequest, front: &Front, protocol: Protocol) -> HttpResponse {
    wrong_method(request, front, protocol, "POST")
}

/// The answer to another method than GET and HEAD.
pub(super) fn only_get(request: &HttpRequest, front: &Front, protocol: Protocol) -> HttpResponse {
    wrong_method(request, front, protocol, "GET, HEAD")
}

fn wrong_method(
    request: &HttpRequest,
    front: &Front,
    protocol: Protocol,
    allowed: &'static str,
) -> HttpResponse {
    let method = request.method();
    let message = format!("this path does not answer {method}; use {allowed}");
    let failure = Failure::new(ErrorCode::MethodNotAllowed, message);
    let mut response = refuse(request, front, protocol, &failure);
    let allowed = header::HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

fn refuse(
    request: &HttpRequest,
    front: &Front,
    protocol: Protocol,
    failure: &Failure,
) -> HttpResponse {
    front.count_refused(protocol, failure.code);
    with_id(request, front, failure)
}

/// The answer to a request that failed outside of an exchange.
pub(super) fn with_id(request: &HttpRequest, front: &Front, failure: &Failure) -> HttpResponse {
    let given = Metadata::get(request.headers(), MetadataKey::RequestId);
    respond::failed(failure, front.request_id(given).as_str())
}
