//! The parsers of the request path, for the bench that compares them with others.
//!
//! Not an interface: what a parser makes stays inside this crate, only its size is told.

use inference_actor::ModelSpec;

use crate::{
    features::Catalogue,
    protocols::http::{oip, rest},
};

/// Most candidates of a request; the configuration's default.
const MAX_CANDIDATES: usize = 10_000;

/// Candidates known to the catalogue in a recommend request; none where it is not one.
#[must_use]
pub fn recommend(body: &[u8], catalogue: &Catalogue) -> Option<usize> {
    let request = rest::parse(body, catalogue, MAX_CANDIDATES).ok()?;
    request.candidates().map(|named| named.slots.len())
}

/// Bytes of the tensors of numbers of an inference request; none where it does not fit the model.
#[must_use]
pub fn infer(json: &str, spec: &ModelSpec) -> Option<usize> {
    oip::tensor_bytes(json, spec)
}
