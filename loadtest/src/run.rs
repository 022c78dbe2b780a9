//! One run: threads, clocks and the plan that fixes everything about it.

mod threads;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    client::{EndpointError, TargetSpec},
    engine::SharedObserver,
    live::Board,
    record::{Layout, Recording},
    schedule::ScheduleSpec,
    workload::{TemplateError, WorkloadSpec},
};

pub(crate) use threads::execute;

/// How requests are let go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Load {
    /// On a schedule, whatever the server does.
    Open(ScheduleSpec),
    /// Each connection sends its next request when the last one has ended.
    Closed {
        /// How many connections.
        connections: usize,
        /// Time before the measured window.
        #[serde(rename = "warmup_s", with = "crate::units::seconds")]
        warmup: Duration,
        /// Length of the measured window.
        #[serde(rename = "duration_s", with = "crate::units::seconds")]
        duration: Duration,
    },
}

impl Load {
    /// Time before the measured window.
    pub fn warmup(&self) -> Duration {
        match self {
            Self::Open(schedule) => schedule.warmup,
            Self::Closed { warmup, .. } => *warmup,
        }
    }

    /// Length of the measured window.
    pub fn measured(&self) -> Duration {
        match self {
            Self::Open(schedule) => schedule.measured(),
            Self::Closed { duration, .. } => *duration,
        }
    }
}

/// A share of a schedule: the arrivals whose index leaves `index` when divided by `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub index: u32,
    pub of: u32,
}

/// Everything that fixes a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunPlan {
    /// Where to.
    pub target: TargetSpec,
    /// When.
    pub load: Load,
    /// What.
    pub workload: WorkloadSpec,
    /// Seed of schedule and bodies.
    pub seed: u64,
    /// Time limit of one request, from its sending.
    #[serde(rename = "timeout_s", with = "crate::units::seconds")]
    pub timeout: Duration,
    /// Requests in flight at most; one due beyond that is dropped and counted.
    pub max_in_flight: usize,
    /// Connections opened before the start; HTTP/2 keeps to them.
    pub connections: usize,
    /// Connection threads.
    pub threads: usize,
    /// How close to the due time the pacing thread spins instead of sleeping.
    #[serde(rename = "spin_s", with = "crate::units::seconds")]
    pub spin: Duration,
    /// The share of this process.
    pub part: Part,
}

impl RunPlan {
    /// Where the measured window lies.
    pub fn layout(&self) -> Layout {
        let stage_ends = match &self.load {
            Load::Open(schedule) => schedule.windows().iter().map(|window| window.2).collect(),
            Load::Closed {
                warmup, duration, ..
            } => vec![*warmup + *duration],
        };
        Layout {
            warmup: self.load.warmup(),
            measured: self.load.measured(),
            stage_ends,
            timeout: self.timeout,
        }
    }
}

/// Who looks on, and who may end a run early.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    /// Counts for a live view.
    pub board: Arc<Board>,
    /// Ends the run when set.
    pub stop: Arc<AtomicBool>,
    /// Sees every finished request.
    pub observer: Option<SharedObserver>,
}

/// What a run gave.
#[derive(Clone, Debug)]
pub struct RunOutput {
    /// What was recorded.
    pub recording: Recording,
    /// CPU time of this process during the run, all threads.
    pub cpu: Duration,
    /// From the start of the schedule to the end of the last request.
    pub wall: Duration,
    /// How far into the run it was ended early, if it was.
    pub stopped_at: Option<Duration>,
}

/// Why a run could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The target.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The first connections could not be opened though the target had answered.
    #[error("opening {connections} connections failed: {kind}; try fewer with --connections")]
    Connections {
        /// How many were wanted.
        connections: usize,
        /// The cause.
        kind: &'static str,
    },
    /// This machine's own limits did not allow the first connections.
    #[error("opening {connections} connections failed: {limit}")]
    OwnLimit {
        /// How many were wanted.
        connections: usize,
        /// The limit and what to do about it.
        limit: &'static str,
    },
    /// The system refused a thread or an event loop.
    #[error("cannot start the generator's threads")]
    Threads(#[from] std::io::Error),
    /// A thread of ours panicked; its counts are lost, so the run is worth nothing.
    #[error("the {0} thread has panicked; this is a defect of the load generator")]
    Panicked(&'static str),
}
