//! The way of a request from admission to the model's answer, the same for every protocol.

use std::time::{Duration, Instant};

use common::{ErrorCode, tensor::Tensor};
use inference_actor::{InferReply, RunTimes, validate};

use super::{context::RequestContext, target::Target};
use crate::{failure::Failure, front::Front};

/// Tensors in the order of the model's inputs.
pub(crate) type Inputs = Vec<Option<Tensor>>;

/// How a run went.
pub(crate) struct RunOutcome<T> {
    /// What was made of the outputs; none where there was nothing to ask.
    pub output: Option<T>,
    /// What the actor reports.
    pub times: RunTimes,
    /// What preparing and validating took.
    pub preparing: Duration,
    /// When the outputs were there.
    pub ended: Instant,
}

/// Asks a model: admission, `prepare`, validation, the actor, `accept`, and the report to the
/// breaker. `prepare` makes the inputs once the request is admitted, and none where there is nothing
/// to ask; `accept` takes the outputs, and refusing them is the model's failure.
pub(crate) async fn run<T>(
    front: &Front,
    context: &RequestContext<'_>,
    target: &Target<'_>,
    prepare: impl AsyncFnOnce() -> Result<Option<Inputs>, Failure>,
    accept: impl FnOnce(Vec<Tensor>) -> Result<T, Failure>,
) -> Result<RunOutcome<T>, Failure> {
    let started = front.now();
    let series = || front.requests(context.protocol, target);
    context.series.get_or_init(series);
    if context.deadline.expired(started) {
        return Err(late());
    }
    let permit = front.admission().admit(target.lane(), context, started)?;
    tracing::debug!(
        parent: context.span,
        request_id = %context.id,
        protocol = context.protocol.label(),
        model = %target.spec.name,
        version = %target.spec.version,
        scene = target.scene,
        read_us = started.saturating_duration_since(context.arrived).as_micros(),
        "request admitted"
    );
    let mut prepared = started;
    let asked = async {
        let Some(inputs) = prepare().await.map_err(before_the_run)? else {
            prepared = front.now();
            return Ok(None);
        };
        let rows = validate(&target.spec, &inputs)?;
        prepared = front.now();
        if context.deadline.expired(prepared) {
            return Err(late());
        }
        let reply = front.infer(context, &target.route, inputs, rows).await?;
        let InferReply { outputs, times } = reply;
        Ok(Some((accept(outputs)?, times)))
    };
    let answer = asked.await;
    let ended = front.now();
    let (output, times) = match answer {
        Ok(Some((output, times))) => {
            permit.answered(&times, ended);
            (Some(output), times)
        }
        // Asked nothing, it says nothing about the model: the permit is dropped.
        Ok(None) => (None, RunTimes::default()),
        Err(failure) => {
            permit.failed(&failure, ended);
            return Err(failure);
        }
    };
    Ok(RunOutcome {
        output,
        times,
        preparing: prepared.saturating_duration_since(started),
        ended,
    })
}

/// What fails while the inputs are made says nothing about the model.
fn before_the_run(failure: Failure) -> Failure {
    Failure {
        never_ran: true,
        ..failure
    }
}

/// The deadline passed before the model was asked, which says nothing about the model.
fn late() -> Failure {
    let message = "the deadline passed before the model was asked; give the request more time";
    Failure {
        never_ran: true,
        ..Failure::new(ErrorCode::Deadline, message)
    }
}
