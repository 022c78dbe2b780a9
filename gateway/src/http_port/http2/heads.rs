//! What a request's head takes in memory.

use http::HeaderMap;

/// Memory of one field beyond its text: an entry of the map with its name and value.
const FIELD_BYTES: u64 = 160;

/// About so many bytes.
pub(super) fn memory_bytes(headers: &HeaderMap) -> u64 {
    let fields = headers.iter();
    fields
        .map(|(name, value)| FIELD_BYTES + (name.as_str().len() + value.len()) as u64)
        .sum()
}
