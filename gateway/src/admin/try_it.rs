//! `POST /admin/try`: one recommend request for the page, sent to the data port as a caller would.
//!
//! The page comes from the admin port, and a browser lets it ask no other. The answer carries the
//! data port's status and body unchanged. The request's size is bounded by the guard of this port.

use std::{net::SocketAddr, time::Duration};

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Bytes, Data},
};
use common::ErrorCode;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::State;
use crate::{failure::Failure, protocols::http::respond};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

const MAX_ANSWER_BYTES: usize = 1 << 20;
/// Longer than the longest deadline a person waits for on a page.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn recommend(state: Data<State>, body: Bytes) -> HttpResponse {
    match ask(&state, body).await {
        Ok((status, body)) => HttpResponse::build(status)
            .content_type("application/json")
            .body(body),
        Err(failure) => respond::failed(&failure, ""),
    }
}

async fn ask(state: &State, body: Bytes) -> Result<(StatusCode, Bytes), Failure> {
    let answer = tokio::time::timeout(TIMEOUT, exchange(state.http, body)).await;
    let answer = answer.map_err(|_| format!("no answer within {TIMEOUT:?}"));
    answer
        .and_then(|done| done.map_err(|e| e.to_string()))
        .map_err(|reason| {
            let message = format!("the data port did not answer: {reason}");
            Failure::new(ErrorCode::Internal, message)
        })
}

/// One request on a connection of its own.
async fn exchange(to: SocketAddr, body: Bytes) -> Result<(StatusCode, Bytes), AnyError> {
    let stream = TokioIo::new(TcpStream::connect(to).await?);
    let (mut sender, connection) = handshake(stream).await?;
    let connection = actix_rt::spawn(connection);
    let request = Request::post("/v2/recommend/item")
        .header("host", to.to_string())
        .header("content-type", "application/json")
        .body(Full::new(body))?;
    let answer = sender.send_request(request).await?;
    let status = StatusCode::from_u16(answer.status().as_u16())?;
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES);
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok((status, body))
}
