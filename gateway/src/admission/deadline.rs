//! The deadline of a request: the smallest of what the caller and the configuration give.

use std::time::{Duration, Instant};

use actix_web::http::header::{HeaderMap, HeaderName};
use common::Deadline;

use crate::failure::Failure;

// Made once: a name given as text is copied for every look.
static TIMEOUT_HEADER: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// The deadline from headers and configuration, counted from `start`; the body may tighten it.
pub(crate) fn deadline(
    start: Instant,
    headers: &HeaderMap,
    limit: Duration,
) -> Result<Deadline, Failure> {
    let configured = Deadline::after(start, limit);
    let Some(value) = headers.get(&TIMEOUT_HEADER) else {
        return Ok(configured);
    };
    let text = value.to_str().unwrap_or_default().trim();
    match text
        .parse::<i64>()
        .ok()
        .and_then(|ms| u64::try_from(ms).ok())
    {
        Some(ms) if ms > 0 => Ok(configured.tightened(Duration::from_millis(ms))),
        _ => {
            let shown: String = text.chars().take(32).collect();
            Err(Failure::invalid(format!(
                "header X-Request-Timeout-Ms is \"{shown}\"; it must be a positive number of milliseconds"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use common::{Clock, ManualClock};

    use super::*;

    fn limit_of(value: Option<&'static str>) -> Result<u128, String> {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(TIMEOUT_HEADER.clone(), HeaderValue::from_static(value));
        }
        let start = ManualClock::new().now();
        deadline(start, &headers, Duration::from_millis(800))
            .map(|d| d.limit().as_millis())
            .map_err(|f| f.message)
    }

    #[test]
    fn the_smaller_limit_holds() {
        assert_eq!(limit_of(None), Ok(800));
        assert_eq!(limit_of(Some("50")), Ok(50));
        assert_eq!(limit_of(Some("5000")), Ok(800));
        assert_eq!(limit_of(Some("9223372036854775807")), Ok(800));
    }

    #[test]
    fn nonsense_is_a_mistake_of_the_callers() {
        for bad in ["0", "-1", "soon", "", "1.5"] {
            assert!(limit_of(Some(bad)).is_err(), "{bad:?}");
        }
    }
}
