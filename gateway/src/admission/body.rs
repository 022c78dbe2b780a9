//! Reading a body within its bounds of size and time.

use std::time::Duration;

use actix_web::{HttpRequest, http::header, web::Payload};
use bytes::{Bytes, BytesMut};
use common::{ByteSize, ErrorCode};
use futures_util::StreamExt;

use crate::failure::Failure;

/// Bounds on a body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Largest body taken.
    pub most: ByteSize,
    /// Of a larger one, at most this much is read and thrown away: a client that is still sending
    /// would otherwise see its connection reset instead of the answer.
    pub discard: ByteSize,
    /// The body must be there within this time.
    pub time: Duration,
}

/// Reads the whole body, or says why not.
pub async fn read_body(
    request: &HttpRequest,
    payload: &mut Payload,
    limits: BodyLimits,
) -> Result<Bytes, Failure> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<u64>().ok());
    let mut oversized = announced.is_some_and(|bytes| bytes > limits.most.0);
    let read = async {
        if !oversized {
            if let Some(body) = collect(payload, limits).await? {
                return Ok(body);
            }
            oversized = true;
        }
        // Also where the client asked first (Expect: 100-continue): the server has told it to go
        // on before this code hears of the request.
        discard(payload, limits).await?;
        Err(too_large(limits))
    };
    match tokio::time::timeout(limits.time, read).await {
        Ok(result) => result,
        // However long the rest takes, the body will not get any smaller.
        Err(_) if oversized => Err(too_large(limits)),
        Err(_) => {
            let within = common::Span(limits.time);
            Err(Failure::new(
                ErrorCode::SlowRequest,
                format!("the body did not arrive within {within}"),
            ))
        }
    }
}

/// The whole body; none as soon as it is too large.
async fn collect(payload: &mut Payload, limits: BodyLimits) -> Result<Option<Bytes>, Failure> {
    let fits = |bytes: &[u8]| bytes.len() <= limits.most.as_usize();
    let Some(first) = next(payload).await? else {
        return Ok(Some(Bytes::new()));
    };
    let Some(second) = next(payload).await? else {
        return Ok(Some(first).filter(|body| fits(body)));
    };
    let mut body = BytesMut::from(first);
    body.extend_from_slice(&second);
    while fits(&body) {
        match next(payload).await? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => return Ok(Some(body.freeze())),
        }
    }
    Ok(None)
}

async fn discard(payload: &mut Payload, limits: BodyLimits) -> Result<(), Failure> {
    let mut left = limits.discard.as_usize();
    while left > 0 {
        match next(payload).await? {
            Some(chunk) => left = left.saturating_sub(chunk.len()),
            None => break,
        }
    }
    Ok(())
}

async fn next(payload: &mut Payload) -> Result<Option<Bytes>, Failure> {
    let cut = |e| Failure::invalid(format!("the body ended before it was whole: {e}"));
    payload.next().await.transpose().map_err(cut)
}

fn too_large(limits: BodyLimits) -> Failure {
    Failure::new(
        ErrorCode::TooLarge,
        format!("the body is larger than {}", limits.most),
    )
}

/// Refuses bodies that are not plain JSON.
pub fn require_json(request: &HttpRequest) -> Result<(), Failure> {
    let text = |name| {
        request
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let media_type = text(header::CONTENT_TYPE)
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let told = "send the header Content-Type: application/json";
        return Err(Failure::new(ErrorCode::MediaType, told));
    }
    let encoding = text(header::CONTENT_ENCODING);
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        return Ok(());
    }
    let told = "this path takes no compressed bodies; send it without Content-Encoding";
    Err(Failure::new(ErrorCode::MediaType, told))
}
