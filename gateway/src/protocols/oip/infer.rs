//! `POST /v2/models/M[/versions/V]/infer`.

use std::{convert::Infallible, rc::Rc, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    http::header::{self, HeaderValue},
    web::{Data, Payload},
};
use bytes::Bytes;
use common::{ErrorCode, RequestId};
use inference_actor::{RunTimes, validate};

use super::{
    answer::{self, Written},
    body::{BodyForm, HEADER_LENGTH},
    coding::Coding,
    offload,
    request::{self, InferRequest},
    target,
};
use crate::{
    admission::{AdmissionRequest, BodyLimits, criticality, deadline, read_body},
    failure::Failure,
    front::Front,
    metrics::Protocol,
    protocols::exchange::Exchange,
    respond,
    timing::Times,
};

static JSON: HeaderValue = HeaderValue::from_static("application/json");
static BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// What breakers and metrics call requests that come without a scene.
const NO_SCENE: &str = "infer";
/// Larger answers are handed to the connection piece by piece.
const STREAMED_FROM_BYTES: usize = 1 << 20;
const PIECE_BYTES: usize = 256 << 10;

/// An answer, ready to be sent.
struct Answer {
    written: Written,
    coding: Coding,
    times: Times,
}

pub(super) async fn infer(
    request: HttpRequest,
    mut payload: Payload,
    front: Data<Rc<Front>>,
) -> HttpResponse {
    let exchange = Exchange::begin(&front, Protocol::Oip, &request);
    let answered = answer(&request, &mut payload, &front, &exchange).await;
    let response = answered.map(|answer| {
        front.shared().metrics.inference(&answer.times);
        respond(answer, exchange.id())
    });
    exchange.end(response, payload)
}

async fn answer(
    request: &HttpRequest,
    payload: &mut Payload,
    front: &Front,
    exchange: &Exchange<'_>,
) -> Result<Answer, Failure> {
    let shared = front.shared();
    let settings = &shared.settings;
    let deadline = deadline(
        exchange.start(),
        request.headers(),
        settings.limits.infer_deadline.0,
    )?;
    let criticality = criticality(request.headers(), &settings.admission.priority_key)?;
    let form = BodyForm::of(request)?;
    let most = settings.limits.infer_body;
    let limits = BodyLimits {
        budget: &shared.bodies,
        most,
        discard: settings.limits.discard_body,
        time: settings.http.body_timeout.0.min(deadline.limit()),
    };
    let body = read_body(request, payload, limits).await?;
    shared.phase.admit()?;
    let route = target::route(request, &front.pool().table())?;
    let spec = target::serving(&route)?;

    let parsing = front.now();
    let of_model = Arc::clone(&spec);
    // What is compressed unfolds to a thousand times its size at most.
    let size = if form.coding == Coding::Identity {
        body.len()
    } else {
        usize::MAX
    };
    let InferRequest {
        id: own_id,
        inputs,
        outputs,
    } = offload::by_size(front, size, move || {
        let body = form.coding.decode(body, most)?;
        let (json, binary) = form.split(&body)?;
        request::parse(json, binary, &of_model, criticality)
    })
    .await?;
    let rows = validate(&spec, &inputs)?;
    let parse = front.now() - parsing;
    if deadline.expired(front.now()) {
        let message = "the deadline passed before the request was read";
        return Err(Failure::new(ErrorCode::Deadline, message));
    }
    let who = AdmissionRequest {
        model: &spec.name,
        version: spec.version,
        scene: NO_SCENE,
        criticality,
        deadline,
        configured_deadline: settings.limits.infer_deadline.0,
    };
    let permit = front.admission().admit(&who, front.now())?;
    let reply = match front
        .infer(&route, inputs, rows, deadline, criticality)
        .await
    {
        Ok(reply) => reply,
        Err(failure) => {
            permit.failed(&failure, front.now());
            return Err(failure);
        }
    };
    permit.answered(&reply.times, front.now());

    let encoding = front.now();
    let run: RunTimes = reply.times;
    let own_id = own_id.unwrap_or_else(|| exchange.id().as_str().to_owned());
    let accepted = Coding::accepted(request.headers());
    let size = answer::estimate(&outputs, &reply.outputs);
    let (written, coding) = offload::by_size(front, size, move || {
        let written = answer::write(&spec, &own_id, &outputs, &reply.outputs)?;
        let (body, coding) = accepted.encode(written.body);
        Ok((Written { body, ..written }, coding))
    })
    .await?;
    let times = Times {
        parse,
        run,
        encode: front.now() - encoding,
        ..Times::default()
    };
    Ok(Answer {
        written,
        coding,
        times,
    })
}

fn respond(answer: Answer, id: &RequestId) -> HttpResponse {
    let Written { body, json_bytes } = answer.written;
    let mut response = HttpResponse::Ok();
    response.insert_header((respond::REQUEST_ID.clone(), id.as_str()));
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
