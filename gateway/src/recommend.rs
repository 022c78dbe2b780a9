//! The main job: from a user and candidates to a ranked list.
//!
//! ```text
//!  request ─► user's record ─► candidates ─► tensors ─► actor ─► rank ─► recommendation
//! ```
//!
//! Speaks no protocol: takes a checked [`RecommendRequest`] and its context, gives a
//! [`Recommendation`] or a failure.

mod assemble;
mod candidates;
mod fallback;
mod last_lists;
mod limits;
mod plan;
mod rank;
mod recommender;
mod request;
mod selection;
mod slot_set;

use std::{cell::OnceCell, sync::Arc, time::Instant};

use common::{
    ErrorCode,
    config::{Fallback, Scene},
    tensor::Tensor,
};
use inference_actor::{ModelSpec, OutputRole};
use pool::ModelRef;

pub(crate) use self::{
    candidates::{CandidateReader, CandidateSlots},
    last_lists::LastLists,
    limits::{MAX_ID_BYTES, MAX_TOP_K},
    rank::RankedItem,
    recommender::Recommender,
    request::{RecommendRequest, RequestFields},
};
use self::{last_lists::ListKey, selection::Selection};
use crate::{
    failure::Failure,
    front::Front,
    metrics::Metrics,
    request::{RequestContext, Target, run, stable_hash},
    timing::Times,
};

/// A ranked list, and how it came about.
#[derive(Debug)]
pub(crate) struct Recommendation {
    /// The items, best first.
    pub items: Vec<RankedItem>,
    /// Candidates the request named that the catalogue does not know.
    pub unknown_candidates: usize,
    /// Why a fallback answered instead of the model, if one did.
    pub degraded: Option<ErrorCode>,
    /// The model that ranked, or would have.
    pub spec: Arc<ModelSpec>,
    /// Where the time went. Reading and writing are the protocol's to add.
    pub times: Times,
}

impl Recommendation {
    /// Counts where its time went, once its protocol has added its own.
    pub(crate) fn count(&self, metrics: &Metrics) {
        metrics.phases(&self.times);
        if let Some(code) = self.degraded {
            metrics.degraded(code);
        }
    }
}

/// Answers one request.
pub(crate) async fn recommend(
    recommender: &Recommender,
    context: &RequestContext<'_>,
    request: &RecommendRequest,
) -> Result<Recommendation, Failure> {
    let front = recommender.front();
    let context = context.tightened(request.timeout());
    let (scene_name, scene) = context.live.scene(request.scene())?;
    let job = Job {
        recommender,
        request,
        scene_name,
        scene,
        target: target(front, request, scene_name, scene)?,
        selection: OnceCell::new(),
    };
    let mut times = Times::default();
    let (items, degraded) = match job.ask_model(&context, &mut times).await {
        Ok(items) => (items, None),
        Err(failure) => {
            let code = failure.code;
            (job.fall_back(failure)?, Some(code))
        }
    };
    Ok(Recommendation {
        items,
        unknown_candidates: job.selection.get().map_or(0, |chosen| chosen.unknown),
        degraded,
        spec: job.target.spec,
        times,
    })
}

/// The version that answers for a scene.
fn target<'t>(
    front: &Front,
    request: &RecommendRequest,
    name: &'t str,
    scene: &Scene,
) -> Result<Target<'t>, Failure> {
    let table = front.pool().table();
    let split = stable_hash(request.user_id());
    let route = table.resolve(&ModelRef::Name(&scene.model), split).cloned();
    drop(table);
    let route = route.ok_or_else(|| {
        let model = &scene.model;
        let message = format!("model `{model}` is not in service: the repository does not hold it");
        Failure::new(ErrorCode::ModelUnavailable, message)
    })?;
    Target::serving(route, name)
}

/// A request with everything that was looked up for it.
struct Job<'r> {
    recommender: &'r Recommender,
    request: &'r RecommendRequest,
    scene_name: &'r str,
    scene: &'r Scene,
    target: Target<'r>,
    /// Chosen once, by the model's way or by the fallback's.
    selection: OnceCell<Selection<'r>>,
}

