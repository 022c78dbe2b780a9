//! The main job: from a user and candidates to a ranked list.
//!
//! ```text
//!  body ─► request ─► user's record ─► candidates ─► tensors ─► actor ─► rank ─► answer
//! ```
//!
//! Speaks no protocol: takes a body and headers' meaning, gives an [`Answer`] or a failure.

mod answer;
mod assemble;
mod candidates;
mod plan;
mod rank;
mod request;

use std::{sync::Arc, time::Duration};

use common::{Deadline, ErrorCode, RequestId};
use inference_actor::{ModelSpec, OutputRole, RunTimes, validate};
use pool::ModelStatus;

use self::{answer::AnswerParts, candidates::Selection};
pub use self::{
    plan::Plan,
    request::{ParseLimits, Recommend},
};
use crate::{failure::Failure, front::Front};

/// Where the time of one request went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// Reading and parsing the body.
    pub parse: Duration,
    /// Features, candidates and tensors.
    pub features: Duration,
    /// What the actor reports.
    pub run: RunTimes,
    /// Ranking and writing the items.
    pub encode: Duration,
}

/// A finished answer.
pub struct Answer {
    /// The JSON body.
    pub body: Vec<u8>,
    /// Where the time went.
    pub times: Times,
}

/// Answers one request. `parse` is what reading the body took so far.
pub async fn recommend(
    front: &Front,
    mut request: Recommend,
    id: &RequestId,
    deadline: Deadline,
    parse: Duration,
) -> Result<Answer, Failure> {
    let started = front.now();
    if deadline.expired(started) {
        return Err(Failure::new(
            ErrorCode::Deadline,
            "the deadline passed before the request was read",
        ));
    }
    let (scene_name, scene) = front.scene(&request.scene)?;
    let table = front.pool().table();
    let route = table.model(&scene.model).cloned();
    drop(table);
    let route =
        route.ok_or_else(|| unavailable(&scene.model, "the repository does not hold it"))?;
    if let ModelStatus::Unavailable(reason) = &route.status {
        return Err(unavailable(&scene.model, reason));
    }
    let spec = route
        .spec
        .clone()
        .ok_or_else(|| unavailable(&scene.model, "it is not loaded"))?;
    let plan = front.plan(&spec)?;

    let Selection {
        slots,
        unknown,
        inputs,
    } = assemble::inputs(front, &mut request, scene_name, scene, &spec, &plan)?;
    let mut times = Times {
        parse,
        ..Times::default()
    };
    let scores = if slots.is_empty() {
        times.features = front.now() - started;
        Vec::new()
    } else {
        let rows = validate(&spec, &inputs)?;
        times.features = front.now() - started;
        let reply = front.infer(&route, inputs, rows, deadline).await?;
        times.run = reply.times;
        scores(&spec, reply.outputs, slots.len())?
    };

    let encoding = front.now();
    let catalogue = front.store().catalogue();
    let best = rank::top(catalogue, &slots, &scores, request.top_k);
    let parts = AnswerParts {
        request_id: id,
        user_id: &request.user_id,
        scene: scene_name,
        spec: &spec,
        catalogue,
        best: &best,
        with_title: request.with_title,
        unknown_candidates: unknown,
    };
    let mut body = parts.write();
    times.encode = front.now() - encoding;
    answer::finish(&mut body, &times);
    Ok(Answer { body, times })
}

fn unavailable(model: &common::ModelName, reason: &str) -> Failure {
    Failure::new(
        ErrorCode::ModelUnavailable,
        format!("model `{model}` cannot answer: {reason}"),
    )
}

/// The scores of the candidates, in their order.
fn scores(
    spec: &Arc<ModelSpec>,
    outputs: Vec<common::tensor::Tensor>,
    candidates: usize,
) -> Result<Vec<f32>, Failure> {
    let broken = |what: String| Failure::new(ErrorCode::EngineFailed, what);
    let scored = spec
        .outputs
        .iter()
        .zip(outputs)
        .find(|(o, _)| o.role == OutputRole::Score);
    let (_, output) = scored.ok_or_else(|| broken("the model gave no scores".into()))?;
    let scores = output.elements::<f32>().filter(|s| s.len() == candidates);
    let scores =
        scores.ok_or_else(|| broken(format!("the model gave no {candidates} FP32 scores")))?;
    match scores.iter().all(|s| s.is_finite()) {
        true => Ok(scores.to_vec()),
        false => Err(broken("the model gave a score that is not a number".into())),
    }
}
