//! Makes the routing table follow what the judge of canaries says.
//!
//! A decision only wakes this task; what is to be routed is asked of the breaker's actor, so that a
//! decision missed or told twice leaves no wrong route behind.

use std::{collections::HashMap, sync::Arc};

use actix::Addr;
use breaker::{BreakerActor, CanaryState, ObserveReleases, ReleaseSnapshot};
use common::{ModelName, ModelVersion};
use pool::{ModelRef, ModelStatus, Pool, RoutingTable, VersionSplit};
use tokio::sync::Notify;

/// Follows decisions for the life of the process.
pub(crate) async fn follow(decided: Arc<Notify>, breaker: Addr<BreakerActor>, pool: Pool) {
    let mut routed = HashMap::new();
    loop {
        decided.notified().await;
        let Ok(releases) = breaker.send(ObserveReleases).await else {
            // The process ends.
            return;
        };
        for release in releases {
            route(&release, &pool, &mut routed).await;
        }
    }
}

/// What was routed last for a model: its versions and the share of the new one.
type Routed = HashMap<ModelName, (u64, u64, u8)>;

async fn route(release: &ReleaseSnapshot, pool: &Pool, routed: &mut Routed) {
    let versions = (
        release.model.parse::<ModelName>(),
        ModelVersion::new(release.stable),
        ModelVersion::new(release.canary),
    );
    let (Ok(name), Some(stable), Some(canary)) = (versions.0, versions.1, versions.2) else {
        return;
    };
    // An ended release is routed once: what happens to the model afterwards is not its business.
    let wanted = (release.stable, release.canary, release.at.percent);
    if routed.insert(name.clone(), wanted) == Some(wanted) && release.at.state.is_over() {
        return;
    }
    let needs_no_split = release.at.state == CanaryState::Promoted
        && highest_that_serves(&pool.table(), &name) == Some(canary);
    let split = VersionSplit::new(&name, stable, canary, release.at.percent);
    pool.split_model(name, (!needs_no_split).then_some(split))
        .await;
}

fn highest_that_serves(table: &RoutingTable, name: &ModelName) -> Option<ModelVersion> {
    let mut versions = table.versions(name);
    let ready = versions.find(|route| route.status == ModelStatus::Ready)?;
    ready.version
}

/// The version that answers a model's callers now, or would without `canary`.
pub(crate) fn stable_beside(
    table: &RoutingTable,
    name: &ModelName,
    canary: ModelVersion,
) -> Option<ModelVersion> {
    let now = table.resolve(&ModelRef::Name(name), UNDIVIDED);
    let now = now.filter(|route| route.status == ModelStatus::Ready);
    let others = table.versions(name);
    let mut others = others.filter(|route| route.status == ModelStatus::Ready);
    now.and_then(|route| route.version)
        .filter(|version| *version != canary)
        .or_else(|| others.find_map(|route| route.version.filter(|version| *version != canary)))
}

/// A request without anything to be sticky to: the stable version answers it until promotion.
pub(crate) const UNDIVIDED: u64 = 0;
