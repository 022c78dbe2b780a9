//! `GET /metrics`, in Prometheus' text format.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, web::Data};

use pool::ModelRef;

use super::{State, actors, breakers::observed};
use crate::{metrics::ActorFigures, request::NO_SCENE};

/// The actors' own counts are asked for when somebody scrapes; the request path never pays for it.
/// What is gone (an actor, a version, a breaker) is shown no more.
pub(super) async fn metrics(state: Data<State>) -> HttpResponse {
    let metrics = &state.shared.metrics;
    let mut live = BTreeSet::new();
    for view in actors::inference(&state).await {
        let counts = view.supervision.counts;
        let sessions = [
            counts.panics,
            counts.kills,
            counts.recycles,
            counts.restarts,
            counts.load_failures,
        ];
        let waiting = view.mailbox_depth;
        metrics.actors.supervised(&view.id, waiting, sessions);
        if let Some(own) = view.snapshot {
            let figures = ActorFigures {
                dropped: [own.expired, own.abandoned, own.shed, own.refused],
                wasted_seconds: own.wasted_run_us as f64 / 1e6,
                run_cpu_seconds: own.run_cpu_ns as f64 / 1e9,
                runs: own.runs,
                runs_terminated: own.terminated,
                rows: own.rows,
                session_bytes: own.session_memory_bytes,
            };
            metrics.actors.counted(&view.id, &figures);
        }
        live.insert(view.id);
    }
    metrics.actors.retain(&live);
    metrics.arena.show(&state.shared.arenas.snapshot());
    let held = i64::try_from(state.shared.bodies.held_bytes()).unwrap_or(i64::MAX);
    metrics.body_bytes.set(held);
    // A breaker that does not answer leaves its last figures, which say by their age that it is gone.
    if let Some(snapshot) = observed(&state).await {
        let breakers = &snapshot.registry.breakers;
        metrics.breakers.show(snapshot.restarts, breakers);
    }
    requests(&state);
    metrics
        .connections
        .show(&state.ports, state.shared.answers.held_bytes());
    match metrics.text() {
        Ok(text) => HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4; charset=utf-8")
            .body(text),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

/// Series of requests stay for versions in service and configured scenes.
fn requests(state: &State) {
    let shared = &state.shared;
    let (table, live) = (shared.pool.table(), shared.live.load());
    shared.metrics.requests.retain(|key, scene| {
        let version = ModelRef::Version(&key.name, key.version);
        let configured = scene == NO_SCENE || live.scenes.contains_key(scene);
        configured && table.resolve(&version, 0).is_some()
    });
}
