//! Where the time of a request goes.

use std::time::Duration;

use inference_actor::RunTimes;

/// Where the time of one request went.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    /// Reading and parsing the body.
    pub parse: Duration,
    /// Features, candidates and tensors.
    pub features: Duration,
    /// What the actor reports.
    pub run: RunTimes,
    /// Ranking and writing the items.
    pub encode: Duration,
}
