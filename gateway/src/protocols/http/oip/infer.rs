//! `POST /v2/models/M[/versions/V]/infer`.

use std::{convert::Infallible, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    http::header::{self, HeaderValue},
    web::{Data, Payload},
};
use bytes::Bytes;
use common::RequestId;

use super::{
    super::{
        body::{BodyLimits, read_body},
        headers, respond,
    },
    answer::{self, EncodedResponse},
    body::{BodyForm, HEADER_LENGTH},
    coding::Coding,
    offload,
    request::{self, InferRequest},
    target,
};
use crate::{
    failure::Failure,
    front::Front,
    recommend::Recommender,
    request::{Exchange, Protocol, run},
    timing::Times,
};

static JSON: HeaderValue = HeaderValue::from_static("application/json");
static BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Larger answers are handed to the connection piece by piece.
const STREAMED_FROM_BYTES: usize = 1 << 20;
const PIECE_BYTES: usize = 256 << 10;

/// An answer, ready to be sent.
struct Answer {
    encoded: EncodedResponse,
    coding: Coding,
}

pub(super) async fn infer(
    request: HttpRequest,
    mut payload: Payload,
    recommender: Data<Recommender>,
) -> HttpResponse {
    let front = recommender.front();
    let exchange = Exchange::begin(front, Protocol::Oip, request.headers());
    let answer = answer(&request, &mut payload, front, &exchange).await;
    let response = answer.map(|answer| response(answer, exchange.id()));
    respond::finish(&exchange, response, payload)
}

async fn answer(
    request: &HttpRequest,
    payload: &mut Payload,
    front: &Front,
    exchange: &Exchange<'_>,
) -> Result<Answer, Failure> {
    let shared = front.shared();
    let (limits, http) = (&exchange.live().limits, &shared.settings.http);
    let context = exchange.context(request.headers(), limits.infer_deadline.0)?;
    let form = BodyForm::of(request)?;
    let most = limits.infer_body;
    let limits = BodyLimits {
        budget: &shared.bodies,
        most,
        discard: limits.discard_body,
        time: http.body_timeout.0.min(context.deadline.limit()),
    };
    let body = read_body(request, payload, limits).await?;
    shared.phase.admit()?;
    let target = target::serving(request, &front.pool().table())?;

    let mut wanted = None;
    let (spec, criticality) = (Arc::clone(&target.spec), context.criticality);
    let prepare = async || {
        let parsed = offload::by_size(front, form.unfolded_bytes(&body), move || {
            let body = form.coding.decode(body, most)?;
            let (json, binary) = form.split(&body)?;
            request::parse(json, binary, &spec, criticality)
        });
        let InferRequest {
            id,
            inputs,
            outputs,
        } = parsed.await?;
        wanted = Some((id, outputs));
        Ok(Some(inputs))
    };
    let outcome = run(front, &context, &target, prepare, Ok).await?;
    let (id, wanted) = wanted.unwrap_or_default();
    let outputs = outcome.output.unwrap_or_default();

    let id = id.unwrap_or_else(|| exchange.id().as_str().to_owned());
    let (spec, accepted) = (target.spec, Coding::accepted(request.headers()));
    let size = answer::estimate(&wanted, &outputs);
    let (encoded, coding) = offload::by_size(front, size, move || {
        let encoded = answer::write(&spec, &id, &wanted, &outputs)?;
        let (body, coding) = accepted.encode(encoded.body);
        Ok((EncodedResponse { body, ..encoded }, coding))
    })
    .await?;
    shared.metrics.inference(&Times {
        parse: outcome.preparing,
        run: outcome.times,
        encode: front.now() - outcome.ended,
        ..Times::default()
    });
    Ok(Answer { encoded, coding })
}

fn response(answer: Answer, id: &RequestId) -> HttpResponse {
    let EncodedResponse { body, json_bytes } = answer.encoded;
    let mut response = HttpResponse::Ok();
    response.insert_header((headers::request_id(), id.as_str()));
    if let Some(name) = answer.coding.name() {
        response.insert_header((header::CONTENT_ENCODING, name));
    }
    let varies = HeaderValue::from_static("accept-encoding");
    response.insert_header((header::VARY, varies));
    match json_bytes {
        None => response.insert_header((header::CONTENT_TYPE, JSON.clone())),
        Some(length) => response
            .insert_header((HEADER_LENGTH.clone(), HeaderValue::from(length)))
            .insert_header((header::CONTENT_TYPE, BINARY.clone())),
    };
    if body.len() <= STREAMED_FROM_BYTES {
        return response.body(body);
    }
    // A body handed over whole is copied to the connection's buffer, which keeps its size.
    let body = Bytes::from(body);
    let length = body.len() as u64;
    let pieces = (0..body.len()).step_by(PIECE_BYTES).map(move |start| {
        let piece = body.slice(start..body.len().min(start + PIECE_BYTES));
        Ok::<_, Infallible>(piece)
    });
    response.body(SizedStream::new(length, futures_util::stream::iter(pieces)))
}
