//! Which key has which gate. Shared by the fronts, which look keys up, and the registry.
//!
//! Two concurrent maps, by key and by place, so that a look-up takes one shard's read lock only. A
//! mutex orders the first uses of keys: choosing a place, and forgetting the key that had it, must
//! be one step. A front asks once per key and keeps the gate ([`FrontView`]). Bounded: at the cap
//! the least useful key makes room.

use crate::gate::{Admission, Gate, GateOptions};
use crate::key::{BreakerKey, KeyRef};
use crate::settings::KeyProfile;
use dashmap::DashMap;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

#[derive(Debug)]
pub struct Directory {
    options: GateOptions,
    max_keys: u32,
    by_key: DashMap<BreakerKey, Arc<Gate>>,
    by_place: DashMap<u32, (BreakerKey, Arc<Gate>)>,
    /// The next incarnation, and the right to assign places. Incarnations are never reused, so
    /// that a late report of a forgotten key finds nobody.
    assign: Mutex<u32>,
}

impl Directory {
    pub(crate) fn new(options: GateOptions, max_keys: usize) -> Self {
        Self {
            options,
            max_keys: u32::try_from(max_keys).unwrap_or(u32::MAX).max(1),
            by_key: DashMap::new(),
            by_place: DashMap::new(),
            assign: Mutex::default(),
        }
    }

    /// The gate of `key`, made on first use. `profile` is taken then and kept until the key is
    /// forgotten.
    pub fn gate(&self, key: &BreakerKey, profile: KeyProfile, now: Instant) -> Arc<Gate> {
        match self.by_key.get(key) {
            Some(gate) => Arc::clone(&gate),
            None => self.assign(key, profile, now),
        }
    }

    fn assign(&self, key: &BreakerKey, profile: KeyProfile, now: Instant) -> Arc<Gate> {
        // A panic elsewhere leaves at worst a key without a place, which gets one at its next use.
        let mut next = self.assign.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been first.
        if let Some(gate) = self.by_key.get(key) {
            return Arc::clone(&gate);
        }
        let assigned = u32::try_from(self.by_place.len()).unwrap_or(u32::MAX);
        let place = match assigned < self.max_keys {
            true => assigned,
            false => self.least_useful(),
        };
        let incarnation = *next;
        *next = incarnation.wrapping_add(1);
        let gate = Gate::new(KeyRef { place, incarnation }, profile, &self.options);
        gate.touch(now);
        // Retired before it is replaced: whoever holds a gate that no place resolves to any more sees
        // so and looks its key up again.
        let former = self.by_place.get(&place).map(|entry| entry.value().clone());
        if let Some((old_key, old_gate)) = former {
            old_gate.retire();
            self.by_key.remove(&old_key);
        }
        self.by_place
            .insert(place, (key.clone(), Arc::clone(&gate)));
        self.by_key.insert(key.clone(), Arc::clone(&gate));
        gate
    }

    fn least_useful(&self) -> u32 {
        let all = self.by_place.iter();
        all.min_by_key(|entry| entry.value().1.usefulness())
            .map_or(0, |entry| *entry.key())
    }

    /// The key and gate that `key_ref` stands for, unless forgotten.
    pub(crate) fn resolve(&self, key_ref: KeyRef) -> Option<(BreakerKey, Arc<Gate>)> {
        let entry = self.by_place.get(&key_ref.place)?;
        let (key, gate) = entry.value();
        (gate.key() == key_ref).then(|| (key.clone(), Arc::clone(gate)))
    }

    /// The reference of the key written as `name` (`model:version:scene`).
    pub(crate) fn find(&self, name: &str) -> Option<KeyRef> {
        let mut all = self.by_place.iter();
        all.find(|entry| entry.value().0.to_string() == name)
            .map(|entry| entry.value().1.key())
    }

    /// Every key now known, by place.
    pub(crate) fn known(&self) -> Vec<KeyRef> {
        let all = self.by_place.iter();
        let mut known: Vec<KeyRef> = all.map(|entry| entry.value().1.key()).collect();
        known.sort_unstable_by_key(|key| key.place);
        known
    }
}

/// One thread's view of the gates it uses.
#[derive(Debug)]
pub struct FrontView {
    directory: Arc<Directory>,
    gates: HashMap<BreakerKey, Arc<Gate>>,
}

impl FrontView {
    pub fn new(directory: Arc<Directory>) -> Self {
        Self {
            directory,
            gates: HashMap::new(),
        }
    }

    /// Admits or rejects a request of `key`. `profile` matters on the key's first use only.
    pub fn admit(&mut self, key: &BreakerKey, profile: KeyProfile, now: Instant) -> Admission {
        if let Some(admission) = self.gates.get(key).and_then(|gate| gate.admit(now)) {
            return admission;
        }
        loop {
            let gate = self.directory.gate(key, profile, now);
            // What the directory has forgotten for it is not held here either.
            self.gates.retain(|_, gate| !gate.is_retired());
            let admission = gate.admit(now);
            self.gates.insert(key.clone(), gate);
            // `None` only if the key was forgotten again between the two lines above.
            if let Some(admission) = admission {
                return admission;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Rules;
    use crate::settings::BreakerSettings;
    use std::time::Duration;

    #[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn directory(max_keys: usize, origin: Instant) -> Arc<Directory> {
        let rules = Rules::new(&BreakerSettings::default());
        let options = GateOptions {
            rules,
            limited_concurrency: 2,
            origin,
        };
        Arc::new(Directory::new(options, max_keys))
    }

    fn key(scene: &str) -> BreakerKey {
        BreakerKey::new("din", 1, scene)
    }

    #[test]
    fn one_key_has_one_gate() {
        let now = origin();
        let directory = directory(4, now);
        let profile = KeyProfile::default();
        let first = directory.gate(&key("home"), profile, now);
        assert!(Arc::ptr_eq(
            &first,
            &directory.gate(&key("home"), profile, now)
        ));
        assert_eq!(directory.find("din:1:home"), Some(first.key()));
    }

    #[test]
    fn threads_that_race_for_many_keys_share_their_gates_within_the_cap() {
        let now = origin();
        let directory = directory(8, now);
        let profile = KeyProfile::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..500 {
                        let key = key(&format!("scene-{}", round % 24));
                        let gate = directory.gate(&key, profile, now);
                        assert!(directory.resolve(gate.key()).is_some() || gate.is_retired());
                    }
                });
            }
        });
        let known = directory.known();
        assert_eq!(known.len(), 8);
        for key_ref in known {
            let (key, gate) = directory.resolve(key_ref).unwrap();
            assert!(Arc::ptr_eq(&gate, &directory.gate(&key, profile, now)));
        }
        assert_eq!(directory.by_key.len(), 8);
    }

    #[test]
    fn the_least_recently_used_key_makes_room_and_views_notice() {
        let now = origin();
        let directory = directory(2, now);
        let profile = KeyProfile::default();
        let mut view = FrontView::new(Arc::clone(&directory));
        for (i, scene) in ["a", "b", "c"].into_iter().enumerate() {
            let at = now + Duration::from_secs(i as u64);
            assert!(matches!(
                view.admit(&key(scene), profile, at),
                Admission::Allow(_)
            ));
        }
        assert_eq!(directory.find("din:1:a"), None);
        assert_eq!(directory.known().len(), 2);
        let later = now + Duration::from_secs(9);
        assert!(matches!(
            view.admit(&key("a"), profile, later),
            Admission::Allow(_)
        ));
        assert!(view.gates.len() <= 2 && directory.find("din:1:b").is_none());
    }
}
