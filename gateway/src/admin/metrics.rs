//! `GET /metrics`, in Prometheus' text format.

use actix_web::{HttpResponse, web::Data};

use super::{State, actors};

/// The actors' own counts are asked for when somebody scrapes; the request path never pays for it.
pub(super) async fn metrics(state: Data<State>) -> HttpResponse {
    let metrics = &state.shared.metrics;
    for (id, snapshot) in actors::snapshots(&state).await {
        let Some(snapshot) = snapshot else { continue };
        let queued = i64::try_from(snapshot.queued).unwrap_or(i64::MAX);
        metrics.mailbox_depth.with_label_values(&[&id]).set(queued);
        for (counter, label, count) in [
            (&metrics.restarts, "panic", snapshot.restarts),
            (&metrics.dropped, "expired", snapshot.expired),
            (&metrics.dropped, "abandoned", snapshot.abandoned),
        ] {
            // The actor counts; here its count is only shown.
            let counter = counter.with_label_values(&[id.as_str(), label]);
            counter.reset();
            counter.inc_by(count);
        }
    }
    match metrics.text() {
        Ok(text) => HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4; charset=utf-8")
            .body(text),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}
