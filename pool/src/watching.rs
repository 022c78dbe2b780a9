//! Carrying the watcher's steps out, one after the other, beside everything else.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use common::{Clock, ModelKey};
use tokio::{task::spawn_blocking, time::MissedTickBehavior};

use crate::{
    pool::Pool,
    pool_actor::ChangeError,
    routing::ModelStatus,
    watch::{Step, Watcher, look, verify},
};

/// How a repository is watched.
#[derive(Clone)]
pub struct WatchOptions {
    /// The folder.
    pub repository: PathBuf,
    /// From one look to the next.
    pub interval: Duration,
    /// For how long a version must not have changed before it is loaded.
    pub debounce: Duration,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Watches the repository and loads and unloads versions as their files change, until the pool ends;
/// must be called on a thread of the actix system.
pub fn watch_repository(pool: Pool, options: WatchOptions) {
    actix::spawn(watch(pool, options));
}

async fn watch(pool: Pool, options: WatchOptions) {
    let WatchOptions {
        repository,
        interval,
        debounce,
        clock,
    } = options;
    let mut watcher: Option<Watcher> = None;
    // A file system that comes and goes is told of once each time, not at every look.
    let mut readable = true;
    let mut every = tokio::time::interval(interval);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let root = repository.clone();
        let seen = match spawn_blocking(move || look(&root)).await {
            Ok(Ok((seen, _))) => seen,
            Ok(Err(error)) => {
                if std::mem::take(&mut readable) {
                    tracing::warn!(%error, "the model repository cannot be watched; what serves goes on serving");
                }
                continue;
            }
            Err(_) => return,
        };
        readable = true;
        let (serving, now) = (serving(&pool), clock.now());
        let watcher = watcher.get_or_insert_with(|| Watcher::new(debounce, &seen, &serving, now));
        for step in watcher.observe(&seen, &serving, now) {
            let done = match step {
                Step::Load(key) => load(&pool, &repository, key).await,
                Step::Unload(key) => unload(&pool, key).await,
            };
            if done == Err(ChangeError::Stopping) {
                return;
            }
        }
    }
}

fn serving(pool: &Pool) -> BTreeSet<ModelKey> {
    let table = pool.table();
    let ready = table.models().filter(|r| r.status == ModelStatus::Ready);
    ready.filter_map(|route| route.key()).collect()
}

async fn load(pool: &Pool, repository: &std::path::Path, key: ModelKey) -> Result<(), ChangeError> {
    let folder = repository
        .join(key.name.as_str())
        .join(key.version.to_string());
    let verified = spawn_blocking(move || verify(&folder)).await;
    let done = match verified {
        Ok(Ok(())) => {
            let (name, version) = (key.name.clone(), Some(key.version));
            pool.load_model(name, version).await
        }
        Ok(Err(reason)) => Err(ChangeError::Failed {
            model: key.name.clone(),
            reason,
        }),
        Err(_) => Err(ChangeError::Stopping),
    };
    match &done {
        Ok(()) => tracing::info!(model = %key, "model version loaded: its files have changed"),
        Err(ChangeError::Stopping) => {}
        Err(reason) => {
            tracing::warn!(model = %key, %reason, "model version cannot be loaded and is tried again when its files change; what served before still does");
        }
    }
    done
}

async fn unload(pool: &Pool, key: ModelKey) -> Result<(), ChangeError> {
    let (name, version) = (key.name.clone(), Some(key.version));
    let done = pool.unload_model(name, version).await;
    match &done {
        Ok(()) => {
            tracing::info!(model = %key, "model version unloaded: the repository does not hold it any more, or its model.toml does not choose it")
        }
        Err(ChangeError::Stopping) => {}
        Err(reason) => tracing::warn!(model = %key, %reason, "model version cannot be unloaded"),
    }
    done
}
