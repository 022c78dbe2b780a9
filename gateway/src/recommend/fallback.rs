//! What answers where the model may not be asked: popularity, or the list the user got last.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::rank::{RankedItem, top};
use crate::features::Catalogue;

/// Lists a thread keeps.
const MAX_LISTS: usize = 4096;
/// How long a list stays good.
const FRESH: Duration = Duration::from_secs(600);

/// Candidates by popularity; the score is the share of the most popular item's ratings, in 0…1.
#[must_use]
pub(super) fn by_popularity(catalogue: &Catalogue, slots: &[u32], top_k: usize) -> Vec<RankedItem> {
    let most = catalogue
        .by_popularity()
        .first()
        .map_or(0, |slot| catalogue.item(*slot).popularity);
    let share = |slot: &u32| catalogue.item(*slot).popularity as f32 / most.max(1) as f32;
    let scores: Vec<f32> = slots.iter().map(share).collect();
    top(catalogue, slots, &scores, top_k)
}

struct Kept {
    at: Instant,
    list: Vec<RankedItem>,
}

/// A user in a scene.
type Place = (String, String);

/// The last good list of recent users, of one thread: bounded, oldest out first, expiring.
#[derive(Default)]
pub(super) struct LastLists(RefCell<Inner>);

#[derive(Default)]
struct Inner {
    lists: HashMap<Place, Kept>,
    order: VecDeque<Place>,
}

impl LastLists {
    /// Keeps a list for later.
    pub(super) fn keep(&self, user: &str, scene: &str, list: &[RankedItem], now: Instant) {
        let mut inner = self.0.borrow_mut();
        let place = (user.to_owned(), scene.to_owned());
        let kept = Kept {
            at: now,
            list: list.to_vec(),
        };
        if inner.lists.insert(place.clone(), kept).is_some() {
            return;
        }
        inner.order.push_back(place);
        if inner.order.len() > MAX_LISTS
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.lists.remove(&oldest);
        }
    }

    /// The list of a user, while it is fresh.
    pub(super) fn find(
        &self,
        user: &str,
        scene: &str,
        top_k: usize,
        now: Instant,
    ) -> Option<Vec<RankedItem>> {
        let inner = self.0.borrow();
        let kept = inner.lists.get(&(user.to_owned(), scene.to_owned()))?;
        let fresh = now.saturating_duration_since(kept.at) < FRESH;
        fresh.then(|| kept.list.iter().take(top_k).copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};

    use super::*;
    use crate::features::tests::item;

    #[test]
    fn popularity_ranks_and_scores_within_one() {
        let catalogue =
            Catalogue::new(vec![item("a", 1, 5), item("b", 2, 20), item("c", 3, 10)]).unwrap();
        let best = by_popularity(&catalogue, &[0, 2], 5);
        assert_eq!(
            best.iter().map(|r| (r.slot, r.score)).collect::<Vec<_>>(),
            [(2, 0.5), (0, 0.25)]
        );
    }

    #[test]
    fn lists_expire_and_are_bounded() {
        let clock = ManualClock::new();
        let lists = LastLists::default();
        let list = [
            RankedItem {
                slot: 1,
                score: 0.5,
            },
            RankedItem {
                slot: 2,
                score: 0.4,
            },
        ];
        for user in 0..=MAX_LISTS {
            lists.keep(&user.to_string(), "s", &list, clock.now());
        }
        assert!(
            lists.find("0", "s", 5, clock.now()).is_none(),
            "the oldest made room"
        );
        assert_eq!(lists.find("7", "s", 1, clock.now()).unwrap(), list[..1]);
        clock.advance(FRESH);
        assert!(lists.find("7", "s", 5, clock.now()).is_none());
    }
}