impl Job<'_> {
    /// The candidates, once they were chosen.
    fn slots(&self) -> &[u32] {
        self.selection.get().map_or(&[], |chosen| &chosen.slots)
    }

    /// Ranks with the model, if it may be asked.
    async fn ask_model(
        &self,
        context: &RequestContext<'_>,
        times: &mut Times,
    ) -> Result<Vec<RankedItem>, Failure> {
        let front = self.recommender.front();
        let spec = &self.target.spec;
        let plan = self.recommender.plan(spec)?;
        let task = assemble::Task {
            scene_name: self.scene_name,
            scene: self.scene,
            spec,
            plan: &plan,
            criticality: context.criticality,
        };
        let prepare = async || {
            let inputs = assemble::inputs(front, self.request, &task, &self.selection)?;
            Ok((!self.slots().is_empty()).then_some(inputs))
        };
        let accept = |outputs| scores(spec, outputs, self.slots().len());
        let outcome = run(front, context, &self.target, prepare, accept).await?;
        (times.features, times.run) = (outcome.preparing, outcome.times);
        let scores = outcome.output.as_ref().and_then(Tensor::elements::<f32>);
        let items = rank::top(
            front.store().catalogue(),
            self.slots(),
            scores.unwrap_or_default(),
            self.request.top_k,
        );
        if self.scene.fallback == Fallback::LastList {
            self.keep(&items, outcome.ended);
        }
        times.encode = front.now() - outcome.ended;
        Ok(items)
    }

    /// Keeps a list for the user's next requests, should they be shed.
    fn keep(&self, items: &[RankedItem], now: Instant) {
        let front = self.recommender.front();
        let catalogue = front.store().catalogue();
        let id = |ranked: &RankedItem| (catalogue.item(ranked.slot).id.as_str(), ranked.score);
        let lists = &front.shared().last_lists;
        lists.keep(self.list_key(), items.iter().map(id), now);
    }

    /// The list that the user got last.
    fn last_list(&self) -> Option<Vec<RankedItem>> {
        let front = self.recommender.front();
        let catalogue = front.store().catalogue();
        let lists = &front.shared().last_lists;
        let (top_k, slot_of) = (self.request.top_k, |id: &str| catalogue.find(id));
        lists.find(self.list_key(), top_k, front.now(), slot_of)
    }

    fn list_key(&self) -> ListKey<'_> {
        ListKey {
            user: self.request.user_id(),
            scene: self.scene_name,
            model: (&self.target.spec.name, self.target.spec.version),
        }
    }

    /// Answers without the model where the scene allows it and we are the reason it was not asked.
    fn fall_back(&self, failure: Failure) -> Result<Vec<RankedItem>, Failure> {
        let front = self.recommender.front();
        let shed = matches!(failure.code, ErrorCode::Overloaded | ErrorCode::BreakerOpen);
        if !shed || self.scene.fallback == Fallback::None {
            return Err(failure);
        }
        let request = self.request;
        let own = self.scene.fallback == Fallback::LastList && request.candidates().is_none();
        if let Some(items) = own.then(|| self.last_list()).flatten() {
            return Ok(items);
        }
        let chosen = match self.selection.get() {
            Some(chosen) => chosen,
            None => {
                let chosen = assemble::candidates(front, request, self.scene)?;
                self.selection.get_or_init(|| chosen)
            }
        };
        let catalogue = front.store().catalogue();
        Ok(fallback::by_popularity(
            catalogue,
            &chosen.slots,
            request.top_k,
        ))
    }
}

/// The scores of the candidates, in their order: FP32, all of them numbers.
fn scores(spec: &ModelSpec, outputs: Vec<Tensor>, candidates: usize) -> Result<Tensor, Failure> {
    let broken = |what: String| Failure::new(ErrorCode::EngineFailed, what);
    let scored = spec
        .outputs
        .iter()
        .zip(outputs)
        .find(|(o, _)| o.role == OutputRole::Score);
    let (_, output) = scored.ok_or_else(|| broken("the model returned no scores".into()))?;
    let scores = output.elements::<f32>().filter(|s| s.len() == candidates);
    let scores = scores
        .ok_or_else(|| broken(format!("the model did not return {candidates} FP32 scores")))?;
    match scores.iter().all(|s| s.is_finite()) {
        true => Ok(output),
        false => Err(Failure {
            not_finite: true,
            ..broken("the model returned a score that is not finite".into())
        }),
    }
}
