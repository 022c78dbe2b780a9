//! What a worker thread keeps for recommending, beside its front: how models are fed.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use common::ErrorCode;
use inference_actor::ModelSpec;

use super::plan::Plan;
use crate::{failure::Failure, front::Front};

/// Most models whose plans a thread keeps; beyond, the oldest goes.
const MAX_PLANS: usize = 64;

/// A plan, or why the model cannot rank.
pub(super) type PlanResult = Result<Rc<Plan>, Failure>;

/// See the module.
pub(crate) struct Recommender {
    front: Rc<Front>,
    plans: RefCell<Vec<(Arc<ModelSpec>, PlanResult)>>,
}

impl Recommender {
    /// The recommender of a front's thread.
    #[must_use]
    pub(crate) fn new(front: Rc<Front>) -> Self {
        Self {
            front,
            plans: RefCell::default(),
        }
    }

    /// The front of this thread.
    #[must_use]
    pub(crate) fn front(&self) -> &Front {
        &self.front
    }

    /// How a model's inputs are filled; worked out at its first request.
    pub(super) fn plan(&self, spec: &Arc<ModelSpec>) -> PlanResult {
        let known = |(of, _): &&(Arc<ModelSpec>, PlanResult)| Arc::ptr_eq(of, spec);
        if let Some((_, plan)) = self.plans.borrow().iter().find(known) {
            return plan.clone();
        }
        let features = self.front.store().profile_features();
        let plan = Plan::of(spec, features).map(Rc::new).map_err(|reason| {
            let message = format!("model `{}` cannot rank: {reason}", spec.name);
            Failure::new(ErrorCode::ModelUnavailable, message)
        });
        let mut plans = self.plans.borrow_mut();
        if plans.len() >= MAX_PLANS {
            drop(plans.remove(0));
        }
        plans.push((Arc::clone(spec), plan.clone()));
        plan
    }
}
