//! The boundary between the business of running a model and the engine that does it.

use std::{path::Path, sync::Arc};

use common::tensor::{Tensor, TensorView};

use crate::{meter::Meter, spec::ModelSpec};

/// Why a run gave no outputs.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The engine found the inputs unfit; the caller's mistake.
    #[error("the model refused the inputs: {0}")]
    Rejected(String),
    /// The engine failed.
    #[error("the engine failed: {0}")]
    Failed(String),
    /// The run was stopped from outside.
    #[error("the run was terminated")]
    Terminated,
    /// The engine panicked; its session must not be used again.
    #[error("the engine panicked on this batch: {0}")]
    Panicked(String),
}

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine cannot read or use the file.
    #[error("{path}: not a model this engine can load: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The engine's words.
        reason: String,
    },
    /// Inputs or outputs are of a kind that is not served.
    #[error("{path}: {what} `{name}` is not a dense tensor of a served datatype{remedy}")]
    NotATensor {
        /// The file.
        path: String,
        /// `input` or `output`.
        what: &'static str,
        /// Its name.
        name: String,
        /// What to do about it, where it is known.
        remedy: &'static str,
    },
    /// The manifest and the graph disagree.
    #[error("{manifest}: {reason}")]
    Manifest {
        /// The manifest's path.
        manifest: String,
        /// What to change.
        reason: String,
    },
    /// The first run failed in a way that later ones would too.
    #[error("warm-up failed: {0}")]
    WarmUp(String),
}

impl LoadError {
    /// The same, naming the file that an operator knows where the engine read a copy of it.
    #[must_use]
    pub fn of_file(self, file: &Path) -> Self {
        let original = file.display().to_string();
        match self {
            Self::Unreadable { reason, .. } => Self::Unreadable {
                path: original,
                reason,
            },
            Self::NotATensor {
                what, name, remedy, ..
            } => Self::NotATensor {
                path: original,
                what,
                name,
                remedy,
            },
            other => other,
        }
    }
}

/// Stops the run in progress, from any thread. Best effort: engines look between kernels.
pub type Stopper = Arc<dyn Fn() + Send + Sync>;

/// A loaded model that can be run by one caller at a time.
pub trait ModelRunner: Send {
    /// What the business calls this model.
    fn business_code(&self) -> &str;

    /// What it takes and gives.
    fn spec(&self) -> &Arc<ModelSpec>;

    /// Runs once. `inputs` follow the order of the spec and were validated; outputs do too.
    /// The engine's own work, and only that, is to go through `meter`.
    fn run(
        &mut self,
        inputs: &[TensorView<'_>],
        meter: &mut Meter,
    ) -> Result<Vec<Tensor>, RunError>;

    /// A handle that stops a run in progress.
    fn stopper(&self) -> Stopper;

    /// Forgets a request to stop that came too late, so that it does not end the next run.
    fn rearm(&mut self);

    /// What the session holds in memory, where the engine tells.
    fn memory_bytes(&self) -> Option<u64> {
        None
    }
}
