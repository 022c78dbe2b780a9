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
mod fallback;
mod plan;
mod rank;
mod recommender;
mod request;

use std::{sync::Arc, time::Duration};

use common::{
    Criticality, Deadline, ErrorCode, RequestId,
    config::{Fallback, Scene},
    tensor::Tensor,
};
use inference_actor::{ModelSpec, OutputRole, validate};
use pool::{ModelRef, ModelRoute, ModelStatus};

use self::{answer::AnswerParts, candidates::Selection, rank::Ranked};
pub(crate) use self::{
    recommender::Recommender,
    request::{MAX_ID_BYTES, MAX_TOP_K, ParseLimits, Recommend},
};
use crate::{admission::AdmissionRequest, failure::Failure, front::Front, timing::Times};

/// A finished answer.
pub(crate) struct Answer {
    /// The JSON body.
    pub body: Vec<u8>,
    /// Where the time went.
    pub times: Times,
    /// Why a fallback answered, if one did.
    pub degraded: Option<ErrorCode>,
}

/// What the protocol says of a request besides its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope<'a> {
    /// Its id.
    pub id: &'a RequestId,
    /// When its answer is of no more use.
    pub deadline: Deadline,
    /// How much it matters.
    pub criticality: Criticality,
    /// What reading and parsing took.
    pub parse: Duration,
}

/// A request with everything that was looked up for it.
struct Job<'a> {
    envelope: Envelope<'a>,
    request: Recommend,
    scene_name: &'a str,
    scene: &'a Scene,
    route: Arc<ModelRoute>,
    spec: Arc<ModelSpec>,
}

/// What ranking gave.
struct RankedList {
    best: Vec<Ranked>,
    unknown: usize,
    degraded: Option<ErrorCode>,
}

/// Answers one request.
pub(crate) async fn recommend(
    recommender: &Recommender,
    request: Recommend,
    envelope: Envelope<'_>,
) -> Result<Answer, Failure> {
    let front = recommender.front();
    if envelope.deadline.expired(front.now()) {
        return Err(Failure::new(
            ErrorCode::Deadline,
            "the deadline passed before the request was read",
        ));
    }
    let (scene_name, scene) = front.scene(&request.scene)?;
    let table = front.pool().table();
    let route = table.resolve(&ModelRef::Name(&scene.model), 0).cloned();
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
    let mut job = Job {
        envelope,
        request,
        scene_name,
        scene,
        route,
        spec,
    };
    let mut times = Times {
        parse: envelope.parse,
        ..Times::default()
    };
    let list = match ask(recommender, &mut job, &mut times).await {
        Ok(list) => list,
        Err(failure) => degrade(recommender, &mut job, failure)?,
    };
    Ok(write(front, &job, &list, times))
}

/// Ranks with the model, if it may be asked.
async fn ask(
    recommender: &Recommender,
    job: &mut Job<'_>,
    times: &mut Times,
) -> Result<RankedList, Failure> {
    let front = recommender.front();
    let plan = recommender.plan(&job.spec)?;
    let Envelope {
        deadline,
        criticality,
        ..
    } = job.envelope;
    let who = AdmissionRequest {
        model: &job.spec.name,
        version: job.spec.version,
        scene: job.scene_name,
        criticality,
        deadline,
        configured_deadline: front.shared().settings.limits.deadline.0,
    };
    let started = front.now();
    let permit = front.admission().admit(&who, started)?;
    let task = assemble::Task {
        scene_name: job.scene_name,
        scene: job.scene,
        spec: &job.spec,
        plan: &plan,
        criticality,
    };
    let asked = async {
        let Selection {
            slots,
            unknown,
            inputs,
        } = assemble::inputs(front, &mut job.request, &task)?;
        if slots.is_empty() {
            times.features = front.now() - started;
            return Ok((slots, unknown, None));
        }
        let rows = validate(&job.spec, &inputs)?;
        times.features = front.now() - started;
        let reply = front
            .infer(&job.route, inputs, rows, deadline, criticality)
            .await?;
        times.run = reply.times;
        let scores = scores(&job.spec, reply.outputs, slots.len())?;
        Ok((slots, unknown, Some(scores)))
    };
    let (slots, unknown, scores) = match asked.await {
        Ok(ranked) => ranked,
        Err(failure) => {
            permit.failed(&failure, front.now());
            return Err(failure);
        }
    };
    let ended = front.now();
    // A request without candidates asked nothing and says nothing about the model.
    if !slots.is_empty() {
        permit.answered(&times.run, ended);
    }
    let scores = scores.as_ref().and_then(Tensor::elements::<f32>);
    let best = rank::top(
        front.store().catalogue(),
        &slots,
        scores.unwrap_or_default(),
        job.request.top_k,
    );
    if job.scene.fallback == Fallback::LastList {
        recommender
            .last_lists()
            .keep(&job.request.user_id, job.scene_name, &best, ended);
    }
    times.encode = front.now() - ended;
    Ok(RankedList {
        best,
        unknown,
        degraded: None,
    })
}

/// Answers without the model where the scene allows it and we are the reason it was not asked.
fn degrade(
    recommender: &Recommender,
    job: &mut Job<'_>,
    failure: Failure,
) -> Result<RankedList, Failure> {
    let front = recommender.front();
    let shed = matches!(failure.code, ErrorCode::Overloaded | ErrorCode::BreakerOpen);
    if !shed || job.scene.fallback == Fallback::None {
        return Err(failure);
    }
    let degraded = Some(failure.code);
    let request = &job.request;
    if job.scene.fallback == Fallback::LastList && request.candidates.is_none() {
        let lists = recommender.last_lists();
        if let Some(best) = lists.find(&request.user_id, job.scene_name, request.top_k, front.now())
        {
            return Ok(RankedList {
                best,
                unknown: 0,
                degraded,
            });
        }
    }
    let (slots, unknown) = assemble::candidates(front, &mut job.request, job.scene)?;
    let best = fallback::by_popularity(front.store().catalogue(), &slots, job.request.top_k);
    Ok(RankedList {
        best,
        unknown,
        degraded,
    })
}

fn write(front: &Front, job: &Job<'_>, list: &RankedList, mut times: Times) -> Answer {
    let encoding = front.now();
    let parts = AnswerParts {
        request_id: job.envelope.id,
        user_id: &job.request.user_id,
        scene: job.scene_name,
        spec: &job.spec,
        catalogue: front.store().catalogue(),
        best: &list.best,
        with_title: job.request.with_title,
        unknown_candidates: list.unknown,
        degraded: list.degraded,
    };
    let mut body = parts.write();
    times.encode += front.now() - encoding;
    answer::finish(&mut body, &times);
    Answer {
        body,
        times,
        degraded: list.degraded,
    }
}

fn unavailable(model: &common::ModelName, reason: &str) -> Failure {
    Failure::new(
        ErrorCode::ModelUnavailable,
        format!("model `{model}` cannot answer: {reason}"),
    )
}

/// The scores of the candidates, in their order: FP32, all of them numbers.
fn scores(spec: &ModelSpec, outputs: Vec<Tensor>, candidates: usize) -> Result<Tensor, Failure> {
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
        true => Ok(output),
        false => Err(broken("the model gave a score that is not a number".into())),
    }
}
