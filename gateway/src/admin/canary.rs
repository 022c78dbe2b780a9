//! Canaries: what they stand at, and an operator's commands.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data, Path},
};
use breaker::{
    CanaryOptions, CanaryPlan, CanarySettings, CanaryState, CommandRelease, ObserveReleases,
    Release, ReleaseCommand, ReleaseError, ReleaseSnapshot, StartRelease,
};
use common::{ErrorCode, ModelName, ModelVersion};
use pool::{ChangeError, ModelRef, ModelStatus, VersionSplit};
use serde::Deserialize;

use super::{State, actors::patiently, show};
use crate::{failure::Failure, protocols::http::respond, releases::stable_beside};

/// `GET /admin/canary`.
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> HttpResponse {
    match releases(&state).await {
        Ok(releases) => show(&request, &releases),
        Err(failure) => respond::failed(&failure, ""),
    }
}

async fn releases(state: &State) -> Result<Vec<ReleaseSnapshot>, Failure> {
    let answer = patiently(state.shared.breaker.send(ObserveReleases)).await;
    answer.ok_or_else(no_answer)
}

fn no_answer() -> Failure {
    Failure::new(
        ErrorCode::Internal,
        "the actor that judges canaries does not answer; try again",
    )
}

/// Which model, and for a start what of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    model: ModelName,
    version: Option<u64>,
    #[serde(default)]
    plan: CanaryPlan,
    min_samples: Option<u64>,
}

/// `POST /admin/canary/{start,promote,rollback,pause}`.
pub(super) async fn command(
    request: HttpRequest,
    path: Path<String>,
    body: Bytes,
    state: Data<State>,
) -> HttpResponse {
    match commanded(&path, &body, &state).await {
        Ok(release) => show(&request, &release),
        Err(failure) => respond::failed(&failure, ""),
    }
}

async fn commanded(command: &str, body: &[u8], state: &State) -> Result<ReleaseSnapshot, Failure> {
    let what = match command {
        "start" => None,
        "promote" => Some(ReleaseCommand::Promote),
        "rollback" => Some(ReleaseCommand::RollBack),
        "pause" => Some(ReleaseCommand::Pause),
        _ => {
            let message = format!("no command `{command}`; use start, promote, rollback or pause");
            return Err(Failure::new(ErrorCode::NotFound, message));
        }
    };
    let order: Order = serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body must be {{\"model\": \"m\", …}}: {error}");
        Failure::invalid(message)
    })?;
    let model = order.model.clone();
    match what {
        Some(what) => steer(state, &model, what).await?,
        None => start(state, order).await?,
    }
    let all = releases(state).await?;
    let mut mine = all.into_iter();
    mine.find(|release| *release.model == *model.as_str())
        .ok_or_else(no_answer)
}

async fn steer(state: &State, model: &ModelName, command: ReleaseCommand) -> Result<(), Failure> {
    let model = model.as_str().to_owned();
    let sent = state.shared.breaker.send(CommandRelease { model, command });
    patiently(sent)
        .await
        .ok_or_else(no_answer)?
        .map_err(refused)
}

fn refused(error: ReleaseError) -> Failure {
    let code = match error {
        ReleaseError::Unknown(_) => ErrorCode::NotFound,
        ReleaseError::UnderWay(_) | ReleaseError::Over(_) => ErrorCode::Conflict,
    };
    Failure::new(code, error.to_string())
}

/// Starts a canary, or lets a paused one go on.
async fn start(state: &State, order: Order) -> Result<(), Failure> {
    let Some(canary) = order.version.and_then(ModelVersion::new) else {
        return Err(Failure::invalid("`version` must be a positive integer"));
    };
    let (name, shared) = (order.model, &state.shared);
    let all = releases(state).await?;
    if let Some(former) = all.iter().find(|release| *release.model == *name.as_str()) {
        if former.at.state == CanaryState::Paused && former.canary == canary.get() {
            return steer(state, &name, ReleaseCommand::Resume).await;
        }
        if !former.at.state.is_over() {
            return Err(refused(ReleaseError::UnderWay(Arc::clone(&former.model))));
        }
    }
    let stable = stable_beside(&shared.pool.table(), &name, canary).ok_or_else(|| {
        let message = format!(
            "model `{name}` has no other version in service to judge version {canary} by; load one first"
        );
        Failure::new(ErrorCode::Conflict, message)
    })?;
    // Before the load: a new version that is the highest would answer everyone at once.
    let held = VersionSplit::new(&name, stable, canary, 0);
    shared.pool.split_model(name.clone(), Some(held)).await;
    if let Err(error) = load(state, &name, canary).await {
        shared.pool.split_model(name, None).await;
        return Err(error);
    }
    let mut settings = CanarySettings::default();
    settings.min_samples = order.min_samples.unwrap_or(settings.min_samples);
    let message = StartRelease {
        release: Release {
            model: name.as_str().into(),
            stable: stable.get(),
            canary: canary.get(),
        },
        options: CanaryOptions {
            plan: order.plan,
            settings,
            deadline: shared.settings.limits.deadline.0,
        },
    };
    let started = patiently(shared.breaker.send(message)).await;
    started.ok_or_else(no_answer)?.map_err(refused)
}

/// Loads the version, unless it serves already.
async fn load(state: &State, name: &ModelName, version: ModelVersion) -> Result<(), Failure> {
    let pool = &state.shared.pool;
    let wanted = ModelRef::Version(name, version);
    let table = pool.table();
    let route = table.resolve(&wanted, 0);
    if route.is_some_and(|route| route.status == ModelStatus::Ready) {
        return Ok(());
    }
    drop(table);
    let loaded = pool.load_model(name.clone(), Some(version)).await;
    loaded.map_err(|error| {
        let code = match error {
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
