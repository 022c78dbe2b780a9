//! One request over HTTP and its one answer, whatever is spoken: its id, its count, its failure.

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web::Payload};
use common::RequestId;

use crate::{
    admission::holding,
    failure::Failure,
    front::{Front, InFlight},
    metrics::Protocol,
    respond,
};

/// A request from its arrival to its answer.
pub(super) struct Exchange<'f> {
    front: &'f Front,
    protocol: Protocol,
    id: RequestId,
    start: Instant,
    _in_flight: InFlight<'f>,
}

impl<'f> Exchange<'f> {
    pub(super) fn begin(front: &'f Front, protocol: Protocol, request: &HttpRequest) -> Self {
        let start = front.now();
        let given = request.headers().get(respond::REQUEST_ID);
        Self {
            id: front.request_id(given.and_then(|v| v.to_str().ok())),
            _in_flight: front.begin(),
            front,
            protocol,
            start,
        }
    }

    /// The caller's id, or one that was made.
    pub(super) fn id(&self) -> &RequestId {
        &self.id
    }

    /// When it arrived.
    pub(super) fn start(&self) -> Instant {
        self.start
    }

    /// Counts how it ended and gives the answer; a refusal keeps what is left of the body.
    pub(super) fn end(
        self,
        result: Result<HttpResponse, Failure>,
        payload: Payload,
    ) -> HttpResponse {
        let (front, id) = (self.front, self.id.as_str());
        let code = result.as_ref().err().map(|failure| failure.code);
        front.count(code);
        front.hand_over_outcomes();
        let took = front.now() - self.start;
        let metrics = &front.shared().metrics;
        metrics.answered(self.protocol, code, took.as_secs_f64());
        result.unwrap_or_else(|failure| {
            let code = failure.code.as_str();
            tracing::debug!(request_id = %id, code, message = %failure.message, "refused");
            holding(respond::failed(&failure, id), payload)
        })
    }
}
