//! Watching the repository: which versions to load and unload as folders change. Pure: it is told
//! what a look at the repository saw and the time, and gives steps that somebody else carries out.
//!
//! A version is taken up only when it is whole and has not changed for the debounce time. What was
//! tried is not tried again until its files change. A version that is gone is unloaded only where
//! another version of its model serves, or where the whole model is gone: a load that failed must
//! not take the former version out of service.

mod look;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use common::{ModelKey, ModelName};

pub(crate) use self::look::{look, verify};

/// What tells one state of a version's files from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Stamp(pub(crate) u64);

/// A version as one look saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) stamp: Stamp,
    /// Nothing in it says that it is still being written.
    pub(crate) whole: bool,
}

/// The repository as one look saw it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The versions that the manifests choose.
    pub(crate) versions: BTreeMap<ModelKey, Sight>,
    /// Models whose folder is there, whether or not it can be used.
    pub(crate) models: BTreeSet<ModelName>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Load this version as its files are now.
    Load(ModelKey),
    /// Take this version out of service.
    Unload(ModelKey),
}

#[derive(Debug)]
struct Known {
    /// What the last look saw; none while it is gone.
    stamp: Option<Stamp>,
    /// Since when that is so.
    since: Instant,
    /// What was loaded or tried last.
    tried: Option<Stamp>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Watcher {
    debounce: Duration,
    known: BTreeMap<ModelKey, Known>,
}

impl Watcher {
    /// A watcher of a repository whose serving versions were loaded as `seen` shows them.
    pub(crate) fn new(
        debounce: Duration,
        seen: &Seen,
        serving: &BTreeSet<ModelKey>,
        now: Instant,
    ) -> Self {
        let known = seen.versions.iter().map(|(key, sight)| {
            let known = Known {
                stamp: Some(sight.stamp),
                since: now,
                tried: serving.contains(key).then_some(sight.stamp),
            };
            (key.clone(), known)
        });
        let known = known.collect();
        Self { debounce, known }
    }

    /// What a look asks for. Loads come before unloads.
    pub(crate) fn observe(
        &mut self,
        seen: &Seen,
        serving: &BTreeSet<ModelKey>,
        now: Instant,
    ) -> Vec<Step> {
        // A repository without any model is a file system that is not there, not an order to stop.
        if seen.models.is_empty() {
            return Vec::new();
        }
        let mut steps = Vec::new();
        for (key, sight) in &seen.versions {
            if self.is_due(key, *sight, now) {
                steps.push(Step::Load(key.clone()));
            }
        }
        steps.extend(self.gone(seen, serving, now).map(Step::Unload));
        steps
    }

    /// Whether a version that is there is to be loaded now; it counts as tried then.
    fn is_due(&mut self, key: &ModelKey, sight: Sight, now: Instant) -> bool {
        let known = self.known.entry(key.clone()).or_insert(Known {
            stamp: None,
            since: now,
            tried: None,
        });
        if known.stamp != Some(sight.stamp) || !sight.whole {
            known.stamp = Some(sight.stamp);
            known.since = now;
            return false;
        }
        let stable = now.saturating_duration_since(known.since) >= self.debounce;
        let due = stable && known.tried != known.stamp;
        if due {
            known.tried = known.stamp;
        }
        due
    }

    /// Versions that serve, are gone for the debounce time, and may be let go.
    fn gone(
        &mut self,
        seen: &Seen,
        serving: &BTreeSet<ModelKey>,
        now: Instant,
    ) -> impl Iterator<Item = ModelKey> {
        let mut gone = Vec::new();
        for key in serving {
            if seen.versions.contains_key(key) {
                continue;
            }
            let known = self.known.entry(key.clone()).or_insert(Known {
                stamp: None,
                since: now,
                tried: None,
            });
            if known.stamp.take().is_some() {
                known.since = now;
            }
            let stable = now.saturating_duration_since(known.since) >= self.debounce;
            let replaced = serving
                .iter()
                .any(|other| other.name == key.name && seen.versions.contains_key(other));
            if stable && (replaced || !seen.models.contains(&key.name)) {
                gone.push(key.clone());
            }
        }
        // What neither serves nor is there is forgotten, so that this stays as small as they are.
        self.known
            .retain(|key, _| seen.versions.contains_key(key) || serving.contains(key));
        gone.into_iter()
    }
}
