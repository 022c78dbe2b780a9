//! What is known of a request besides its body.

use std::{
    cell::OnceCell,
    rc::Rc,
    time::{Duration, Instant},
};

use common::{Criticality, Deadline, RequestId, config::Secret};
use tracing::Span;

use super::{criticality::criticality, deadline::deadline, metadata::Metadata, protocol::Protocol};
use crate::{failure::Failure, metrics::RequestSeries};

/// See the module. Cheap to copy: what is not a number lives in the exchange.
#[derive(Clone, Copy)]
pub(crate) struct RequestContext<'x> {
    /// The caller's id, or one that was made.
    pub id: &'x RequestId,
    /// Which protocol it came by.
    pub protocol: Protocol,
    /// When its last header byte was there.
    pub arrived: Instant,
    /// When its answer is of no more use.
    pub deadline: Deadline,
    /// The time a request of its kind gets where it asks for nothing shorter.
    pub configured_deadline: Duration,
    /// How much it matters when not all can be answered.
    pub criticality: Criticality,
    /// What traces show of it; disabled unless somebody listens.
    pub span: &'x Span,
    /// Where it is counted; set by the run, which knows what is asked.
    pub series: &'x OnceCell<Rc<RequestSeries>>,
}

/// Where a context comes from besides the headers.
#[derive(Clone, Copy)]
pub(super) struct Origin<'x> {
    pub(super) id: &'x RequestId,
    pub(super) protocol: Protocol,
    pub(super) arrived: Instant,
    pub(super) span: &'x Span,
    pub(super) series: &'x OnceCell<Rc<RequestSeries>>,
}

impl<'x> RequestContext<'x> {
    /// Reads the headers. `limit` is the configured deadline of requests of this kind;
    /// `priority_key` allows the highest class.
    pub(super) fn read(
        origin: Origin<'x>,
        metadata: &impl Metadata,
        limit: Duration,
        priority_key: &Secret,
    ) -> Result<Self, Failure> {
        Ok(Self {
            id: origin.id,
            protocol: origin.protocol,
            arrived: origin.arrived,
            deadline: deadline(origin.arrived, metadata, limit)?,
            configured_deadline: limit,
            criticality: criticality(metadata, priority_key)?,
            span: origin.span,
            series: origin.series,
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
