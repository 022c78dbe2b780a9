//! The last list of each user, for scenes that fall back to it. All threads share one registry,
//! because any of them may get the user's next request.
//!
//! Bounded: [`MAX_LISTS`] lists of at most [`MAX_ITEMS`] items, about 60 MiB. At the bound the list
//! that was added first is removed. A list is good for [`FRESH`]. Items are kept by id,
//! since their place in the catalogue may change; a list belongs to the version that made it.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use common::{ModelName, ModelVersion};
use compact_str::CompactString;
use crossbeam_queue::ArrayQueue;
use dashmap::DashMap;

use super::rank::RankedItem;

/// Most lists kept.
const MAX_LISTS: usize = 16_384;
/// Most items of a list that are kept.
const MAX_ITEMS: usize = 100;
/// How long a list stays good.
const FRESH: Duration = Duration::from_secs(600);

/// Whose list it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListKey<'a> {
    /// The user.
    pub(super) user: &'a str,
    /// The scene.
    pub(super) scene: &'a str,
    /// The version that ranked, or would have.
    pub(super) model: (&'a ModelName, ModelVersion),
}

impl ListKey<'_> {
    fn text(self) -> CompactString {
        let mut text = CompactString::default();
        let (scene, user) = (self.scene, self.user);
        let (name, version) = self.model;
        // The scene's length keeps two keys apart whatever the texts hold.
        let _ = write!(text, "{name}:{version}:{}:{scene}{user}", scene.len());
        text
    }
}

struct Kept {
    at: Instant,
    items: Vec<(CompactString, f32)>,
}

/// See the module.
pub(crate) struct LastLists {
    lists: DashMap<CompactString, Kept>,
    /// The keys in the order in which they came.
    order: ArrayQueue<CompactString>,
}

impl Default for LastLists {
    fn default() -> Self {
        Self::of(MAX_LISTS)
    }
}

impl LastLists {
    fn of(max: usize) -> Self {
        Self {
            lists: DashMap::new(),
            order: ArrayQueue::new(max),
        }
    }

    /// Keeps a list for later, best first.
    pub(super) fn keep<'i>(
        &self,
        key: ListKey<'_>,
        items: impl Iterator<Item = (&'i str, f32)>,
        now: Instant,
    ) {
        let key = key.text();
        let items = items
            .take(MAX_ITEMS)
            .map(|(id, score)| (CompactString::from(id), score));
        if let Some(mut kept) = self.lists.get_mut(&key) {
            kept.at = now;
            kept.items.clear();
            kept.items.extend(items);
            return;
        }
        let items = items.collect();
        self.lists.insert(key.clone(), Kept { at: now, items });
        if let Some(oldest) = self.order.force_push(key) {
            self.lists.remove(&oldest);
        }
    }

    /// The list, while it is fresh, without the items that `slot_of` does not know any more.
    pub(super) fn find(
        &self,
        key: ListKey<'_>,
        top_k: usize,
        now: Instant,
        slot_of: impl Fn(&str) -> Option<u32>,
    ) -> Option<Vec<RankedItem>> {
        let kept = self.lists.get(&key.text())?;
        let fresh = now.saturating_duration_since(kept.at) < FRESH;
        let items = kept.items.iter().filter_map(|(id, score)| {
            let (slot, score) = (slot_of(id)?, *score);
            Some(RankedItem { slot, score })
        });
        fresh.then(|| items.take(top_k).collect())
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock, ModelKey};

    use super::*;

    fn key<'a>(user: &'a str, scene: &'a str, model: &'a ModelKey) -> ListKey<'a> {
        let model = (&model.name, model.version);
        ListKey { user, scene, model }
    }

    fn slot_of(id: &str) -> Option<u32> {
        id.parse().ok()
    }

    fn slots(list: Option<Vec<RankedItem>>) -> Option<Vec<u32>> {
        list.map(|list| list.into_iter().map(|ranked| ranked.slot).collect())
    }

    #[test]
    fn a_list_belongs_to_its_user_scene_and_version_and_expires() {
        let (clock, lists) = (ManualClock::new(), LastLists::of(8));
        let (v1, v2): (ModelKey, ModelKey) = ("m:1".parse().unwrap(), "m:2".parse().unwrap());
        let find = |key| slots(lists.find(key, 2, clock.now(), slot_of));
        let items = [("3", 0.9), ("gone", 0.8), ("1", 0.7), ("2", 0.6)];
        lists.keep(key("u", "ab", &v1), items.into_iter(), clock.now());
        assert_eq!(find(key("u", "ab", &v1)), Some(vec![3, 1]));
        assert_eq!(find(key("u", "ab", &v2)), None);
        assert_eq!(find(key("bu", "a", &v1)), None);
        lists.keep(key("u", "ab", &v1), [("7", 0.5)].into_iter(), clock.now());
        assert_eq!(find(key("u", "ab", &v1)), Some(vec![7]));
        clock.advance(FRESH);
        assert_eq!(find(key("u", "ab", &v1)), None);
    }

    #[test]
    fn at_the_bound_the_oldest_makes_room_and_long_lists_are_cut() {
        let (clock, lists) = (ManualClock::new(), LastLists::of(3));
        let model = "m:1".parse().unwrap();
        for user in ["a", "b", "c", "a", "d"] {
            let items = std::iter::repeat_n(("1", 0.5), MAX_ITEMS + 1);
            lists.keep(key(user, "s", &model), items, clock.now());
        }
        let find = |user| lists.find(key(user, "s", &model), 1000, clock.now(), slot_of);
        assert!(find("a").is_none());
        assert_eq!(find("d").map(|list| list.len()), Some(MAX_ITEMS));
        assert_eq!(lists.lists.len(), 3);
    }
}
