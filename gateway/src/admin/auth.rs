//! The bearer token of the admin port, where one is configured.

use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header,
    middleware::Next,
    web::Data,
};
use common::ErrorCode;

use super::State;
use crate::{failure::Failure, protocols::http::respond, secret::equal};

pub(super) async fn bearer(
    state: Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let wanted = state.shared.settings.admin.token.reveal();
    let given = request.headers().get(header::AUTHORIZATION);
    let given = given
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "));
    let allowed = wanted.is_none_or(|token| given.is_some_and(|given| equal(token, given)));
    if allowed {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let told = "send the header Authorization: Bearer TOKEN with the token of admin.token";
    let mut response = respond::failed(&Failure::new(ErrorCode::Unauthenticated, told), "");
    response.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        header::HeaderValue::from_static("Bearer"),
    );
    Ok(request.into_response(response))
}
