//! Compressed bodies, both ways, and never more than a bound of them.

use std::io::{Read, Write};

use actix_web::http::header::{self, HeaderMap};
use common::{ByteSize, ErrorCode};
use flate2::{
    Compression,
    read::{MultiGzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};

use crate::{admission::Body, failure::Failure};

/// Answers below this grow when they are compressed.
const WORTH_COMPRESSING_BYTES: usize = 128;

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Identity,
    /// gzip, possibly of several members.
    Gzip,
    /// zlib, which HTTP calls deflate.
    Deflate,
}

impl Coding {
    /// The name in headers; none for no coding.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
        }
    }

    /// How a request's body is coded.
    pub(super) fn of_request(headers: &HeaderMap) -> Result<Self, Failure> {
        let mut codings = headers.get_all(header::CONTENT_ENCODING);
        let text = codings
            .next()
            .map_or(Ok(""), |v| v.to_str())
            .unwrap_or("?")
            .trim();
        let coding = if text.is_empty() || text.eq_ignore_ascii_case("identity") {
            Some(Self::Identity)
        } else if text.eq_ignore_ascii_case("gzip") || text.eq_ignore_ascii_case("x-gzip") {
            Some(Self::Gzip)
        } else if text.eq_ignore_ascii_case("deflate") {
            Some(Self::Deflate)
        } else {
            None
        };
        match (coding, codings.next()) {
            (Some(coding), None) => Ok(coding),
            _ => Err(Failure::new(
                ErrorCode::MediaType,
                "send the body with Content-Encoding gzip, deflate or identity, once",
            )),
        }
    }

    /// The coding that the caller likes best of ours; none where it names none.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT_ENCODING);
        let offers = values
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','));
        let mut best = (0.0, Self::Identity);
        for offer in offers {
            let mut parts = offer.split(';');
            let coding = match parts.next().unwrap_or_default().trim() {
                name if name.eq_ignore_ascii_case("gzip") => Self::Gzip,
                name if name.eq_ignore_ascii_case("deflate") => Self::Deflate,
                _ => continue,
            };
            let weight = parts.find_map(|p| p.trim().strip_prefix("q=")?.parse::<f32>().ok());
            let weight = weight.unwrap_or(1.0);
            if weight > best.0 {
                best = (weight, coding);
            }
        }
        best.1
    }

    /// The body itself, of at most `most` bytes, and within the budget of all bodies. What is read
    /// stops one byte after the bound, so a small body that unfolds to a huge one costs no more than
    /// the bound.
    pub(super) fn decode(self, body: Body, most: ByteSize) -> Result<Body, Failure> {
        match self {
            Self::Identity => Ok(body),
            Self::Gzip => unfold(MultiGzDecoder::new(&*body), &body, most),
            Self::Deflate => unfold(ZlibDecoder::new(&*body), &body, most),
        }
    }

    /// The coded body and the coding used: none for a body that is too small for it.
    pub(super) fn encode(self, body: Vec<u8>) -> (Vec<u8>, Self) {
        if self == Self::Identity || body.len() < WORTH_COMPRESSING_BYTES {
            return (body, Self::Identity);
        }
        let room = Vec::with_capacity(body.len() / 2);
        let encoded = match self {
            Self::Identity => Ok(Vec::new()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(room, Compression::fast());
                encoder.write_all(&body).and_then(|()| encoder.finish())
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(room, Compression::fast());
                encoder.write_all(&body).and_then(|()| encoder.finish())
            }
        };
        match encoded {
            Ok(encoded) => (encoded, self),
            // Writing to memory does not fail; the plain body is right in any case.
            Err(_) => (body, Self::Identity),
        }
    }
}

fn unfold(mut decoder: impl Read, body: &Body, most: ByteSize) -> Result<Body, Failure> {
    let damaged = |e| Failure::invalid(format!("the compressed body is damaged: {e}"));
    let most_bytes = most.as_usize();
    let mut decoded = body.growing(most_bytes.saturating_add(1));
    loop {
        let memory = decoded.with_memory_for(1)?;
        let spare = memory.capacity() - memory.len();
        // No more than there is memory for, so that it never grows by itself.
        let part = decoder.by_ref().take(spare as u64);
        let read = { part }.read_to_end(memory).map_err(damaged)?;
        if memory.len() > most_bytes {
            let message = format!("the body is larger than {most} once it is decompressed");
            return Err(Failure::new(ErrorCode::TooLarge, message));
        }
        if read < spare {
            return Ok(decoded.done());
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;
    use crate::admission::{BodyBudget, budget_body};

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        headers
    }

    fn roomy() -> std::sync::Arc<BodyBudget> {
        BodyBudget::new(ByteSize(1 << 30))
    }

    #[test]
    fn what_is_encoded_decodes_again() {
        let plain: Vec<u8> = (0..10_000u32).flat_map(u32::to_le_bytes).collect();
        for coding in [Coding::Gzip, Coding::Deflate] {
            let (encoded, used) = coding.encode(plain.clone());
            assert_eq!(used, coding);
            let decode = |most| coding.decode(budget_body(&roomy(), &encoded), ByteSize(most));
            assert_eq!(*decode(40_000).unwrap(), *plain);
            assert!(decode(39_999).is_err());
        }
        let (same, used) = Coding::Identity.encode(plain.clone());
        assert_eq!((same, used), (plain, Coding::Identity));
    }

    #[test]
    fn a_bomb_unfolds_no_further_than_the_bound() {
        let (bomb, _) = Coding::Gzip.encode(vec![0; 64 << 20]);
        let decode = |bomb: &[u8], most| {
            let body = budget_body(&roomy(), bomb);
            Coding::Gzip.decode(body, ByteSize(most)).unwrap_err().code
        };
        assert_eq!(decode(&bomb, 1 << 20), ErrorCode::TooLarge);
        assert_eq!(decode(&bomb[..bomb.len() / 2], 1 << 30), ErrorCode::Invalid);
    }

    #[test]
    fn what_unfolds_counts_against_the_budget_of_all_bodies() {
        let (bomb, _) = Coding::Gzip.encode(vec![0; 8 << 20]);
        let budget = BodyBudget::new(ByteSize(4 << 20));
        let body = budget_body(&budget, &bomb);
        let failure = Coding::Gzip.decode(body, ByteSize(64 << 20)).unwrap_err();
        assert_eq!(failure.code, ErrorCode::Overloaded);
        assert_eq!(budget.held_bytes(), 0);
        let body = budget_body(&BodyBudget::new(ByteSize(17 << 20)), &bomb);
        assert_eq!(
            Coding::Gzip.decode(body, ByteSize(64 << 20)).unwrap().len(),
            8 << 20
        );
    }

    #[test]
    fn the_callers_weights_are_heeded() {
        let accepted = |value| Coding::accepted(&headers(header::ACCEPT_ENCODING, value));
        assert_eq!(accepted("gzip, deflate"), Coding::Gzip);
        assert_eq!(accepted("deflate;q=1.0, gzip;q=0.5"), Coding::Deflate);
        assert_eq!(accepted("gzip;q=0"), Coding::Identity);
        assert_eq!(accepted("br"), Coding::Identity);
        let sent = |value| Coding::of_request(&headers(header::CONTENT_ENCODING, value));
        assert_eq!(sent("GZIP").unwrap(), Coding::Gzip);
        assert!(sent("br").is_err() && sent("gzip, gzip").is_err());
    }
}
