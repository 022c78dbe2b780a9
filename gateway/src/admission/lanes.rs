//! What a thread knows of each version of a model in each scene: its lanes.
//!
//! A lane is created by its first request and removed when it has had none for [`IDLE`]. Other
//! versions and scenes do not affect it. A thread keeps at most [`MAX_LANES`]: at the bound the
//! least recently used one is removed, and starts with empty statistics if it is used again.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};

use breaker::BreakerKey;
use common::{ModelName, ModelVersion};

use super::{
    concurrency::{Limiter, LimiterSettings},
    predict::Predictor,
};

/// Most lanes of a thread.
const MAX_LANES: usize = 4096;
/// A lane without a request for this long is removed.
const IDLE: Duration = Duration::from_secs(60);

/// What admission tells apart: a version of a model, and the scene it is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneKey<'a> {
    /// The model that would be asked.
    pub model: &'a ModelName,
    /// Its version.
    pub version: ModelVersion,
    /// The scene it is asked for.
    pub scene: &'a str,
}

/// What a thread knows of one version in one scene.
pub(super) struct Lane {
    version: ModelVersion,
    pub(super) key: BreakerKey,
    pub(super) limiter: RefCell<Limiter>,
    pub(super) predictor: RefCell<Predictor>,
    pub(super) in_flight: Cell<usize>,
    used: Cell<Instant>,
}

impl Lane {
    fn is(&self, key: LaneKey<'_>) -> bool {
        self.version == key.version && *self.key.scene == *key.scene
    }

    fn idle(&self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.used.get());
        self.in_flight.get() == 0 && since >= IDLE
    }
}

/// The lanes of a thread.
pub(super) struct Lanes {
    limiter: LimiterSettings,
    by_model: HashMap<ModelName, Vec<Rc<Lane>>>,
}

impl Lanes {
    /// No lanes yet; new ones get limiters of these settings.
    #[must_use]
    pub(super) fn new(limiter: LimiterSettings) -> Self {
        let by_model = HashMap::new();
        Self { limiter, by_model }
    }

    /// The lane of this key, made if there is none.
    pub(super) fn lane(&mut self, key: LaneKey<'_>, now: Instant) -> Rc<Lane> {
        let lanes = self.by_model.get(key.model);
        if let Some(lane) = lanes.and_then(|lanes| lanes.iter().find(|lane| lane.is(key))) {
            lane.used.set(now);
            return Rc::clone(lane);
        }
        if self.iter().count() >= MAX_LANES {
            self.make_room(now);
        }
        let lane = Rc::new(Lane {
            version: key.version,
            key: BreakerKey::new(key.model.as_str(), key.version.get(), key.scene),
            limiter: RefCell::new(Limiter::new(self.limiter, now)),
            predictor: RefCell::default(),
            in_flight: Cell::new(0),
            used: Cell::new(now),
        });
        let lanes = self.by_model.entry(key.model.clone()).or_default();
        lanes.push(Rc::clone(&lane));
        lane
    }

    /// Every lane.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Rc<Lane>> {
        self.by_model.values().flatten()
    }

    /// Moves every lane, and those to come, to these settings.
    pub(super) fn set_limiter(&mut self, settings: LimiterSettings) {
        self.limiter = settings;
        for lane in self.iter() {
            lane.limiter.borrow_mut().reconfigure(settings);
        }
    }

    /// Drops the lanes that no request has used for a while.
    pub(super) fn drop_idle(&mut self, now: Instant) {
        self.retain(|lane| !lane.idle(now));
    }

    fn make_room(&mut self, now: Instant) {
        self.drop_idle(now);
        if self.iter().count() < MAX_LANES {
            return;
        }
        let oldest = self.iter().min_by_key(|lane| lane.used.get()).cloned();
        self.retain(|lane| {
            !oldest
                .as_ref()
                .is_some_and(|oldest| Rc::ptr_eq(lane, oldest))
        });
    }

    fn retain(&mut self, stays: impl Fn(&Rc<Lane>) -> bool) {
        self.by_model.retain(|_, lanes| {
            lanes.retain(&stays);
            !lanes.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};

    use super::*;

    fn lanes() -> Lanes {
        Lanes::new(LimiterSettings {
            target: Duration::from_millis(100),
            window: Duration::from_millis(100),
            most: 4,
        })
    }

    fn key<'a>(model: &'a ModelName, version: &str, scene: &'a str) -> LaneKey<'a> {
        let version = version.parse().unwrap();
        LaneKey {
            model,
            version,
            scene,
        }
    }

    #[test]
    fn versions_and_scenes_by_turns_keep_a_lane_each() {
        let (clock, model) = (ManualClock::new(), "m".parse().unwrap());
        let mut lanes = lanes();
        let keys = [("1", "a"), ("2", "a"), ("1", "b")];
        let mut lane = |(version, scene): (&str, &'static str)| {
            lanes.lane(key(&model, version, scene), clock.now())
        };
        let first = keys.map(&mut lane);
        for _ in 0..3 {
            for (made, found) in first.iter().zip(keys.map(&mut lane)) {
                assert!(Rc::ptr_eq(made, &found), "{}", found.key);
            }
        }
    }

    #[test]
    fn a_lane_leaves_once_it_is_idle_and_nobody_is_in_it() {
        let (clock, model) = (ManualClock::new(), "m".parse().unwrap());
        let mut lanes = lanes();
        let held = lanes.lane(key(&model, "1", "a"), clock.now());
        held.in_flight.set(1);
        lanes.lane(key(&model, "2", "a"), clock.now());
        clock.advance(IDLE - Duration::from_secs(1));
        lanes.lane(key(&model, "3", "a"), clock.now());
        clock.advance(Duration::from_secs(1));
        lanes.drop_idle(clock.now());
        let left: Vec<_> = lanes.iter().map(|lane| lane.version.get()).collect();
        assert_eq!(left, [1, 3]);
    }

    #[test]
    fn at_the_bound_the_least_recently_used_makes_room() {
        let (clock, model) = (ManualClock::new(), "m".parse().unwrap());
        let mut lanes = lanes();
        for version in 1..=MAX_LANES {
            clock.advance(Duration::from_millis(1));
            lanes.lane(key(&model, &version.to_string(), "a"), clock.now());
        }
        lanes.lane(key(&model, "1", "a"), clock.now());
        clock.advance(Duration::from_millis(1));
        lanes.lane(key(&model, "5000", "a"), clock.now());
        let versions: Vec<_> = lanes.iter().map(|lane| lane.version.get()).collect();
        assert_eq!(versions.len(), MAX_LANES);
        assert!(versions.contains(&1) && !versions.contains(&2));
    }
}
