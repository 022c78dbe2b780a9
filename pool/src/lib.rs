//! The supervised pool: which models there are, which actors serve them, and who brings them back.
//!
//! ```text
//!  repository ─► loader ─► hosts start actors on their threads ─► routing table (read by fronts)
//!                  ▲                         │ RunnerLost
//!                  └──── supervisor ◄────────┘
//! ```
//!
//! Owns: supervision, routing, the model repository and its manifests.
//! Never knows: HTTP, JSON, what a model's numbers mean.

mod bring_up;
mod host;
mod loader;
mod member;
mod messages;
mod onnx;
mod options;
mod placement;
mod pool;
mod pool_actor;
mod prepare;
mod report;
mod repository;
mod routing;
mod supervisor;
mod threads;
mod watch;
mod watching;

pub use host::{HostId, WorkerHost};
pub use loader::Loader;
pub use messages::{BringUp, ModelOutcome};
pub use options::PoolOptions;
pub use placement::{Place, is_dedicated};
pub use pool::Pool;
pub use pool_actor::ChangeError;
pub use report::{ActorView, ModelReport, PoolReport, SlotReport};
pub use repository::{Manifest, ManifestError, ModelSource, Repository, RepositoryError};
pub use routing::{ActorRoute, ModelRef, ModelRoute, ModelStatus, RoutingTable, VersionSplit};
pub use supervisor::{Command, Conflict, Counts, Policy};
pub use watching::{WatchOptions, watch_repository};
