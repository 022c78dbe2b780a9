//! Asking a model: which actor, how long to wait, and when to ask another instead.
//!
//! A request is asked of another actor once, if its deadline allows and the first did not finish:
//! its engine panicked, it took no requests any more, or it was stuck in somebody else's run. The
//! inputs stay with the caller, so asking again copies nothing.

use std::{sync::Arc, time::Instant};

use common::{ErrorCode, tensor::Tensor};
use inference_actor::{Infer, InferFailure, InferReply, Rows, Work};
use pool::{ActorRoute, ModelRoute};
use tokio::sync::oneshot;

use super::Front;
use crate::{failure::Failure, request::RequestContext};

/// What is sent to an actor, whichever it is.
#[derive(Clone, Copy)]
struct Call<'c> {
    context: &'c RequestContext<'c>,
    route: &'c ModelRoute,
    work: &'c Arc<Work>,
    rows: Rows,
    leases_until: Instant,
}

impl Front {
    /// Asks an actor of the model and waits for the one answer, at most until the deadline.
    pub(crate) async fn infer(
        &self,
        context: &RequestContext<'_>,
        route: &ModelRoute,
        inputs: Vec<Option<Tensor>>,
        rows: Rows,
    ) -> Result<InferReply, Failure> {
        let call = Call {
            context,
            route,
            work: &Work::new(inputs),
            rows,
            leases_until: self.now() + self.shared.settings.arena.lease_limit.0,
        };
        let first = self.pick(route, None).ok_or_else(|| {
            let message = format!("no actor serves model `{}`", route.name);
            Failure::new(ErrorCode::ModelUnavailable, message)
        })?;
        let failure = match self.ask(call, first, true).await {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        if !failure.retry_on_other_actor || context.deadline.expired(self.now()) {
            return Err(failure.into());
        }
        let now = self.route_of_now(route);
        let Some(second) = self.pick(now.as_deref().unwrap_or(route), Some(first)) else {
            return Err(failure.into());
        };
        tracing::debug!(
            parent: context.span,
            request_id = %context.id, first = %first.id, second = %second.id, reason = %failure,
            "request retried on another actor"
        );
        self.shared.metrics.retried_on_other_actor();
        Ok(self.ask(call, second, false).await?)
    }

    fn pick<'r>(&self, route: &'r ModelRoute, not: Option<&ActorRoute>) -> Option<&'r ActorRoute> {
        let spread = usize::try_from(self.sequence.get()).unwrap_or(0);
        route.pick(self.host, spread, not.map(|actor| &actor.id))
    }

    /// The model's route as it is by now, if it still takes the same inputs.
    fn route_of_now(&self, route: &ModelRoute) -> Option<Arc<ModelRoute>> {
        let now = Arc::clone(self.pool().table().resolve(&route.reference(), 0)?);
        let same = match (&now.spec, &route.spec) {
            (Some(now), Some(then)) => Arc::ptr_eq(now, then),
            _ => false,
        };
        same.then_some(now)
    }

    /// Asks this actor. Where another may be asked after it, gives up one that stalls.
    async fn ask(
        &self,
        call: Call<'_>,
        actor: &ActorRoute,
        may_ask_another: bool,
    ) -> Result<InferReply, InferFailure> {
        let Call { context, work, .. } = call;
        let (reply, mut answer) = oneshot::channel();
        // From before the request is sent, so that no stall that holds it up is missed.
        let stall = actor.gauge.next_stall();
        let infer = Infer {
            work: Arc::clone(work),
            rows: call.rows,
            deadline: context.deadline,
            criticality: context.criticality,
            span: context.span.clone(),
            sent_at: self.now(),
            reply,
            permit: actor.gauge.permit(),
        };
        actor.addr.try_send(infer).map_err(|refused| {
            let (code, message) = match refused {
                actix::dev::SendError::Full(_) => (
                    ErrorCode::Overloaded,
                    "the model's queue is full".to_owned(),
                ),
                actix::dev::SendError::Closed(_) => (
                    ErrorCode::ModelUnavailable,
                    format!("the actor {} has stopped", actor.id),
                ),
            };
            InferFailure::retryable_on_other_actor(code, message)
        })?;
        // Whichever comes first: the answer is of no use, or the request's memory is needed back.
        let until = context.deadline.at().min(call.leases_until).into();
        // A stall of this very thread cannot be seen from it; and who may not ask another waits here.
        let sees_stalls = may_ask_another && actor.host != Some(self.host);
        tokio::select! {
            biased;
            answered = tokio::time::timeout_at(until, &mut answer) => return self.settled(answered, call),
            () = stall, if sees_stalls => {}
        }
        let others = self.route_of_now(call.route);
        let other = others.and_then(|now| self.pick(&now, Some(actor)).map(|a| a.gauge.answers()));
        let in_time = !context.deadline.expired(self.now());
        if in_time && !work.started() && other == Some(true) {
            // Dropping the receiver takes the request out of the stalled actor's list.
            return Err(InferFailure::retryable_on_other_actor(
                ErrorCode::ModelUnavailable,
                format!("the actor {} is stalled in a run", actor.id),
            ));
        }
        let answered = tokio::time::timeout_at(until, answer).await;
        self.settled(answered, call)
    }

    /// Cancels a request that has held its tensors for as long as it may: nobody waits for it any
    /// more, so it is dropped before its run, and its memory comes back when its tensors do.
    fn overdue(&self, work: &Work) -> InferFailure {
        self.shared.arenas.count_overdue();
        let limit = self.shared.settings.arena.lease_limit;
        let message =
            format!("the request held tensor memory for longer than arena.lease_limit ({limit})");
        InferFailure {
            never_ran: !work.started(),
            ..InferFailure::new(ErrorCode::Overloaded, message)
        }
    }

    fn settled(&self, answered: Answered, call: Call<'_>) -> Result<InferReply, InferFailure> {
        let (deadline, work) = (call.context.deadline, call.work);
        match answered {
            // A run on this very thread keeps the timer from firing; its answer is late all the same.
            Ok(Ok(Ok(_))) if deadline.expired(self.now()) => Err(late(true)),
            Ok(Ok(result)) => result,
            // It ended without a word: its thread was given up. Whether the engine finished is
            // unknown, but nobody else will answer.
            Ok(Err(_)) => Err(InferFailure::retryable_on_other_actor(
                ErrorCode::Internal,
                "the actor stopped before it answered the request",
            )),
            Err(_) if !deadline.expired(self.now()) => Err(self.overdue(work)),
            Err(_) => Err(late(work.started())),
        }
    }
}

/// The deadline passed; a request whose run never began says nothing about the model.
fn late(ran: bool) -> InferFailure {
    let message = "the deadline passed before the model answered; give the request more time";
    InferFailure {
        never_ran: !ran,
        ..InferFailure::new(ErrorCode::Deadline, message)
    }
}

type Answered = Result<
    Result<inference_actor::InferResult, oneshot::error::RecvError>,
    tokio::time::error::Elapsed,
>;
