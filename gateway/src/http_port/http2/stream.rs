//! One request on a stream: called, answered, given up where the client gives it up.

use std::{
    cell::Cell, future::poll_fn, net::SocketAddr, pin::pin, rc::Rc, sync::Arc, task::Poll,
    time::Duration,
};

use actix_http::{BoxedPayloadStream, Payload, Request, Response, ResponseHead, StatusCode};
use actix_service::Service;
use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    http::header::{
        CONNECTION, CONTENT_LENGTH, DATE, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
    },
};
use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, server::SendResponse};
use tokio::time::timeout;

use super::{body::RequestBody, heads};
use crate::{
    admission::AnswerBudget,
    http_port::{
        connection::{Connection, InFlight},
        date::CachedDate,
        large, track,
    },
    protocols::http::respond,
};

/// Of an answer, at most this much is offered at once.
const CHUNK_BYTES: usize = 16 << 10;

/// A request's way through the connection.
pub(super) struct Stream {
    pub(super) in_flight: InFlight,
    pub(super) connection: Rc<Connection>,
    pub(super) peer: Option<SocketAddr>,
    /// Resets by the client, less the answers it took.
    pub(super) resets: Rc<Cell<u32>>,
    pub(super) answers: Arc<AnswerBudget>,
    pub(super) write: Duration,
    pub(super) date: Rc<CachedDate>,
}

impl Stream {
    /// Calls the service and sends what it answers.
    pub(super) async fn answer<S>(
        self,
        request: http::Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        service: Rc<S>,
    ) where
        S: Service<Request, Error = Response<BoxBody>>,
        S::Response: Into<Response<BoxBody>>,
    {
        let head_bytes = heads::memory_bytes(request.headers());
        let Some(_head) = self.answers.lease(head_bytes) else {
            respond.send_reset(Reason::REFUSED_STREAM);
            return;
        };
        let is_head = request.method() == http::Method::HEAD;
        let request = self.request(request);
        let answer = {
            let mut answer = pin!(service.call(request));
            poll_fn(|cx| {
                if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                    return Poll::Ready(Some(answer));
                }
                // The client has given it up, or the connection is gone.
                respond.poll_reset(cx).map(|_| None)
            })
            .await
        };
        let Some(answer) = answer else {
            self.resets.set(self.resets.get().saturating_add(1));
            self.connection.wake();
            return;
        };
        self.resets.set(self.resets.get().saturating_sub(1));
        let mut answer: Response<BoxBody> = answer.map_or_else(|error| error, Into::into);
        let lease = large(answer.body()).map(|bytes| self.answers.lease(bytes));
        if let Some(None) = lease {
            let refusal = respond::failed(&track::refusal(&self.answers), "");
            answer = refusal.into();
        }
        self.connection.answered();
        if let Err(error) = self.send(answer, respond, is_head).await {
            tracing::debug!(%error, "an answer could not be sent");
        }
        // Until now: a drain waits for it.
        drop(self.in_flight);
    }

    fn request(&self, request: http::Request<RecvStream>) -> Request {
        let (parts, body) = request.into_parts();
        let body = RequestBody::new(body, Rc::clone(&self.connection));
        let body: BoxedPayloadStream = Box::pin(body);
        let mut request = Request::with_payload(Payload::from(body));
        let head = request.head_mut();
        head.uri = parts.uri;
        head.method = parts.method;
        head.version = parts.version;
        head.headers = parts.headers.into();
        head.peer_addr = self.peer;
        request
    }

    async fn send(
        &self,
        answer: Response<BoxBody>,
        mut respond: SendResponse<Bytes>,
        is_head: bool,
    ) -> Result<(), h2::Error> {
        let (answer, body) = answer.into_parts();
        let head = answer_head(answer.head(), body.size(), self.date.value());
        let no_body = is_head || body.size().is_eof();
        let mut stream = respond.send_response(head, no_body)?;
        if no_body {
            return Ok(());
        }
        let mut body = pin!(body);
        while let Some(chunk) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
            match chunk {
                Ok(chunk) => self.send_chunk(&mut stream, chunk).await?,
                Err(_) => {
                    stream.send_reset(Reason::INTERNAL_ERROR);
                    return Ok(());
                }
            }
        }
        stream.send_data(Bytes::new(), true)
    }

    async fn send_chunk(
        &self,
        stream: &mut SendStream<Bytes>,
        mut chunk: Bytes,
    ) -> Result<(), h2::Error> {
        while !chunk.is_empty() {
            stream.reserve_capacity(chunk.len().min(CHUNK_BYTES));
            let capacity = poll_fn(|cx| stream.poll_capacity(cx));
            let Ok(capacity) = timeout(self.write, capacity).await else {
                stream.send_reset(Reason::CANCEL);
                return Err(Reason::CANCEL.into());
            };
            let Some(capacity) = capacity else {
                return Err(Reason::CANCEL.into());
            };
            let length = capacity?.min(chunk.len());
            // The frames by which the client opens its window are about this.
            self.connection.accounted(length as u64);
            stream.send_data(chunk.split_to(length), false)?;
        }
        Ok(())
    }
}

/// The head without what only HTTP/1 has, with a length and a date.
fn answer_head(
    head: &ResponseHead,
    size: BodySize,
    now: Option<HeaderValue>,
) -> http::Response<()> {
    let mut answer = http::Response::new(());
    *answer.status_mut() = head.status;
    *answer.version_mut() = http::Version::HTTP_2;
    let headers = answer.headers_mut();
    let hop_by_hop = [CONNECTION, TRANSFER_ENCODING, UPGRADE, CONTENT_LENGTH];
    let others = ["keep-alive", "proxy-connection"].map(HeaderName::from_static);
    for (name, value) in head.headers.iter() {
        if !hop_by_hop.contains(name) && !others.contains(name) {
            headers.append(name, value.clone());
        }
    }
    if let BodySize::Sized(bytes) = size
        && head.status != StatusCode::NO_CONTENT
    {
        headers.insert(CONTENT_LENGTH, bytes.into());
    }
    if !headers.contains_key(DATE)
        && let Some(now) = now
    {
        headers.insert(DATE, now);
    }
    answer
}
