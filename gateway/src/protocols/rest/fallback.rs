//! Paths and methods that are not served.

use std::rc::Rc;

use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use common::ErrorCode;

use crate::{failure::Failure, front::Front, metrics::Protocol, respond};

pub(in crate::protocols) async fn not_found(
    request: HttpRequest,
    front: Data<Rc<Front>>,
) -> HttpResponse {
    let path: String = request.path().chars().take(120).collect();
    refuse(
        &request,
        &front,
        Failure::new(
            ErrorCode::NotFound,
            format!("there is no path {path}; GET /openapi.json lists those there are"),
        ),
    )
}

pub(in crate::protocols) async fn only_post(
    request: HttpRequest,
    front: Data<Rc<Front>>,
) -> HttpResponse {
    wrong_method(&request, &front, "POST")
}

pub(in crate::protocols) async fn only_get(
    request: HttpRequest,
    front: Data<Rc<Front>>,
) -> HttpResponse {
    wrong_method(&request, &front, "GET")
}

fn wrong_method(request: &HttpRequest, front: &Front, allowed: &'static str) -> HttpResponse {
    let message = format!("{} is not answered here; use {allowed}", request.method());
    let mut response = refuse(
        request,
        front,
        Failure::new(ErrorCode::MethodNotAllowed, message),
    );
    response
        .headers_mut()
        .insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}

fn refuse(request: &HttpRequest, front: &Front, failure: Failure) -> HttpResponse {
    let given = request
        .headers()
        .get(&respond::REQUEST_ID)
        .and_then(|v| v.to_str().ok());
    front.count(Some(failure.code));
    front.shared().metrics.refused(Protocol::Rest, failure.code);
    respond::failed(&failure, front.request_id(given).as_str())
}
