//! The bodies and headers of answers.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
    web::Payload,
};
use common::ErrorCode;
use serde::Serialize;

use super::{headers, status::status, unread::holding};
use crate::{failure::Failure, request::Exchange};

/// Seconds a caller should wait where nothing better is known. The jitter below spreads the herd.
const DEFAULT_RETRY_SECONDS: u64 = 1;

/// What a caller is told of a failure.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct ErrorBody<'a> {
    /// What went wrong, for people.
    error: &'a str,
    /// Which error of the closed list.
    #[schemars(with = "String", extend("enum" = distinct_values(|code| code)))]
    code: ErrorCode,
    #[schemars(with = "String", extend("enum" = distinct_values(ErrorCode::layer)))]
    layer: common::Layer,
    #[schemars(with = "String", extend("enum" = distinct_values(ErrorCode::recoverability)))]
    recoverability: common::Recoverability,
    #[schemars(with = "String", extend("enum" = distinct_values(ErrorCode::impact)))]
    impact: common::Impact,
    #[schemars(with = "String", extend("enum" = distinct_values(ErrorCode::source)))]
    source: common::Source,
    request_id: &'a str,
    retryable: bool,
}

/// The values that a property of the closed list takes, each once.
pub(super) fn distinct_values<T: Serialize>(
    property: impl Fn(ErrorCode) -> T,
) -> Vec<serde_json::Value> {
    let mut values = Vec::new();
    for code in ErrorCode::ALL {
        if let Ok(value) = serde_json::to_value(property(*code))
            && !values.contains(&value)
        {
            values.push(value);
        }
    }
    values
}

/// The answer to a request that failed.
#[must_use]
pub(crate) fn failed(failure: &Failure, request_id: &str) -> HttpResponse {
    let code = failure.code;
    let mut response = builder(status(code), request_id);
    if let Some(seconds) = retry_after_seconds(failure) {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    // The rest of a body that was not read to its end cannot be told from a next request.
    if matches!(code, ErrorCode::TooLarge | ErrorCode::SlowRequest) {
        response.force_close();
    }
    response.json(ErrorBody {
        error: &failure.message,
        code,
        layer: code.layer(),
        recoverability: code.recoverability(),
        impact: code.impact(),
        source: code.source(),
        request_id,
        retryable: code.retryable(),
    })
}

/// Finishes an exchange and gives its answer; a refusal keeps what is left of the body.
#[must_use]
pub(super) fn finish(
    exchange: &Exchange<'_>,
    result: Result<HttpResponse, Failure>,
    payload: Payload,
) -> HttpResponse {
    exchange.finish(result.as_ref().err());
    result.unwrap_or_else(|failure| holding(failed(&failure, exchange.id().as_str()), payload))
}

/// The answer to a request that succeeded, with a JSON body written already.
#[must_use]
pub(super) fn json(body: Vec<u8>, request_id: &str) -> HttpResponse {
    let mut response = builder(StatusCode::OK, request_id);
    let json = HeaderValue::from_static("application/json");
    response
        .insert_header((header::CONTENT_TYPE, json))
        .body(body)
}

fn builder(status: StatusCode, request_id: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((headers::request_id(), request_id));
    response
}

/// 429 and 503 say when to come back: jittered, so that callers refused together do not return
/// together.
fn retry_after_seconds(failure: &Failure) -> Option<u64> {
    let status = status(failure.code);
    let worth_it =
        status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS;
    let base = failure
        .retry_after
        .map_or(DEFAULT_RETRY_SECONDS, |after| after.as_secs().max(1));
    worth_it.then(|| base + fastrand::u64(0..=base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_when_to_come_back() {
        for code in ErrorCode::ALL {
            let response = failed(&Failure::new(*code, "x"), "id");
            let told = response.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(
                told,
                matches!(response.status().as_u16(), 429 | 503),
                "{code:?}"
            );
        }
    }
}
