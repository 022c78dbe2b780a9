//! What answers where the model may not be asked and the user has no list: popularity.

use super::rank::{RankedItem, top};
use crate::features::Catalogue;

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

#[cfg(test)]
mod tests {
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
}
