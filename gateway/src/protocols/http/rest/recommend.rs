//! `POST /v2/recommend/item`.

mod parse;
mod skipped;
mod write;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};

pub(crate) use self::parse::parse;
use super::super::{
    body::{BodyLimits, read_body, require_json},
    respond,
};
use crate::{
    failure::Failure,
    recommend::{Recommender, recommend},
    request::{Exchange, Protocol},
};

pub(super) async fn item(
    request: HttpRequest,
    mut payload: Payload,
    recommender: Data<Recommender>,
) -> HttpResponse {
    let front = recommender.front();
    let exchange = Exchange::begin(front, Protocol::Rest, request.headers());
    let body = answer(&request, &mut payload, &recommender, &exchange).await;
    let response = body.map(|body| respond::json(body, exchange.id().as_str()));
    respond::finish(&exchange, response, payload)
}

async fn answer(
    request: &HttpRequest,
    payload: &mut Payload,
    recommender: &Recommender,
    exchange: &Exchange<'_>,
) -> Result<Vec<u8>, Failure> {
    let front = recommender.front();
    let shared = front.shared();
    let (limits, http) = (&exchange.live().limits, &shared.settings.http);
    let max_candidates = limits.candidates;
    let context = exchange.context(request.headers(), limits.deadline.0)?;
    require_json(request)?;
    let limits = BodyLimits {
        budget: &shared.bodies,
        most: limits.recommend_body,
        discard: limits.discard_body,
        // A body that is later than its request's deadline is of no use either.
        time: http.body_timeout.0.min(context.deadline.limit()),
    };
    let body = read_body(request, payload, limits).await?;
    shared.phase.admit()?;
    let parsing = front.now();
    let catalogue = front.store().catalogue();
    let asked = parse(&body, catalogue, max_candidates)?;
    drop(body);
    let parse = front.now() - parsing;

    let mut answer = recommend(recommender, &context, &asked).await?;
    answer.times.parse = parse;
    let writing = front.now();
    let mut body = write::list(exchange.id(), &asked, &answer, catalogue);
    answer.times.encode += front.now() - writing;
    write::times(&mut body, &answer.times);
    answer.count(&shared.metrics);
    Ok(body)
}
