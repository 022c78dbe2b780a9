//! Names of the metrics, in one place so that dashboards and code cannot drift apart.
//! Base units only: seconds and bytes.

/// Requests answered, by protocol and outcome code (`OK` or an error code). Counter.
pub const REQUESTS: &str = "fusebox_requests_total";
/// From the last header byte to the answer handed to the socket, by protocol. Histogram.
pub const REQUEST_SECONDS: &str = "fusebox_request_duration_seconds";
/// Reading and parsing the request. Histogram.
pub const PARSE_SECONDS: &str = "fusebox_parse_duration_seconds";
/// Looking features up and writing them into tensors. Histogram.
pub const FEATURES_SECONDS: &str = "fusebox_features_duration_seconds";
/// From the actor's mailbox to the start of the batch. Histogram.
pub const QUEUE_SECONDS: &str = "fusebox_queue_duration_seconds";
/// Gathering a batch and splitting its outputs. Histogram.
pub const BATCH_SECONDS: &str = "fusebox_batch_duration_seconds";
/// Inside the engine. Histogram.
pub const RUN_SECONDS: &str = "fusebox_run_duration_seconds";
/// Choosing and writing the answer. Histogram.
pub const ENCODE_SECONDS: &str = "fusebox_encode_duration_seconds";
/// Processor time of an actor's thread inside the engine, by actor: the floor under the cost of a
/// request. A session with more intra-op threads than one spends more than this shows. Counter.
pub const RUN_CPU_SECONDS: &str = "fusebox_run_cpu_seconds_total";
/// Runs of the engine that gave outputs, by actor. Counter.
pub const RUNS: &str = "fusebox_runs_total";
/// Candidate rows of those runs, by actor. Counter.
pub const ROWS: &str = "fusebox_run_rows_total";
/// Processor time of the whole process, in Prometheus' customary name. Counter.
pub const PROCESS_CPU_SECONDS: &str = "process_cpu_seconds_total";
/// Resident memory of the process, likewise. Gauge.
pub const PROCESS_RESIDENT_BYTES: &str = "process_resident_memory_bytes";
/// Candidate rows of a run. Histogram.
pub const BATCH_ROWS: &str = "fusebox_batch_rows";
/// Requests waiting in an actor's mailbox and list, by actor. Gauge.
pub const MAILBOX_DEPTH: &str = "fusebox_mailbox_depth";
/// Restarts of an actor, by actor and cause. Counter.
pub const ACTOR_RESTARTS: &str = "fusebox_actor_restarts_total";
/// Requests asked of a second actor because the first could not finish. Counter.
pub const RETRIES: &str = "fusebox_actor_retries_total";
/// Entries dropped before their run, by reason. Counter.
pub const DROPPED: &str = "fusebox_dropped_before_run_total";
/// Answers given without the model, by reason. Counter.
pub const DEGRADED: &str = "fusebox_degraded_total";
/// Engine time spent on answers that nobody waited for any more, by actor. Counter.
pub const WASTED_SECONDS: &str = "fusebox_wasted_run_seconds_total";
/// State of a breaker, by key: 0 closed, 1 open, 2 half-open, 3 ramp. Gauge.
pub const BREAKER_STATE: &str = "fusebox_breaker_state";
/// What a breaker has measured and compares with, by key and quantity. Gauge.
pub const BREAKER_SECONDS: &str = "fusebox_breaker_seconds";
/// Requests in a breaker's slow window, by key. Gauge.
pub const BREAKER_SAMPLES: &str = "fusebox_breaker_samples";
/// Breakers' changes of state, by key, states and reason. Counter.
pub const BREAKER_TRANSITIONS: &str = "fusebox_breaker_transitions_total";
/// Tensor memory in bytes, by kind: leased, held, most_leased, budget. Gauge.
pub const ARENA_BYTES: &str = "fusebox_arena_bytes";
/// Leases of tensor memory, by event: lease, hit, refused, eviction, returned_from_afar, overdue. Counter.
pub const ARENA_EVENTS: &str = "fusebox_arena_events_total";
/// Shares of 1, by kind: hit, internal_fragmentation, external_fragmentation. Gauge.
pub const ARENA_RATIO: &str = "fusebox_arena_ratio";
/// How pressed tensor memory is: 0 idle, 1 active, 2 pressured. Gauge.
pub const ARENA_STATE: &str = "fusebox_arena_state";
/// Times the breakers were made anew after a panic. Counter.
pub const BREAKER_RESTARTS: &str = "fusebox_breaker_restarts_total";
/// Memory that bodies in flight take together. Gauge.
pub const BODY_BYTES: &str = "fusebox_bodies_in_flight_bytes";
/// What an actor's session holds, by the engine's account. Gauge.
pub const SESSION_MEMORY: &str = "fusebox_session_memory_bytes";
/// Connections closed because they said nothing in their time. Counter.
pub const SILENT_CONNECTIONS: &str = "fusebox_silent_connections_total";
/// Whether the process is ready. Gauge.
pub const READY: &str = "fusebox_ready";
/// Build information as labels. Gauge of value 1.
pub const BUILD_INFO: &str = "fusebox_build_info";

/// Bucket edges of every latency histogram, in seconds. 11 ms, the promise, is an edge exactly.
pub const LATENCY_BUCKETS_SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007_5, 0.011, 0.015, 0.025,
    0.05, 0.1, 0.25, 0.5, 0.8, 1.0, 2.5, 10.0,
];
