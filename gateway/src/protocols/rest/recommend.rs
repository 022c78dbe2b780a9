//! `POST /v2/recommend/item`.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use common::RequestId;

use crate::{
    admission::{BodyLimits, criticality, deadline, holding, read_body, require_json},
    failure::Failure,
    metrics::Protocol,
    recommend::{Answer, Desk, Envelope, ParseLimits, Recommend, recommend},
    respond,
};

pub(super) async fn item(
    request: HttpRequest,
    mut payload: Payload,
    desk: Data<Desk>,
) -> HttpResponse {
    let front = desk.front();
    let start = front.now();
    let _in_flight = front.begin();
    let given = request
        .headers()
        .get(respond::REQUEST_ID)
        .and_then(|v| v.to_str().ok());
    let id = front.request_id(given);
    let result = answer(&request, &mut payload, &desk, &id, start).await;
    let failure = result.as_ref().err().map(|failure| failure.code);
    front.count(failure);
    front.hand_over_outcomes();
    let metrics = &front.shared().metrics;
    metrics.answered(Protocol::Rest, failure, (front.now() - start).as_secs_f64());
    match result {
        Ok(Answer {
            body,
            times,
            degraded,
        }) => {
            metrics.phases(&times);
            if let Some(code) = degraded {
                metrics.degraded(code);
            }
            respond::json(body, id.as_str())
        }
        Err(failure) => {
            tracing::debug!(request_id = %id, code = failure.code.as_str(), message = %failure.message, "refused");
            holding(respond::failed(&failure, id.as_str()), payload)
        }
    }
}

async fn answer(
    request: &HttpRequest,
    payload: &mut Payload,
    desk: &Desk,
    id: &RequestId,
    start: std::time::Instant,
) -> Result<Answer, Failure> {
    let front = desk.front();
    let shared = front.shared();
    let settings = &shared.settings;
    let by_header = deadline(start, request.headers(), settings.limits.deadline.0)?;
    let criticality = criticality(request.headers(), &settings.admission.priority_key)?;
    require_json(request)?;
    let limits = BodyLimits {
        budget: &shared.bodies,
        most: settings.limits.recommend_body,
        discard: settings.limits.discard_body,
        // A body that is later than its request's deadline is of no use either.
        time: settings.http.body_timeout.0.min(by_header.limit()),
    };
    let body = read_body(request, payload, limits).await?;
    shared.phase.admit()?;
    let parsing = front.now();
    let limits = ParseLimits {
        candidates: settings.limits.candidates,
    };
    let asked = Recommend::parse(&body, front.store().catalogue(), limits)?;
    drop(body);
    let deadline = match asked.timeout_ms {
        Some(ms) => by_header.tightened(Duration::from_millis(ms)),
        None => by_header,
    };
    let parse = front.now() - parsing;
    let envelope = Envelope {
        id,
        deadline,
        criticality,
        parse,
    };
    recommend(desk, asked, envelope).await
}
