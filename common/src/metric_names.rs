//! Every metric: its name, type, labels and meaning, in one table. The exporter, docs/METRICS.md, the
//! dashboards and the alerts are checked against it. Base units only: seconds and bytes.

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows, except when the process restarts.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Cumulative buckets with sum and count.
    Histogram,
}

impl MetricKind {
    /// The word that Prometheus' text format uses.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric as it is exported.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, with its base unit.
    pub name: &'static str,
    /// Its type.
    pub kind: MetricKind,
    /// Its labels; each has a bounded set of values.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal $labels:tt $help:literal;)+) => {
        $(#[doc = $help] pub const $constant: &str = $name;)+

        /// Every metric, in the order of the documentation.
        pub const ALL: &[Metric] = &[$(Metric {
            name: $name,
            kind: MetricKind::$kind,
            labels: &$labels,
            help: $help,
        },)+];
    };
}

metrics! {
    REQUESTS: Counter "fusebox_requests_total" ["protocol", "code", "model", "version", "scene"]
        "Requests answered, by outcome (`OK` or an error code of the closed list) and by what they asked. Model, version and scene are `other` where they are not in service or not configured.";
    REQUEST_SECONDS: Histogram "fusebox_request_duration_seconds" ["protocol", "model", "version", "scene"]
        "Time from the last header byte to the answer handed to the socket, by what was asked.";
    PARSE_SECONDS: Histogram "fusebox_parse_duration_seconds" []
        "Time to read and parse a request.";
    FEATURES_SECONDS: Histogram "fusebox_features_duration_seconds" []
        "Time to look up features and candidates and to write them into tensors.";
    QUEUE_SECONDS: Histogram "fusebox_queue_duration_seconds" []
        "Time from the actor's mailbox to the start of the batch.";
    BATCH_SECONDS: Histogram "fusebox_batch_duration_seconds" []
        "Time to gather a batch and to split its outputs.";
    RUN_SECONDS: Histogram "fusebox_run_duration_seconds" []
        "Time inside the engine, per run.";
    ENCODE_SECONDS: Histogram "fusebox_encode_duration_seconds" []
        "Time to select the best candidates and to write the answer.";
    RUN_CPU_SECONDS: Counter "fusebox_run_cpu_seconds_total" ["actor"]
        "CPU time of an actor's thread inside the engine. Of runs below 200 us a random sixteenth is measured and stands for the others. Further intra-op threads are not included.";
    RUNS: Counter "fusebox_runs_total" ["actor"]
        "Runs that returned outputs.";
    ROWS: Counter "fusebox_run_rows_total" ["actor"]
        "Candidate rows of those runs.";
    PROCESS_CPU_SECONDS: Counter "process_cpu_seconds_total" []
        "User and system CPU time of the process.";
    PROCESS_RESIDENT_BYTES: Gauge "process_resident_memory_bytes" []
        "Resident memory of the process; 0 where the system does not report it.";
    BATCH_ROWS: Histogram "fusebox_batch_rows" []
        "Candidate rows per run.";
    MAILBOX_DEPTH: Gauge "fusebox_mailbox_depth" ["actor"]
        "Requests on their way to an actor, waiting in it, or being run.";
    ACTOR_RESTARTS: Counter "fusebox_actor_restarts_total" ["actor", "cause"]
        "New sessions of an actor, by cause: `panic`, `hang`, `memory`, `operator` or `load_failure`.";
    RETRIES: Counter "fusebox_actor_retries_total" []
        "Requests that were sent to a second actor because the first could not finish them.";
    DROPPED: Counter "fusebox_dropped_before_run_total" ["actor", "reason"]
        "Requests dropped before their run, by reason: `expired`, `abandoned`, `shed` or `refused`.";
    DEGRADED: Counter "fusebox_degraded_total" ["reason"]
        "Answers by a fallback, by the error code that the model path ended with.";
    WASTED_SECONDS: Counter "fusebox_wasted_run_seconds_total" ["actor"]
        "Time inside the engine for answers that no caller was waiting for.";
    BREAKER_STATE: Gauge "fusebox_breaker_state" ["key"]
        "State of a breaker: 0 closed, 1 open, 2 half-open, 3 ramp.";
    BREAKER_SECONDS: Gauge "fusebox_breaker_seconds" ["key", "quantity"]
        "What a breaker compares: `threshold`, `ceiling`, `baseline`, `p99` and `p99_bound`.";
    BREAKER_SAMPLES: Gauge "fusebox_breaker_samples" ["key"]
        "Requests in a breaker's slow window.";
    BREAKER_TRANSITIONS: Counter "fusebox_breaker_transitions_total" ["key", "from", "to", "reason"]
        "State changes of breakers, by the states before and after and the reason.";
    CANARY_DECISIONS: Counter "fusebox_canary_decisions_total" ["model", "decision"]
        "Decisions about canaries: `advance`, `hold`, `promote`, or the reason of a rollback.";
    ARENA_BYTES: Gauge "fusebox_arena_bytes" ["kind"]
        "Tensor memory, by kind: `leased`, `held`, `most_leased` or `budget`.";
    ARENA_EVENTS: Counter "fusebox_arena_events_total" ["event"]
        "Events of tensor memory: `lease`, `hit`, `refused`, `eviction`, `returned_from_afar` or `overdue`.";
    ARENA_RATIO: Gauge "fusebox_arena_ratio" ["kind"]
        "Shares from 0 to 1, by kind: `hit`, `internal_fragmentation` or `external_fragmentation`.";
    ARENA_STATE: Gauge "fusebox_arena_state" []
        "Pressure on tensor memory: 0 idle, 1 active, 2 pressured.";
    BREAKER_RESTARTS: Counter "fusebox_breaker_restarts_total" []
        "Times that the breaker registry was rebuilt after a panic.";
    BODY_BYTES: Gauge "fusebox_bodies_in_flight_bytes" []
        "Memory of all request bodies in flight.";
    SESSION_MEMORY: Gauge "fusebox_session_memory_bytes" ["actor"]
        "Memory that the engine's allocator holds for an actor's session; 0 where it does not report it.";
    SILENT_CONNECTIONS: Counter "fusebox_silent_connections_total" []
        "Connections closed because they sent nothing within `http.header_timeout`.";
    CONNECTIONS: Gauge "fusebox_connections" ["port"]
        "Open connections, by port: `http` or `admin`.";
    CONNECTIONS_ENDED: Counter "fusebox_connections_ended_total" ["reason"]
        "Connections that the gateway ended, by reason: `silent`, `slow_head`, `idle`, `slow_reader` or `flood`.";
    ANSWER_BYTES: Gauge "fusebox_answers_in_flight_bytes" []
        "Memory of large answers until their clients have read them, and of heads of HTTP/2 requests.";
    RUNS_TERMINATED: Counter "fusebox_runs_terminated_total" ["actor"]
        "Runs told to end because the deadlines of all their requests had passed.";
    LOG_DROPPED: Counter "fusebox_log_lines_dropped_total" []
        "Log lines dropped because standard error did not take them.";
    ENGINE_MESSAGES_SUPPRESSED: Counter "fusebox_engine_messages_suppressed_total" []
        "Messages of ONNX Runtime that were not logged because there were too many of their kind.";
    READY: Gauge "fusebox_ready" []
        "Whether the process is ready (1) or not (0).";
    BUILD_INFO: Gauge "fusebox_build_info" ["version"]
        "Build information as labels; the value is 1.";
}

