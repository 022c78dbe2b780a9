//! The headers that say what an inference request's body is.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderName},
};
use common::ErrorCode;

use super::coding::Coding;
use crate::failure::Failure;

/// The header that tells the length of the JSON in front of binary data, both ways.
pub(super) static HEADER_LENGTH: HeaderName =
    HeaderName::from_static("inference-header-content-length");

/// How to read a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyForm {
    pub(super) coding: Coding,
    /// Length of the JSON, where binary data follows.
    pub(super) json_bytes: Option<usize>,
}

impl BodyForm {
    /// Reads the headers of a request.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Failure> {
        let headers = request.headers();
        let text = |name| headers.get(name).map(|v| v.to_str().unwrap_or("?").trim());
        let media = text(header::CONTENT_TYPE).unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        let known = ["", "application/json", "application/octet-stream"];
        if !known.iter().any(|known| media.eq_ignore_ascii_case(known)) {
            let message = "send Content-Type: application/json or application/octet-stream";
            return Err(Failure::new(ErrorCode::MediaType, message));
        }
        let length = match headers.get(&HEADER_LENGTH) {
            None => None,
            Some(value) => {
                let length = value.to_str().ok().and_then(|v| v.trim().parse().ok());
                let message =
                    "header Inference-Header-Content-Length must be the length of the JSON";
                Some(length.ok_or_else(|| Failure::invalid(message))?)
            }
        };
        Ok(Self {
            coding: Coding::of_request(headers)?,
            json_bytes: length,
        })
    }

    /// How large the body is once it is decoded, at most.
    pub(super) fn unfolded_bytes(self, body: &[u8]) -> usize {
        match self.coding {
            Coding::Identity => body.len(),
            // It unfolds to a thousand times its size at most.
            _ => usize::MAX,
        }
    }

    /// The JSON, and the binary data behind it.
    pub(super) fn split(self, body: &[u8]) -> Result<(&str, &[u8]), Failure> {
        let length = self.json_bytes.unwrap_or(body.len());
        let Some((json, binary)) = body.split_at_checked(length) else {
            let message = format!(
                "header Inference-Header-Content-Length is {length}, the body has {} bytes",
                body.len()
            );
            return Err(Failure::invalid(message));
        };
        let json = std::str::from_utf8(json).map_err(|e| {
            Failure::invalid(format!("the JSON is not UTF-8 at byte {}", e.valid_up_to()))
        })?;
        Ok((json, binary))
    }
}
