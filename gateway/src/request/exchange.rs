//! One request and its one answer, whatever protocol it is: its id, its count, its trace.

use std::{
    cell::OnceCell,
    rc::Rc,
    time::{Duration, Instant},
};

use common::RequestId;
use tracing::Span;

use super::{
    context::{Origin, RequestContext},
    metadata::{Metadata, MetadataKey},
    protocol::Protocol,
};
use crate::{
    failure::Failure,
    front::{Front, InFlight},
    live::{Live, LiveView},
    metrics::RequestSeries,
};

/// A request from its arrival to its answer. If it is dropped before it is finished, the caller has
/// disconnected; then only the count of requests in flight changes.
pub(crate) struct Exchange<'f> {
    front: &'f Front,
    protocol: Protocol,
    id: RequestId,
    arrived: Instant,
    span: Span,
    /// The metric series that count it, once its model is known.
    series: OnceCell<Rc<RequestSeries>>,
    live: LiveView,
    _in_flight: InFlight<'f>,
}

impl<'f> Exchange<'f> {
    /// Begins when the headers are there.
    pub(crate) fn begin(front: &'f Front, protocol: Protocol, metadata: &impl Metadata) -> Self {
        let arrived = front.now();
        let id = front.request_id(metadata.get(MetadataKey::RequestId));
        // A disabled span records nothing and does not format the id.
        let span = tracing::debug_span!("request", protocol = protocol.label(), request_id = %id);
        Self {
            _in_flight: front.begin(),
            front,
            protocol,
            id,
            arrived,
            span,
            series: OnceCell::new(),
            live: front.live(),
        }
    }

    /// The caller's id, or one that was made.
    #[must_use]
    pub(crate) fn id(&self) -> &RequestId {
        &self.id
    }

    /// What is in force for this request.
    #[must_use]
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// What the headers say. `limit` is the configured deadline of requests of this kind.
    pub(crate) fn context(
        &self,
        metadata: &impl Metadata,
        limit: Duration,
    ) -> Result<RequestContext<'_>, Failure> {
        let origin = Origin {
            id: &self.id,
            protocol: self.protocol,
            arrived: self.arrived,
            span: &self.span,
            series: &self.series,
            live: &self.live,
        };
        RequestContext::read(origin, metadata, limit)
    }

    /// Counts how it ended, right before the answer is handed to the connection.
    pub(crate) fn finish(&self, failure: Option<&Failure>) {
        let front = self.front;
        let code = failure.map(|failure| failure.code);
        front.count(code);
        front.hand_over_outcomes();
        let took = front.now() - self.arrived;
        let series = match self.series.get() {
            Some(series) => series,
            None => front.other_requests(self.protocol),
        };
        series.answered(code, took.as_secs_f64());
        if let Some(failure) = failure {
            tracing::debug!(
                parent: &self.span,
                request_id = %self.id,
                code = failure.code.as_str(),
                message = %failure.message,
                "request refused"
            );
        }
    }
}
