//! The repository from outside: what it holds, and loading and unloading a model.
//!
//! Loading and unloading always work on the admin port. On the data port they answer 403 unless the
//! configuration opens them.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use common::{ByteSize, ErrorCode, IdError, ModelName, ModelVersion, config::ModelControl};
use pool::{ChangeError, ModelStatus, Pool};
use serde::Serialize;

use super::{
    super::{
        body::{BodyLimits, read_body},
        fallback::with_id,
    },
    json::Cursor,
    target,
};
use crate::{failure::Failure, front::Shared, recommend::Recommender};

/// Larger bodies hold nothing that these paths read.
const MAX_BODY: ByteSize = ByteSize(64 << 10);

/// A change of the repository.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// Bring a model into service as its folder is now.
    Load,
    /// Take a model out of service.
    Unload,
}

/// A model of the repository.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename = "RepositoryEntry")]
pub(crate) struct Entry {
    #[schemars(with = "String")]
    name: ModelName,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    state: &'static str,
    reason: String,
}

/// `POST /v2/repository/index`.
pub(super) async fn index(
    request: HttpRequest,
    payload: Payload,
    recommender: Data<Recommender>,
) -> HttpResponse {
    let front = recommender.front();
    match list(&request, payload, front.shared()).await {
        Ok(entries) => HttpResponse::Ok().json(entries),
        Err(failure) => with_id(&request, front, &failure),
    }
}

/// The models of the repository, as the body asks for them.
pub(crate) async fn list(
    request: &HttpRequest,
    payload: Payload,
    shared: &Shared,
) -> Result<Vec<Entry>, Failure> {
    let body = body(request, payload, shared).await?;
    let mut ready_only = false;
    if !body.trim().is_empty() {
        let mut cursor = Cursor::new(&body);
        cursor.object(|cursor, key| match key {
            "ready" => {
                ready_only = cursor.boolean()?;
                Ok(())
            }
            _ => cursor.skip(),
        })?;
        cursor.end()?;
    }
    let table = shared.pool.table();
    let entry = |route: &std::sync::Arc<pool::ModelRoute>| {
        let (state, reason) = match &route.status {
            ModelStatus::Ready => ("READY", String::new()),
            ModelStatus::Unavailable(reason) => ("UNAVAILABLE", reason.clone()),
        };
        Entry {
            name: route.name.clone(),
            version: route.version.map(|v| v.to_string()),
            state,
            reason,
        }
    };
    let mut entries: Vec<_> = table.models().map(entry).collect();
    entries.retain(|entry| !ready_only || entry.state == "READY");
    entries.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(entries)
}

/// `POST /v2/repository/models/M/load` on the data port.
pub(super) async fn load(
    request: HttpRequest,
    payload: Payload,
    recommender: Data<Recommender>,
) -> HttpResponse {
    on_data_port(request, payload, recommender, Change::Load).await
}

/// `POST /v2/repository/models/M/unload` on the data port.
pub(super) async fn unload(
    request: HttpRequest,
    payload: Payload,
    recommender: Data<Recommender>,
) -> HttpResponse {
    on_data_port(request, payload, recommender, Change::Unload).await
}

async fn on_data_port(
    request: HttpRequest,
    payload: Payload,
    recommender: Data<Recommender>,
    what: Change,
) -> HttpResponse {
    let front = recommender.front();
    let shared = front.shared();
    let done = match shared.settings.models.model_control {
        ModelControl::Explicit => change(&request, payload, shared, what).await,
        ModelControl::None => Err(Failure::new(
            ErrorCode::Forbidden,
            "models are loaded and unloaded on the admin port; models.model_control = \"explicit\" opens it here",
        )),
    };
    match done {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(failure) => with_id(&request, front, &failure),
    }
}

/// Loads or unloads the model that the path names.
pub(crate) async fn change(
    request: &HttpRequest,
    payload: Payload,
    shared: &Shared,
    what: Change,
) -> Result<(), Failure> {
    let name = target::name(request.match_info().get("model").unwrap_or_default())?;
    let version = wanted_version(&body(request, payload, shared).await?)?;
    let pool: &Pool = &shared.pool;
    let done = match what {
        Change::Load => pool.load_model(name.clone(), version).await,
        Change::Unload => pool.unload_model(name.clone(), version).await,
    };
    let version = version.map(tracing::field::display);
    match &done {
        Ok(()) => {
            tracing::info!(model = %name, version, change = ?what, "an operator changed the models in service")
        }
        Err(reason) => {
            tracing::warn!(model = %name, version, change = ?what, %reason, "an operator's change of the models in service failed");
        }
    }
    done.map_err(|error| {
        let code = match &error {
            ChangeError::NotHeld(_) | ChangeError::Unknown(_) | ChangeError::UnknownVersion(_) => {
                ErrorCode::UnknownModel
            }
            ChangeError::Busy(_) => ErrorCode::Conflict,
            ChangeError::Failed { .. } => ErrorCode::Invalid,
            ChangeError::Stopping => ErrorCode::Draining,
        };
        Failure::new(code, error.to_string())
    })
}

/// The version that `{"parameters": {"version": "3"}}` names, if it does. Triton lets a load bring
/// its own configuration and files as well; a model here is what its folder holds.
fn wanted_version(body: &str) -> Result<Option<ModelVersion>, Failure> {
    let mut version = None;
    if body.trim().is_empty() {
        return Ok(version);
    }
    let mut cursor = Cursor::new(body);
    cursor.object(|cursor, key| match key {
        "parameters" => cursor.object(|cursor, key| match key {
            "unload_dependents" => cursor.skip(),
            "version" => {
                let number = match cursor.peek() {
                    Some(b'"') => cursor.string()?.parse(),
                    _ => String::from_utf8_lossy(cursor.number()?).parse(),
                };
                version = Some(number.map_err(|error: IdError| cursor.wrong(error))?);
                Ok(())
            }
            _ => Err(cursor.wrong(
                "the only parameter of a load or unload is `version`; change the model's folder instead",
            )),
        }),
        _ => cursor.skip(),
    })?;
    cursor.end()?;
    Ok(version)
}

async fn body(
    request: &HttpRequest,
    mut payload: Payload,
    shared: &Shared,
) -> Result<String, Failure> {
    let limits = BodyLimits {
        budget: &shared.bodies,
        most: MAX_BODY,
        discard: shared.live.load().limits.discard_body,
        time: shared.settings.http.body_timeout.0,
    };
    let body = read_body(request, &mut payload, limits).await?;
    String::from_utf8(body.to_vec()).map_err(|_| Failure::invalid("the JSON is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_a_version_as_text_or_as_a_number() {
        let named = |body: &str| wanted_version(body).map(|v| v.map(ModelVersion::get));
        assert_eq!(named("").unwrap(), None);
        assert_eq!(
            named("{\"parameters\": {\"unload_dependents\": true}}").unwrap(),
            None
        );
        assert_eq!(
            named("{\"parameters\": {\"version\": \"3\"}}").unwrap(),
            Some(3)
        );
        let long = named("{\"parameters\": {\"version\": 20240101123456}}").unwrap();
        assert_eq!(long, Some(20_240_101_123_456));
        for bad in ["\"0\"", "-1", "1.5", "\"latest\"", "true", "{}"] {
            let body = format!("{{\"parameters\": {{\"version\": {bad}}}}}");
            assert!(named(&body).is_err(), "{bad}");
        }
        assert!(named("{\"parameters\": {\"config\": \"{}\"}}").is_err());
    }
}
