//! The class of a request, from its headers.

use actix_web::http::header::{HeaderMap, HeaderName};
use common::{Criticality, ErrorCode, config::Secret};

use crate::{failure::Failure, secret::equal};

// Made once: a name given as text is copied for every look.
static CLASS_HEADER: HeaderName = HeaderName::from_static("x-criticality");
static KEY_HEADER: HeaderName = HeaderName::from_static("x-criticality-key");

/// `X-Criticality`, critical where absent. The highest class takes the configured key, so that not
/// everybody claims it.
pub(crate) fn criticality(headers: &HeaderMap, key: &Secret) -> Result<Criticality, Failure> {
    let text = |name: &HeaderName| {
        headers
            .get(name)
            .map(|v| v.to_str().unwrap_or_default().trim())
    };
    let Some(class) = text(&CLASS_HEADER) else {
        return Ok(Criticality::default());
    };
    let class = class
        .parse()
        .map_err(|e| Failure::invalid(format!("header X-Criticality: {e}")))?;
    let trusted = || match (key.reveal(), text(&KEY_HEADER)) {
        (Some(key), Some(given)) => equal(key, given),
        _ => false,
    };
    if class == Criticality::CriticalPlus && !trusted() {
        let told = "critical_plus needs the header X-Criticality-Key with the key of admission.priority_key";
        return Err(Failure::new(ErrorCode::Forbidden, told));
    }
    Ok(class)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn class(headers: &[(&'static str, &'static str)]) -> Result<Criticality, ErrorCode> {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        criticality(&headers, &Secret::from("0123456789abcdef")).map_err(|f| f.code)
    }

    #[test]
    fn the_highest_class_takes_the_key() {
        assert_eq!(class(&[]), Ok(Criticality::Critical));
        assert_eq!(
            class(&[("x-criticality", "sheddable")]),
            Ok(Criticality::Sheddable)
        );
        assert_eq!(
            class(&[("x-criticality", "urgent")]),
            Err(ErrorCode::Invalid)
        );
        let plus = ("x-criticality", "critical_plus");
        assert_eq!(class(&[plus]), Err(ErrorCode::Forbidden));
        assert_eq!(
            class(&[plus, ("x-criticality-key", "0123456789abcdeX")]),
            Err(ErrorCode::Forbidden)
        );
        assert_eq!(
            class(&[plus, ("x-criticality-key", "0123456789abcdef")]),
            Ok(Criticality::CriticalPlus)
        );
    }
}
