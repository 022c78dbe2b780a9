//! `POST /v2/recommend/item`.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};

use crate::{
    admission::{BodyLimits, criticality, deadline, read_body, require_json},
    failure::Failure,
    metrics::Protocol,
    protocols::exchange::Exchange,
    recommend::{Answer, Envelope, ParseLimits, Recommend, Recommender, recommend},
    respond,
};

pub(super) async fn item(
    request: HttpRequest,
    mut payload: Payload,
    recommender: Data<Recommender>,
) -> HttpResponse {
    let front = recommender.front();
    let exchange = Exchange::begin(front, Protocol::Rest, &request);
    let answered = answer(&request, &mut payload, &recommender, &exchange).await;
    let response = answered.map(|answer| {
        let metrics = &front.shared().metrics;
        metrics.phases(&answer.times);
        if let Some(code) = answer.degraded {
            metrics.degraded(code);
        }
        respond::json(answer.body, exchange.id().as_str())
    });
    exchange.end(response, payload)
}

async fn answer(
    request: &HttpRequest,
    payload: &mut Payload,
    recommender: &Recommender,
    exchange: &Exchange<'_>,
) -> Result<Answer, Failure> {
    let front = recommender.front();
    let shared = front.shared();
    let settings = &shared.settings;
    let by_header = deadline(
        exchange.start(),
        request.headers(),
        settings.limits.deadline.0,
    )?;
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
        id: exchange.id(),
        deadline,
        criticality,
        parse,
    };
    recommend(recommender, asked, envelope).await
}
