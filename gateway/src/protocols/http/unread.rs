//! The rest of a body that was refused, held until the refusal is on its way.
//!
//! The HTTP library closes a connection whose request is held unread, and gives the client a moment
//! to read the answer. Of a chunked body that was dropped it waits for the end instead, for as long
//! as the client likes: a slow client would keep its connection for nothing.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    web::Payload,
};
use bytes::Bytes;

struct Holding {
    body: BoxBody,
    _unread: Payload,
}

impl MessageBody for Holding {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}

/// The refusal with the request's payload; one that was read to its end makes no difference.
#[must_use]
pub(crate) fn holding(refusal: HttpResponse, unread: Payload) -> HttpResponse {
    refusal.map_body(|_, body| {
        let held = Holding {
            body,
            _unread: unread,
        };
        held.boxed()
    })
}
