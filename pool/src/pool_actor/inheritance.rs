//! The threads that a load finds: those of the actors it replaces, and those of other models.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use common::{ModelKey, ModelName, ModelVersion};

use super::PoolActor;
use crate::{
    member::Member,
    repository::ModelSource,
    threads::{DedicatedThread, Existing, Neighbour},
};

/// The threads of a model that is reloaded, by version, and those of others.
pub(super) struct Threads {
    by_version: BTreeMap<ModelVersion, Vec<Arc<DedicatedThread>>>,
    neighbours: Vec<Neighbour>,
}

impl Threads {
    /// Those for a version: its own, or, for one that is new, those of a version that goes. The
    /// versions in `later` are loaded after it and keep theirs.
    pub(super) fn of(&mut self, version: ModelVersion, later: &[ModelSource]) -> Existing {
        let own = self.by_version.remove(&version);
        let inherited = own.or_else(|| {
            let keeps = |version: &ModelVersion| later.iter().any(|s| s.version == *version);
            let goes = self.by_version.keys().find(|version| !keeps(version));
            let goes = goes.copied()?;
            self.by_version.remove(&goes)
        });
        Existing {
            inherited: inherited.unwrap_or_default(),
            neighbours: self.neighbours.clone(),
        }
    }
}

impl PoolActor {
    /// The threads for a load of this version, or of all versions of the model.
    pub(super) fn threads_for(&self, name: &ModelName, version: Option<ModelVersion>) -> Threads {
        let replaced = |member: &Member| {
            let of_version = version.is_none_or(|version| member.source.version == version);
            member.source.name == *name && of_version
        };
        let mut threads = Threads {
            by_version: BTreeMap::new(),
            neighbours: Vec::new(),
        };
        for member in self.members.values() {
            let Some(thread) = &member.thread else {
                continue;
            };
            let mut on_it = self.members.values().filter(|m| m.is_on(thread));
            let exclusive = on_it.all(|m| m.source.key() == member.source.key());
            if replaced(member) && exclusive {
                let own = threads.by_version.entry(member.source.version).or_default();
                own.push(Arc::clone(thread));
            } else if !threads
                .neighbours
                .iter()
                .any(|n| Arc::ptr_eq(&n.thread, thread))
            {
                threads.neighbours.push(self.neighbour(thread));
            }
        }
        threads
    }

    /// The threads for a version whose actors do not have to be replaced.
    pub(super) fn threads_beside(&self, key: &ModelKey) -> Existing {
        let mut threads = self.threads_for(&key.name, Some(key.version));
        threads.of(key.version, &[])
    }

    fn neighbour(&self, thread: &Arc<DedicatedThread>) -> Neighbour {
        let on_it = self.members.values().filter(|m| m.is_on(thread));
        let busy: Duration = on_it.map(|m| m.gauge.typical_run().1).sum();
        Neighbour {
            thread: Arc::clone(thread),
            busy,
        }
    }
}

/// Adds the threads of a model that was just brought up, for those brought up after it.
pub(super) fn add_neighbours(neighbours: &mut Vec<Neighbour>, members: &[Member]) {
    for member in members {
        let (Some(thread), (_, run)) = (&member.thread, member.gauge.typical_run()) else {
            continue;
        };
        match neighbours
            .iter_mut()
            .find(|n| Arc::ptr_eq(&n.thread, thread))
        {
            Some(shared) => shared.busy += run,
            None => neighbours.push(Neighbour {
                thread: Arc::clone(thread),
                busy: run,
            }),
        }
    }
}
