//! Reading a body within its bounds of size and time.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, http::header, web::Payload};
use bytes::Bytes;
use common::{ByteSize, ErrorCode};
use futures_util::StreamExt;

use crate::{
    admission::{Body, BodyBudget, Growing},
    failure::Failure,
};

/// Bounds on a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits<'b> {
    /// What it shares with all others.
    pub(crate) budget: &'b Arc<BodyBudget>,
    /// Largest body taken.
    pub(crate) most: ByteSize,
    /// Of a larger one, at most this much is read and thrown away: a client that is still sending
    /// would otherwise see its connection reset instead of the answer.
    pub(crate) discard: ByteSize,
    /// The body must be there within this time.
    pub(crate) time: Duration,
}

/// Reads the whole body, or says why not.
pub(crate) async fn read_body(
    request: &HttpRequest,
    payload: &mut Payload,
    limits: BodyLimits<'_>,
) -> Result<Body, Failure> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<u64>().ok());
    let oversized = announced.is_some_and(|bytes| bytes > limits.most.0);
    let mut refused = oversized.then(|| too_large(limits));
    let read = async {
        let refusal = match refused.clone() {
            Some(refusal) => refusal,
            None => match collect(payload, limits, announced).await {
                Ok(body) => return Ok(body),
                Err(Unread::Cut(failure)) => return Err(failure),
                Err(Unread::Refused(refusal)) => refusal,
            },
        };
        refused = Some(refusal.clone());
        // Also where the client asked first (Expect: 100-continue): the server has told it to go
        // on before this code hears of the request.
        discard(payload, limits).await;
        Err(refusal)
    };
    let read = tokio::time::timeout(limits.time, read).await;
    // However long the rest takes, it does not mend what is wrong.
    if let Some(refusal) = refused {
        return Err(refusal);
    }
    read.unwrap_or_else(|_| {
        let within = common::Span(limits.time);
        Err(Failure::new(
            ErrorCode::SlowRequest,
            format!("the request body did not arrive within {within}; send it faster, or raise http.body_timeout"),
        ))
    })
}

/// Why a body is not whole.
enum Unread {
    /// It is not wanted. The rest may be read, so that the client gets to read the answer.
    Refused(Failure),
    /// Nothing more can be read.
    Cut(Failure),
}

async fn collect(
    payload: &mut Payload,
    limits: BodyLimits<'_>,
    announced: Option<u64>,
) -> Result<Body, Unread> {
    let most = limits.most.as_usize();
    let fits = |bytes: usize| match bytes <= most {
        true => Ok(()),
        false => Err(Unread::Refused(too_large(limits))),
    };
    let first = next(payload).await?.unwrap_or_default();
    fits(first.len())?;
    let mut room = limits.budget.room();
    room.grow_to(first.len()).map_err(Unread::Refused)?;
    let Some(second) = next(payload).await? else {
        return Ok(Body::new(first, room));
    };
    drop(room);
    let announced = announced.and_then(|bytes| usize::try_from(bytes).ok());
    let mut body = Growing::new(limits.budget.room(), announced.unwrap_or(most));
    body.extend(&first).map_err(Unread::Refused)?;
    let mut chunk = Some(second);
    while let Some(bytes) = chunk {
        fits(body.len() + bytes.len())?;
        body.extend(&bytes).map_err(Unread::Refused)?;
        chunk = next(payload).await?;
    }
    Ok(body.done())
}

/// Reads the rest, within bounds, so that the client gets to read the refusal.
async fn discard(payload: &mut Payload, limits: BodyLimits<'_>) {
    let mut left = limits.discard.as_usize();
    while left > 0 {
        match next(payload).await {
            Ok(Some(chunk)) => left = left.saturating_sub(chunk.len()),
            Ok(None) | Err(_) => break,
        }
    }
}

async fn next(payload: &mut Payload) -> Result<Option<Bytes>, Unread> {
    let cut = |e| {
        Failure::invalid(format!(
            "the request body ended before it was complete: {e}"
        ))
    };
    payload
        .next()
        .await
        .transpose()
        .map_err(|e| Unread::Cut(cut(e)))
}

fn too_large(limits: BodyLimits<'_>) -> Failure {
    Failure::new(
        ErrorCode::TooLarge,
        format!("the request body is larger than {}", limits.most),
    )
}

/// Refuses bodies that are not plain JSON.
pub(super) fn require_json(request: &HttpRequest) -> Result<(), Failure> {
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
        let message = "send the header Content-Type: application/json";
        return Err(Failure::new(ErrorCode::MediaType, message));
    }
    let encoding = text(header::CONTENT_ENCODING);
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        return Ok(());
    }
    let message = "this path takes no compressed bodies; send the body without Content-Encoding";
    Err(Failure::new(ErrorCode::MediaType, message))
}
