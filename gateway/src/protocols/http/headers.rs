//! The request headers that the gateway reads, out of the HTTP library's map.

use actix_web::http::header::{HeaderMap, HeaderName};

use crate::request::{Metadata, MetadataKey};

/// The names in the order of [`MetadataKey`]. Made once: the HTTP library copies a name that is
/// given as text, at every look.
static NAMES: [HeaderName; 4] = [
    name(MetadataKey::RequestId),
    name(MetadataKey::TimeoutMs),
    name(MetadataKey::Criticality),
    name(MetadataKey::CriticalityKey),
];

const fn name(key: MetadataKey) -> HeaderName {
    HeaderName::from_static(key.name())
}

/// The header that carries a request's id, both ways.
pub(super) fn request_id() -> HeaderName {
    NAMES[MetadataKey::RequestId as usize].clone()
}

impl Metadata for HeaderMap {
    fn get(&self, key: MetadataKey) -> Option<&str> {
        let value = self.get(&NAMES[key as usize])?;
        Some(value.to_str().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_header_is_found_under_its_name() {
        assert_eq!(NAMES.len(), MetadataKey::ALL.len());
        for key in MetadataKey::ALL {
            assert_eq!(NAMES[key as usize].as_str(), key.name());
        }
    }
}
