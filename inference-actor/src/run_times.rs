//! Where the time of a request goes inside an actor.

use std::time::Duration;

/// Where the time of a request went inside the actor; each is measured, none a difference.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunTimes {
    /// From the mailbox to the start of its first run's preparation.
    pub queue: Duration,
    /// Gathering inputs and splitting outputs.
    pub batch: Duration,
    /// Inside the engine.
    pub run: Duration,
    /// Candidate rows of the run it shared; of the last one where it was split.
    pub batch_rows: usize,
    /// Requests that shared it.
    pub batch_requests: usize,
    /// Which run of the actor it was.
    pub batch_id: u64,
    /// Whether this answer stands for its run: one of a batch does, so that runs can be counted.
    pub leads_batch: bool,
}
