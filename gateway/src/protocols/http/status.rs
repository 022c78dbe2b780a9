//! The one table from the closed list of errors to HTTP.

use actix_web::http::StatusCode;
use common::ErrorCode;

/// The HTTP status of every error.
#[must_use]
pub(super) const fn status(code: ErrorCode) -> StatusCode {
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
}
