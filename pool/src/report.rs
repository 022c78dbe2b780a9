//! What the pool tells people and machines of itself.

use std::sync::Arc;

use actix::Addr;
use inference_actor::{Gauge, InferenceActor};
use serde::Serialize;

use crate::{placement::Place, supervisor::Counts};

/// One actor as its supervisor sees it.
#[derive(Debug, Clone, Serialize)]
pub struct SlotReport {
    /// `loading`, `serving`, `recycling`, `waiting`, `parked`, `paused`, `draining` or `drained`.
    pub state: &'static str,
    /// Which of the actors that took this place in turn.
    pub incarnation: u64,
    /// Failures since it last served well.
    pub failures_in_row: u32,
    /// What happened to it, counted apart.
    #[serde(flatten)]
    pub counts: Counts,
    /// What the last failure said.
    pub last_cause: String,
}

/// One actor, whether or not it is asked at present.
#[derive(Clone)]
pub struct ActorView {
    /// Its place in the pool.
    pub id: String,
    /// Its model.
    pub model: String,
    /// Its model's version.
    pub version: u64,
    /// On which kind of thread it lives.
    pub place: Place,
    /// Its supervisor's view.
    pub slot: SlotReport,
    /// Its load and condition, readable even while it hangs.
    pub gauge: Arc<Gauge>,
    /// Its mailbox.
    pub addr: Addr<InferenceActor>,
}

/// Threads and placements.
#[derive(Debug, Clone, Serialize)]
pub struct PoolReport {
    /// Most threads that dedicated actors may take.
    pub dedicated_threads_granted: usize,
    /// Those they have taken.
    pub dedicated_threads_used: usize,
    /// Threads given up because a run on them does not end.
    pub threads_in_quarantine: usize,
    /// Threads given up since the start.
    pub threads_given_up: u64,
    /// Models moved from the worker threads to threads of their own.
    pub models_moved: u64,
    /// Every version of every model.
    pub models: Vec<ModelReport>,
}

/// Where one version of a model is placed and why.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// The model.
    pub model: String,
    /// The version served; none if it never loaded.
    pub version: Option<u64>,
    /// `ready`, or why it cannot be asked.
    pub status: String,
    /// Where its actors run; none if it never loaded.
    pub placement: Option<Place>,
    /// Why there.
    pub placement_reason: String,
    /// What a run took at warm-up; 0 if it was not measured.
    pub warm_up_run_us: u64,
    /// The actors of this version.
    pub actors: Vec<String>,
}
