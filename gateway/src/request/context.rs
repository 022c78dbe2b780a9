//! What is known of a request besides its body.

use std::{
    cell::OnceCell,
    rc::Rc,
    time::{Duration, Instant},
};

use common::{Criticality, Deadline, RequestId};
use tracing::Span;

use super::{criticality::criticality, deadline::deadline, metadata::Metadata, protocol::Protocol};
use crate::{failure::Failure, live::Live, metrics::RequestSeries};

/// See the module. Cheap to copy: what is not a number lives in the exchange.
#[derive(Clone, Copy)]
pub(crate) struct RequestContext<'x> {
    /// The caller's id, or one that was made.
    pub id: &'x RequestId,
    /// The protocol it arrived by.
    pub protocol: Protocol,
    /// The time at which its headers were complete.
    pub arrived: Instant,
    /// The time after which its answer is of no use.
    pub deadline: Deadline,
    /// The time a request of its kind gets where it asks for nothing shorter.
    pub configured_deadline: Duration,
    /// Its class: which requests are shed first under overload.
    pub criticality: Criticality,
    /// Its tracing span; disabled unless a subscriber enables its level.
    pub span: &'x Span,
    /// The metric series that count it; set by the run, which knows the model.
    pub series: &'x OnceCell<Rc<RequestSeries>>,
    /// The scenes and limits in force for it.
    pub live: &'x Live,
}

/// Where a context comes from besides the headers.
#[derive(Clone, Copy)]
pub(super) struct Origin<'x> {
    pub(super) id: &'x RequestId,
    pub(super) protocol: Protocol,
    pub(super) arrived: Instant,
    pub(super) span: &'x Span,
    pub(super) series: &'x OnceCell<Rc<RequestSeries>>,
    pub(super) live: &'x Live,
}

impl<'x> RequestContext<'x> {
    /// Reads the headers. `limit` is the configured deadline of requests of this kind.
    pub(super) fn read(
        origin: Origin<'x>,
        metadata: &impl Metadata,
        limit: Duration,
    ) -> Result<Self, Failure> {
        Ok(Self {
            id: origin.id,
            protocol: origin.protocol,
            arrived: origin.arrived,
            deadline: deadline(origin.arrived, metadata, limit)?,
            configured_deadline: limit,
            criticality: criticality(metadata, &origin.live.admission.priority_key)?,
            span: origin.span,
            series: origin.series,
            live: origin.live,
        })
    }

    /// The same with at most this time, counted from the arrival; a longer one changes nothing.
    #[must_use]
    pub(crate) fn tightened(self, limit: Option<Duration>) -> Self {
        let deadline = match limit {
            Some(limit) => self.deadline.tightened(limit),
            None => self.deadline,
        };
        Self { deadline, ..self }
    }
}
