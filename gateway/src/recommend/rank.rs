//! The best candidates, best first.

use std::cmp::Ordering;

use crate::features::Catalogue;

/// A ranked item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RankedItem {
    /// Its place in the catalogue.
    pub slot: u32,
    /// What the model gave it.
    pub score: f32,
}

/// The `top_k` best of `slots`, ties by item id in byte order. `scores` are finite and in the order
/// of `slots`.
#[must_use]
pub(super) fn top(
    catalogue: &Catalogue,
    slots: &[u32],
    scores: &[f32],
    top_k: usize,
) -> Vec<RankedItem> {
    let mut all: Vec<RankedItem> = slots
        .iter()
        .zip(scores)
        .map(|(slot, score)| RankedItem {
            slot: *slot,
            score: *score,
        })
        .collect();
    let order = |a: &RankedItem, b: &RankedItem| -> Ordering {
        let ids = || catalogue.item(a.slot).id.cmp(&catalogue.item(b.slot).id);
        b.score.total_cmp(&a.score).then_with(ids)
    };
    if top_k < all.len() {
        all.select_nth_unstable_by(top_k - 1, order);
        all.truncate(top_k);
    }
    all.sort_unstable_by(order);
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::tests::item;

    proptest! {
        #[test]
        fn the_top_is_the_head_of_the_full_order(raw in proptest::collection::vec(0u8..6, 1..60), top_k in 1usize..70) {
            let items = (0..).take(raw.len()).map(|i: u32| item(&format!("{}", i * 7 % 60), i, 0));
            let Ok(catalogue) = Catalogue::new(items.collect()) else { return Ok(()) };
            let slots: Vec<u32> = (0..).take(raw.len()).collect();
            let scores: Vec<f32> = raw.iter().map(|s| f32::from(*s) / 6.0).collect();
            let best = top(&catalogue, &slots, &scores, top_k);
            let mut naive: Vec<_> = slots.iter().map(|s| (-i32::from(raw[*s as usize]), catalogue.item(*s).id.clone(), *s)).collect();
            naive.sort();
            let expected: Vec<u32> = naive.into_iter().map(|(.., slot)| slot).take(top_k).collect();
            prop_assert_eq!(best.into_iter().map(|r| r.slot).collect::<Vec<_>>(), expected);
        }
    }
}
