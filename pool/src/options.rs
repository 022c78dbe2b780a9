//! What a pool is made of.

use std::{path::PathBuf, sync::Arc, time::Duration};

use common::Clock;
use inference_actor::{CodelSettings, WatchdogTimeouts, arena::Arenas};

use crate::{loader::Loader, supervisor::Policy};

/// What a pool is made of.
pub struct PoolOptions {
    /// When failed actors come back.
    pub policy: Policy,
    /// When runs are stopped and threads given up.
    pub timeouts: WatchdogTimeouts,
    /// A version whose runs hold more abandoned threads than this is parked.
    pub quarantine: usize,
    /// Most threads for dedicated actors.
    pub dedicated_threads: usize,
    /// A model whose run takes longer gets threads of its own.
    pub long_run: Duration,
    /// A session that holds more is recycled; none for no limit.
    pub actor_memory_bytes: Option<u64>,
    /// Most requests one actor holds.
    pub queue: usize,
    /// When a queue counts as standing.
    pub codel: CodelSettings,
    /// How long an actor goes on with short runs before its thread reads and sends again.
    pub turn: Duration,
    /// The folder that models are loaded from while the process serves.
    pub repository: PathBuf,
    /// A load that takes longer has failed.
    pub load_timeout: Duration,
    /// Makes sessions.
    pub loader: Loader,
    /// Tensor memory.
    pub arenas: Arc<Arenas>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}
