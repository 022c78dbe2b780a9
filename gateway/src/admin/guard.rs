//! In front of every admin path: where a request comes from, its token, and its body, which is read
//! here within its bounds so that no path waits for one.

use std::future::ready;

use actix_http::BoxedPayloadStream;
use actix_web::{
    Error, HttpRequest,
    body::{BoxBody, MessageBody},
    dev::{self, ServiceRequest, ServiceResponse},
    http::{Method, header},
    middleware::Next,
    web::{Data, Payload},
};
use bytes::Bytes;
use common::{ByteSize, ErrorCode};
use futures_util::stream;

use super::{
    State,
    origin::{self, Source},
    page,
};
use crate::{
    failure::Failure,
    protocols::http::{BodyLimits, holding, read_body, respond},
    secret::equal,
};

/// Larger bodies hold nothing that any admin path reads.
const MAX_BODY: ByteSize = ByteSize(64 << 10);

/// Lets a request through, or answers it.
pub(super) async fn guard(
    state: Data<State>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Err(failure) = allowed(&state, request.request()) {
        let mut response = respond::failed(&failure, "");
        if failure.code == ErrorCode::Unauthenticated {
            let scheme = header::HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        return Ok(request.into_response(response));
    }
    let mut payload = request.extract::<Payload>().await?;
    match body(&state, request.request(), &mut payload).await {
        Ok(body) => {
            let whole: BoxedPayloadStream = Box::pin(stream::once(ready(Ok(body))));
            request.set_payload(dev::Payload::from(whole));
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(failure) => {
            let response = holding(respond::failed(&failure, ""), payload);
            Ok(request.into_response(response))
        }
    }
}

fn allowed(state: &State, request: &HttpRequest) -> Result<(), Failure> {
    let settings = &state.shared.settings.admin;
    let headers = request.headers();
    let text = |name| {
        headers
            .get(name)
            .map(|v: &header::HeaderValue| v.to_str().unwrap_or_default())
    };
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let source = Source {
        host: text(header::HOST).or(authority),
        origin: text(header::ORIGIN),
        fetch_site: headers
            .get("sec-fetch-site")
            .map(|v| v.to_str().unwrap_or_default()),
    };
    origin::check(source, &settings.hosts)?;
    if page::PATHS.contains(&request.path()) {
        return Ok(());
    }
    let given = text(header::AUTHORIZATION).and_then(|v| v.strip_prefix("Bearer "));
    let wanted = settings.token.reveal();
    if !wanted.is_none_or(|token| given.is_some_and(|given| equal(token, given))) {
        let told = "send the header Authorization: Bearer TOKEN with the token of admin.token";
        return Err(Failure::new(ErrorCode::Unauthenticated, told));
    }
    Ok(())
}

async fn body(
    state: &State,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Bytes, Failure> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(Bytes::new());
    }
    let settings = &state.shared.settings;
    let limits = BodyLimits {
        budget: &state.shared.bodies,
        most: MAX_BODY,
        discard: settings.limits.discard_body,
        time: settings.http.body_timeout.0,
    };
    let body = read_body(request, payload, limits).await?;
    if !body.is_empty() {
        let kind = request.headers().get(header::CONTENT_TYPE);
        origin::check_body(kind.map(|kind| kind.to_str().unwrap_or_default()))?;
    }
    // At most MAX_BODY.
    Ok(Bytes::copy_from_slice(&body))
}
