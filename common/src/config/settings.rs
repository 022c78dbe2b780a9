//! What can be configured. The meaning of each key stands in `default.toml` and `docs/CONFIG.md`.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use super::address;
use crate::{ByteSize, ModelName, Span};

macro_rules! sections {
    ($($(#[$doc:meta])+ $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)+ })+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        #[allow(missing_docs, reason = "each key is documented in default.toml")]
        pub struct $name { $($(#[$attribute])* pub $field: $type,)+ }
    )+};
}

sections! {
    /// Everything.
    Settings {
        http: Http,
        grpc: Grpc,
        admin: Admin,
        limits: Limits,
        models: Models,
        features: Features,
        scenes: BTreeMap<String, Scene>,
        arena: Arena,
        admission: Admission,
        breaker: Breaker,
        supervision: Supervision,
        drain: Drain,
        log: Log,
    }
    /// The data port.
    Http {
        #[serde(deserialize_with = "address::deserialize")]
        address: SocketAddr,
        workers: usize,
        max_connections: usize,
        backlog: u32,
        keep_alive: Span,
        header_timeout: Span,
        body_timeout: Span,
        write_timeout: Span,
        http2_streams: u32,
        http2_head: ByteSize,
    }
    /// The gRPC port.
    Grpc {
        #[serde(deserialize_with = "address::deserialize")]
        address: SocketAddr,
    }
    /// The admin port.
    Admin {
        #[serde(deserialize_with = "address::deserialize")]
        address: SocketAddr,
        token: Secret,
        hosts: Vec<String>,
    }
    /// Bounds on requests.
    Limits {
        deadline: Span,
        recommend_body: ByteSize,
        infer_deadline: Span,
        infer_body: ByteSize,
        discard_body: ByteSize,
        bodies_in_flight: ByteSize,
        answers_in_flight: ByteSize,
        candidates: usize,
    }
    /// The model repository and its actors.
    Models {
        repository: PathBuf,
        queue: usize,
        max_busy_poll: Span,
        load_timeout: Span,
        model_control: ModelControl,
        watch: ModelWatch,
        watch_interval: Span,
        watch_debounce: Span,
        weight_cache: PathBuf,
        link_folders: Vec<PathBuf>,
        weight_cache_size: ByteSize,
        library: PathBuf,
        dedicated_threads: usize,
        long_run: Span,
    }
    /// The feature store.
    Features {
        store: PathBuf,
    }
    /// A place that asks for recommendations.
    Scene {
        model: ModelName,
        candidates: CandidateSource,
        pool: usize,
        #[serde(default)]
        genre: Option<String>,
        #[serde(default)]
        model_scene: Option<String>,
        #[serde(default)]
        fallback: Fallback,
    }
    /// Tensor memory.
    Arena {
        classes: Vec<ByteSize>,
        large: ByteSize,
        share_percent: u64,
        idle: Span,
        lease_limit: Span,
    }
    /// Shedding before and in the queue.
    Admission {
        priority_key: Secret,
        queue_delay: Span,
        concurrency_update_interval: Span,
        codel_target: Span,
        codel_interval: Span,
    }
    /// How failed actors are brought back.
    Supervision {
        restart_delay: Span,
        restart_delay_max: Span,
        healthy_runs: u32,
        park_after: u32,
        stall_after: Span,
        hang_grace: Span,
        quarantine: usize,
        actor_memory: ByteSize,
    }
    /// Shutting down.
    Drain {
        delay: Span,
        grace: Span,
    }
    /// Logging.
    Log {
        level: String,
        format: LogFormat,
    }
}

/// Whether models can be loaded and unloaded through the data port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelControl {
    /// Only through the admin port.
    None,
    /// Through both ports.
    Explicit,
}

/// Whether models are loaded and unloaded as the files of the repository change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelWatch {
    /// Only when somebody asks for it.
    Off,
    /// As a look at the repository finds from time to time.
    Poll,
}

/// Where a scene's candidates come from when the request names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateSource {
    /// The most popular items first, up to the scene's pool.
    Popular,
    /// Every item of the catalogue, up to the scene's pool.
    Catalogue,
    /// The most popular items of the scene's genre first, up to the scene's pool.
    Genre,
}

/// What answers where the model may not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// Nothing: 503.
    #[default]
    None,
    /// The candidates by popularity.
    Popular,
    /// The list this user got last, while it is fresh; else by popularity.
    LastList,
}

/// The breaker. Its rules are the `breaker` crate's to read; here they are carried along.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[allow(missing_docs, reason = "each key is documented in default.toml")]
pub struct Breaker {
    pub slo: Span,
    #[serde(flatten)]
    pub rules: toml::Table,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, if there is one.
    #[must_use]
    pub fn reveal(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|s| !s.is_empty())
    }

    fn shown(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "(hidden)" }
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.shown())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.shown())
    }
}