/// Bucket edges of every latency histogram, in seconds. 11 ms, the promise, is an edge exactly.
pub const LATENCY_BUCKETS_SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007_5, 0.011, 0.015, 0.025,
    0.05, 0.1, 0.25, 0.5, 0.8, 1.0, 2.5, 10.0,
];

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/METRICS.md");
    const BEGIN: &str = "<!-- metrics: begin -->\n";
    const END: &str = "<!-- metrics: end -->";

    fn table() -> String {
        let mut table = String::from("| metric | type | labels | meaning |\n|---|---|---|---|\n");
        for Metric {
            name,
            kind,
            labels,
            help,
        } in ALL
        {
            let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
            let (kind, labels) = (kind.label(), labels.join(", "));
            writeln!(table, "| `{name}` | {kind} | {labels} | {help} |").unwrap();
        }
        table
    }

    /// With UPDATE_DOCS=1 the document is written instead of compared.
    #[test]
    fn the_document_lists_every_metric() {
        let text = std::fs::read_to_string(DOCUMENT).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (listed, after) = rest.split_once(END).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let text = format!("{before}{BEGIN}{}{END}{after}", table());
            return std::fs::write(DOCUMENT, text).unwrap();
        }
        let mend = "run UPDATE_DOCS=1 cargo test -p common document";
        assert_eq!(listed, table(), "docs/METRICS.md is out of date: {mend}");
    }

    #[test]
    fn names_are_unique_and_end_with_their_unit() {
        let mut seen = std::collections::BTreeSet::new();
        for metric in ALL {
            assert!(seen.insert(metric.name), "{} is listed twice", metric.name);
            let counted = metric.name.ends_with("_total");
            assert_eq!(
                counted,
                metric.kind == MetricKind::Counter,
                "{}",
                metric.name
            );
            assert!(metric.help.ends_with('.'), "{}: a sentence", metric.name);
        }
    }
}
