//! What may change while the process runs: one immutable value behind an atomic pointer.
//!
//! A request loads it once and keeps it to its end, so that all its steps see the same scenes and
//! limits, whatever is published meanwhile. A thread holds one handle that its requests share, so
//! that loading writes no counter that other threads write. A thread without requests releases a
//! former value at its next sweep, at most ten seconds later.

use std::{cell::RefCell, collections::BTreeMap, ops::Deref, rc::Rc, sync::Arc};

use arc_swap::ArcSwap;
use common::config::{Admission, Limits, Scene, Settings};

use crate::failure::Failure;

/// Most characters of an unknown name that a message repeats.
const SHOWN_CHARS: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Live {
    /// Scenes by name.
    pub scenes: BTreeMap<String, Scene>,
    /// Bounds on requests.
    pub limits: Limits,
    /// Shedding before and in the queue.
    pub admission: Admission,
}

impl Live {
    /// What the configuration says.
    #[must_use]
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            scenes: settings.scenes.clone(),
            limits: settings.limits.clone(),
            admission: settings.admission.clone(),
        }
    }

    /// The scene of that name.
    pub(crate) fn scene(&self, name: &str) -> Result<(&str, &Scene), Failure> {
        let found = self.scenes.get_key_value(name);
        let found = found.map(|(name, scene)| (name.as_str(), scene));
        found.ok_or_else(|| {
            let names: Vec<&str> = self.scenes.keys().map(String::as_str).collect();
            let asked: String = name.chars().take(SHOWN_CHARS).collect();
            let known = names.join(", ");
            Failure::invalid(format!(
                "scene `{asked}` is not configured; configured scenes: {known}"
            ))
        })
    }
}

/// The value that a request sees.
#[derive(Debug, Clone)]
#[expect(
    clippy::redundant_allocation,
    reason = "a request counts a handle of its own thread; the shared count is touched once a change"
)]
pub(crate) struct LiveView(Rc<Arc<Live>>);

impl Deref for LiveView {
    type Target = Live;

    fn deref(&self) -> &Live {
        &self.0
    }
}

/// A thread's handle of the value.
pub(crate) struct LiveReader(RefCell<LiveView>);

impl LiveReader {
    /// A handle of the value as it is now.
    #[must_use]
    pub(crate) fn new(live: &ArcSwap<Live>) -> Self {
        Self(RefCell::new(LiveView(Rc::new(live.load_full()))))
    }

    /// The value in force, and whether the thread sees it for the first time.
    #[must_use]
    pub(crate) fn view(&self, live: &ArcSwap<Live>) -> (LiveView, bool) {
        let current = live.load();
        let mut mine = self.0.borrow_mut();
        let changed = !Arc::ptr_eq(&mine.0, &current);
        if changed {
            *mine = LiveView(Rc::new(arc_swap::Guard::into_inner(current)));
        }
        (mine.clone(), changed)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What the default configuration says.
    pub(crate) fn defaults() -> Live {
        Live::of(&common::config::load(None, &[], &|_| Vec::new()).unwrap())
    }

    #[test]
    fn a_request_keeps_the_value_that_it_loaded() {
        let live = ArcSwap::from_pointee(defaults());
        let reader = LiveReader::new(&live);
        let (before, changed) = reader.view(&live);
        assert!(!changed && before.scene("home_feed").is_ok());
        let mut other = defaults();
        other.scenes.remove("home_feed");
        live.store(Arc::new(other));
        let (after, changed) = reader.view(&live);
        assert!(changed && after.scene("home_feed").is_err());
        assert!(before.scene("home_feed").is_ok());
        assert!(!reader.view(&live).1);
    }

    #[test]
    fn a_value_that_nobody_sees_any_more_is_freed() {
        let live = ArcSwap::from_pointee(defaults());
        let reader = LiveReader::new(&live);
        let former = Arc::downgrade(&live.load_full());
        let request = reader.view(&live).0;
        live.store(Arc::new(defaults()));
        drop(reader.view(&live));
        assert!(former.upgrade().is_some(), "a request still sees it");
        drop(request);
        assert!(former.upgrade().is_none());
    }
}
