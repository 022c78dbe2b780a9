//! The one table from the closed list of errors to HTTP, and the bodies of answers.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use common::ErrorCode;
use serde::Serialize;

use crate::failure::Failure;

/// The header that carries a request's id, both ways. Made once: a name given as text is copied for
/// every look.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Seconds a caller should wait where nothing better is known. The jitter below spreads the herd.
const DEFAULT_RETRY_SECONDS: u64 = 1;

/// The HTTP status of every error.
#[must_use]
pub(crate) const fn status(code: ErrorCode) -> StatusCode {
    use ErrorCode as E;
    match code {
        E::Invalid | E::InputRejected => StatusCode::BAD_REQUEST,
        E::Unauthenticated => StatusCode::UNAUTHORIZED,
        E::Forbidden => StatusCode::FORBIDDEN,
        E::NotFound | E::UnknownModel => StatusCode::NOT_FOUND,
        E::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        E::SlowRequest => StatusCode::REQUEST_TIMEOUT,
        E::Conflict => StatusCode::CONFLICT,
        E::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        E::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        E::Quota => StatusCode::TOO_MANY_REQUESTS,
        E::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        E::Overloaded | E::Draining | E::NotReady | E::ModelUnavailable | E::BreakerOpen => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        E::Deadline => StatusCode::GATEWAY_TIMEOUT,
        E::FeatureStore | E::Internal | E::EngineFailed | E::EnginePanicked => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// What a caller is told of a failure.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ErrorBody<'a> {
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

/// The words that a property of the closed list takes, each once.
pub(crate) fn distinct_values<T: Serialize>(
    property: impl Fn(ErrorCode) -> T,
) -> Vec<serde_json::Value> {
    let mut words = Vec::new();
    for code in ErrorCode::ALL {
        if let Ok(word) = serde_json::to_value(property(*code))
            && !words.contains(&word)
        {
            words.push(word);
        }
    }
    words
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

/// The answer to a request that succeeded, with a JSON body written already.
#[must_use]
pub(crate) fn json(body: Vec<u8>, request_id: &str) -> HttpResponse {
    let mut response = builder(StatusCode::OK, request_id);
    let json = HeaderValue::from_static("application/json");
    response
        .insert_header((header::CONTENT_TYPE, json))
        .body(body)
}

fn builder(status: StatusCode, request_id: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((REQUEST_ID.clone(), request_id));
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
    fn every_code_has_a_status_of_its_kind() {
        for code in ErrorCode::ALL {
            let status = status(*code);
            assert!(
                status.is_client_error() || status.is_server_error(),
                "{code:?}"
            );
            let ours = code.source() != common::Source::Input;
            let conflict = *code == ErrorCode::Conflict;
            assert_eq!(status.is_server_error(), ours && !conflict, "{code:?}");
        }
    }

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
