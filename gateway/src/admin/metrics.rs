//! `GET /metrics`, in Prometheus' text format.

use actix_web::{HttpResponse, web::Data};

use super::{State, actors, breakers::observed};

/// The actors' own counts are asked for when somebody scrapes; the request path never pays for it.
pub(super) async fn metrics(state: Data<State>) -> HttpResponse {
    let metrics = &state.shared.metrics;
    for view in actors::inference(&state).await {
        let (id, counts) = (view.id, view.supervision.counts);
        let depth = i64::try_from(view.mailbox_depth).unwrap_or(i64::MAX);
        metrics.mailbox_depth.with_label_values(&[&id]).set(depth);
        for (label, count) in [
            ("panic", counts.panics),
            ("hang", counts.kills),
            ("memory", counts.recycles),
            ("operator", counts.restarts),
            ("load_failure", counts.load_failures),
        ] {
            let counter = metrics.restarts.with_label_values(&[id.as_str(), label]);
            counter.reset();
            counter.inc_by(count);
        }
        let Some(snapshot) = view.snapshot else {
            continue;
        };
        for (counter, label, count) in [
            (&metrics.dropped, "expired", snapshot.expired),
            (&metrics.dropped, "abandoned", snapshot.abandoned),
            (&metrics.dropped, "shed", snapshot.shed),
            (&metrics.dropped, "refused", snapshot.refused),
        ] {
            // The actor counts; here its count is only shown.
            let counter = counter.with_label_values(&[id.as_str(), label]);
            counter.reset();
            counter.inc_by(count);
        }
        for (counter, seconds) in [
            (&metrics.wasted, snapshot.wasted_run_us as f64 / 1e6),
            (&metrics.run_cpu, snapshot.run_cpu_ns as f64 / 1e9),
        ] {
            let counter = counter.with_label_values(&[&id]);
            counter.reset();
            counter.inc_by(seconds);
        }
        for (counter, count) in [
            (&metrics.runs, snapshot.runs),
            (&metrics.rows, snapshot.rows),
        ] {
            let counter = counter.with_label_values(&[&id]);
            counter.reset();
            counter.inc_by(count);
        }
        let held = i64::try_from(snapshot.session_memory_bytes).unwrap_or(i64::MAX);
        metrics.session_memory.with_label_values(&[&id]).set(held);
    }
    metrics.arena.show(&state.shared.arenas.snapshot());
    let held = i64::try_from(state.shared.bodies.held_bytes()).unwrap_or(i64::MAX);
    metrics.body_bytes.set(held);
    breakers(&state).await;
    match metrics.text() {
        Ok(text) => HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4; charset=utf-8")
            .body(text),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

/// A breaker that does not answer leaves its last figures, which say by their age that it is gone.
async fn breakers(state: &State) {
    let metrics = &state.shared.metrics;
    let Some(snapshot) = observed(state).await else {
        return;
    };
    metrics.breaker_restarts.reset();
    metrics.breaker_restarts.inc_by(snapshot.restarts);
    for breaker in &snapshot.registry.breakers {
        let key = breaker.key.as_str();
        metrics
            .breaker_state
            .with_label_values(&[key])
            .set(breaker.state as i64);
        let samples = i64::try_from(breaker.learned.samples).unwrap_or(i64::MAX);
        metrics
            .breaker_samples
            .with_label_values(&[key])
            .set(samples);
        let learned = &breaker.learned;
        for (quantity, value_us) in [
            ("threshold", learned.threshold_us),
            ("ceiling", learned.ceiling_us),
            ("baseline", learned.baseline_us),
            ("p99", learned.p99_us),
            ("p99_bound", learned.p99_bound_us),
        ] {
            if let Some(us) = value_us {
                metrics
                    .breaker_seconds
                    .with_label_values(&[key, quantity])
                    .set(us / 1e6);
            }
        }
    }
}
