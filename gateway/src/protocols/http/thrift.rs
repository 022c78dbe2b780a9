//! `POST /v2/thrift`: a Thrift message in, a Thrift message out.
//!
//! Every reply to a message with a readable header has status 200, as Thrift's HTTP clients expect:
//! what went wrong stands in the reply. What goes wrong before (media type, size, time) is answered
//! as everywhere on this port.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web::{self, Data, Payload, ServiceConfig},
};
use common::{ErrorCode, config::Limits};
use serde_json::{Value, json};

use super::{
    body::{BodyLimits, read_body},
    fallback::post,
    headers,
    openapi::describe::{request_id, responses},
    respond,
};
use crate::{
    admission::Body,
    failure::Failure,
    protocols::thrift::{Call, exception, recommend},
    recommend::Recommender,
    request::{Exchange, Protocol, RequestContext},
};

static THRIFT: HeaderValue = HeaderValue::from_static("application/x-thrift");
/// The registered names of the binary protocol, beside the usual one.
const MEDIA_TYPES: [&str; 2] = [
    "application/x-thrift",
    "application/vnd.apache.thrift.binary",
];

/// The codes that have a status of their own here; the others stand in replies.
const FAILS_WITH: &[ErrorCode] = &[
    ErrorCode::Invalid,
    ErrorCode::Forbidden,
    ErrorCode::SlowRequest,
    ErrorCode::TooLarge,
    ErrorCode::MediaType,
    ErrorCode::Overloaded,
];

pub(super) fn configure(config: &mut ServiceConfig) {
    post(config, Protocol::Thrift, "/v2/thrift", web::post().to(call));
}

/// This path's part of `GET /openapi.json`.
pub(super) fn described(limits: &Limits) -> Value {
    let message = json!({ "schema": { "type": "string", "format": "binary" } });
    let media_type = MEDIA_TYPES[0];
    let mut answers = responses(Vec::new(), FAILS_WITH);
    answers["200"] = json!({
        "description": "The reply: RecommendResponse, RecommendError or TApplicationException.",
        "content": { media_type: message },
    });
    json!({ "post": {
        "operationId": "thrift",
        "summary": "Rank candidates for a user, in Thrift's binary protocol (gateway/idl/fusebox.thrift).",
        "parameters": [request_id()],
        "requestBody": {
            "required": true,
            "description": format!("A call of Recommend, at most {}.", limits.recommend_body),
            "content": { media_type: message },
        },
        "responses": answers,
    } })
}

async fn call(
    request: HttpRequest,
    mut payload: Payload,
    recommender: Data<Recommender>,
) -> HttpResponse {
    let exchange = Exchange::begin(recommender.front(), Protocol::Thrift, request.headers());
    let read = match read(&request, &mut payload, &recommender, &exchange).await {
        Ok(read) => read,
        Err(failure) => return respond::finish(&exchange, Err(failure), payload),
    };
    let (context, body) = read;
    let reply = match Call::read(&body) {
        Ok(call) => recommend(&recommender, &exchange, &context, &call).await,
        Err(error) => {
            let failure = Failure::new(error.code(), error.to_string());
            let Some(reply) = exception(&error) else {
                return respond::finish(&exchange, Err(failure), payload);
            };
            exchange.finish(Some(&failure));
            reply
        }
    };
    HttpResponse::Ok()
        .insert_header((headers::request_id(), exchange.id().as_str()))
        .insert_header((header::CONTENT_TYPE, THRIFT.clone()))
        .body(reply)
}

async fn read<'x>(
    request: &HttpRequest,
    payload: &mut Payload,
    recommender: &Recommender,
    exchange: &'x Exchange<'_>,
) -> Result<(RequestContext<'x>, Body), Failure> {
    let shared = recommender.front().shared();
    let settings = &shared.settings;
    let context = exchange.context(request.headers(), settings.limits.deadline.0)?;
    require_thrift(request)?;
    let limits = BodyLimits {
        budget: &shared.bodies,
        most: settings.limits.recommend_body,
        discard: settings.limits.discard_body,
        time: settings.http.body_timeout.0.min(context.deadline.limit()),
    };
    let body = read_body(request, payload, limits).await?;
    Ok((context, body))
}

fn require_thrift(request: &HttpRequest) -> Result<(), Failure> {
    let text = |name| {
        let value = request.headers().get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default()
    };
    let media_type = text(header::CONTENT_TYPE).split(';').next();
    let media_type = media_type.unwrap_or_default().trim();
    if !MEDIA_TYPES
        .iter()
        .any(|known| media_type.eq_ignore_ascii_case(known))
    {
        let message = "send the header Content-Type: application/x-thrift";
        return Err(Failure::new(ErrorCode::MediaType, message));
    }
    let encoding = text(header::CONTENT_ENCODING);
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        return Ok(());
    }
    let message = "this path takes no compressed bodies; send the body without Content-Encoding";
    Err(Failure::new(ErrorCode::MediaType, message))
}
