//! Which key has which gate. Shared by the fronts, which look keys up, and the registry.
//!
//! A front asks once per key and keeps the gate ([`FrontView`]); the lock here is off the request's
//! usual path. Bounded: at the cap the least useful key makes room.

use crate::gate::{Admission, Gate, GateOptions};
use crate::key::{BreakerKey, KeyRef};
use crate::settings::KeyProfile;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[derive(Debug)]
pub struct Directory {
    options: GateOptions,
    max_keys: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    by_key: HashMap<BreakerKey, Arc<Gate>>,
    by_place: Vec<(BreakerKey, Arc<Gate>)>,
    /// Incarnations are never reused, so that a late report of a forgotten key finds nobody.
    incarnations: u32,
}

impl Directory {
    pub(crate) fn new(options: GateOptions, max_keys: usize) -> Self {
        Self {
            options,
            max_keys: max_keys.max(1),
            table: Mutex::default(),
        }
    }

    /// The gate of `key`, made on first use. `profile` is taken then and kept until the key is
    /// forgotten.
    pub fn gate(&self, key: &BreakerKey, profile: KeyProfile, now: Instant) -> Arc<Gate> {
        let mut table = self.lock();
        if let Some(gate) = table.by_key.get(key) {
            return Arc::clone(gate);
        }
        let place = if table.by_place.len() < self.max_keys {
            table.by_place.len()
        } else {
            table.least_useful()
        };
        let incarnation = table.incarnations;
        table.incarnations = incarnation.wrapping_add(1);
        let place_number = u32::try_from(place).expect("the cap on keys is far below 2^32");
        let gate = Gate::new(
            KeyRef {
                place: place_number,
                incarnation,
            },
            profile,
            &self.options,
        );
        gate.touch(now);
        table.settle(place, key.clone(), Arc::clone(&gate));
        gate
    }

    /// The key and gate that `key_ref` stands for, unless forgotten.
    pub(crate) fn resolve(&self, key_ref: KeyRef) -> Option<(BreakerKey, Arc<Gate>)> {
        let table = self.lock();
        let (key, gate) = table.by_place.get(key_ref.place as usize)?;
        (gate.key() == key_ref).then(|| (key.clone(), Arc::clone(gate)))
    }

    /// The reference of the key written as `name` (`model:version:scene`).
    pub(crate) fn find(&self, name: &str) -> Option<KeyRef> {
        let table = self.lock();
        let (_, gate) = table
            .by_place
            .iter()
            .find(|(key, _)| key.to_string() == name)?;
        Some(gate.key())
    }

    /// Every key now known.
    pub(crate) fn known(&self) -> Vec<KeyRef> {
        self.lock()
            .by_place
            .iter()
            .map(|(_, gate)| gate.key())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere cannot leave the table half-changed in a way that matters: at worst a
        // key has no gate yet and gets one.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn least_useful(&self) -> usize {
        let all = self.by_place.iter().enumerate();
        all.min_by_key(|(_, (_, gate))| gate.usefulness())
            .map_or(0, |(place, _)| place)
    }

    fn settle(&mut self, place: usize, key: BreakerKey, gate: Arc<Gate>) {
        if let Some((old_key, old_gate)) = self.by_place.get(place) {
            old_gate.retire();
            self.by_key.remove(old_key);
            self.by_place[place] = (key.clone(), Arc::clone(&gate));
        } else {
            self.by_place.push((key.clone(), Arc::clone(&gate)));
        }
        self.by_key.insert(key, gate);
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
