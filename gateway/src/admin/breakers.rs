//! The breakers: what they see, and an operator's hand on them.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data, Path},
};
use breaker::{ActorSnapshot, Force, ForceBreaker, ForceError, Observe};
use common::ErrorCode;
use serde::{Deserialize, Serialize};

use super::State;
use crate::{failure::Failure, protocols::http::respond};

/// Longest note an operator may leave.
const MAX_NOTE_BYTES: usize = 1000;

/// What the breaker's actor says; none if it does not answer.
pub(super) async fn observed(state: &State) -> Option<ActorSnapshot> {
    super::actors::patiently(state.shared.breaker.send(Observe)).await
}

/// `GET /admin/breakers`.
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> HttpResponse {
    match observed(&state).await {
        Some(snapshot) => super::show(&request, &snapshot),
        None => {
            let told = "the breaker's actor does not answer; the fronts keep its last word for breaker.state_ttl";
            respond::failed(&Failure::new(ErrorCode::Internal, told), "")
        }
    }
}

/// Who forces a breaker, and why; both optional, both logged.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Note {
    who: String,
    why: String,
}

#[derive(Serialize)]
struct Forced {
    key: String,
    from: &'static str,
    to: &'static str,
    reason: &'static str,
}

/// `POST /admin/breakers/{key}/{open,close,reset}`.
pub(super) async fn force(
    request: HttpRequest,
    path: Path<(String, String)>,
    body: Bytes,
    state: Data<State>,
) -> HttpResponse {
    let (key, command) = path.into_inner();
    match forced(&request, key, &command, &body, &state).await {
        Ok(forced) => HttpResponse::Ok().json(forced),
        Err(failure) => respond::failed(&failure, ""),
    }
}

async fn forced(
    request: &HttpRequest,
    key: String,
    command: &str,
    body: &[u8],
    state: &State,
) -> Result<Forced, Failure> {
    let force = match command {
        "open" => Force::Open,
        "close" => Force::Close,
        "reset" => Force::Reset,
        _ => {
            let told = format!("`{command}` is no command; there are open, close, reset");
            return Err(Failure::new(ErrorCode::NotFound, told));
        }
    };
    let mut note: Note = match body.is_empty() {
        true => Note::default(),
        false => serde_json::from_slice(body).map_err(|e| {
            Failure::invalid(format!("the body is not {{\"who\": …, \"why\": …}}: {e}"))
        })?,
    };
    if note.who.len() + note.why.len() > MAX_NOTE_BYTES {
        return Err(Failure::invalid(format!(
            "who and why have more than {MAX_NOTE_BYTES} bytes"
        )));
    }
    if note.who.is_empty() {
        note.who = request
            .peer_addr()
            .map_or_else(|| "unknown".to_owned(), |peer| peer.ip().to_string());
    }
    let command = ForceBreaker {
        key,
        force,
        who: note.who,
        why: note.why,
    };
    let answer = super::actors::patiently(state.shared.breaker.send(command)).await;
    let change = answer
        .ok_or_else(|| Failure::new(ErrorCode::Internal, "the breaker's actor does not answer"))?
        .map_err(|error| {
            let code = match error {
                ForceError::UnknownKey(_) => ErrorCode::NotFound,
                ForceError::Restarting => ErrorCode::NotReady,
            };
            Failure::new(code, error.to_string())
        })?;
    let t = change.transition;
    Ok(Forced {
        key: change.key.to_string(),
        from: t.from.name(),
        to: t.to.name(),
        reason: t.reason.name(),
    })
}
