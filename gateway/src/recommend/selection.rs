//! Which items a request ranks.

use std::borrow::Cow;

use common::config::{CandidateSource, Scene};

use super::{request::RecommendRequest, slot_set::SlotSet};
use crate::features::Catalogue;

/// What a request ranks: chosen once, for the model and for a fallback alike.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selection<'r> {
    /// Catalogue slots, in the order of the candidate rows.
    pub slots: Cow<'r, [u32]>,
    /// Candidates the request named that the catalogue does not know.
    pub unknown: usize,
}

/// The request's own candidates, all of them; else the scene's, without what the user has rated.
pub(super) fn choose<'r>(
    catalogue: &Catalogue,
    request: &'r RecommendRequest,
    scene: &Scene,
    seen: &SlotSet,
) -> Selection<'r> {
    if let Some(named) = request.candidates() {
        return Selection {
            slots: Cow::Borrowed(&named.slots),
            unknown: named.unknown,
        };
    }
    let wanted = |slot: &u32| request.include_seen || !seen.contains(*slot);
    let first = |slots: &[u32]| {
        let slots = slots.iter().copied();
        slots.filter(wanted).take(scene.pool).collect()
    };
    let slots = match scene.candidates {
        CandidateSource::Popular => first(catalogue.by_popularity()),
        CandidateSource::Genre => {
            let genre = scene.genre.as_deref().unwrap_or_default();
            first(catalogue.by_genre(genre))
        }
        CandidateSource::Catalogue => (0..)
            .take(catalogue.len())
            .filter(wanted)
            .take(scene.pool)
            .collect(),
    };
    Selection {
        slots: Cow::Owned(slots),
        unknown: 0,
    }
}

/// Whether `choose` will look at what the user has seen.
#[must_use]
pub(super) fn looks_at_history(request: &RecommendRequest) -> bool {
    request.candidates.is_none() && !request.include_seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        features::tests::item,
        recommend::{candidates::CandidateSlots, request::RequestFields},
    };

    fn scene(candidates: CandidateSource, pool: usize) -> Scene {
        Scene {
            model: "m".parse().unwrap(),
            candidates,
            pool,
            genre: None,
            model_scene: None,
            fallback: common::config::Fallback::None,
        }
    }

    fn request(candidates: Option<CandidateSlots>, include_seen: bool) -> RecommendRequest {
        let fields = RequestFields {
            user_id: Some("7".into()),
            candidates,
            include_seen,
            ..RequestFields::default()
        };
        RecommendRequest::new(fields).unwrap()
    }

    #[test]
    fn seen_items_are_left_out_of_the_scenes_own_candidates_only() {
        let items = (0..6)
            .map(|i| item(&i.to_string(), i, u64::from(i)))
            .collect();
        let catalogue = Catalogue::new(items).unwrap();
        let mut seen = SlotSet::new(6);
        seen.insert(5);
        let choose = |named: Option<CandidateSlots>, include_seen, scene: &Scene| {
            let request = request(named, include_seen);
            let selection = choose(&catalogue, &request, scene, &seen);
            (selection.slots.into_owned(), selection.unknown)
        };
        let popular = scene(CandidateSource::Popular, 2);
        let all = scene(CandidateSource::Catalogue, 100);
        assert_eq!(choose(None, false, &popular).0, [4, 3]);
        assert_eq!(choose(None, true, &popular).0, [5, 4]);
        assert_eq!(choose(None, false, &all).0, [0, 1, 2, 3, 4]);
        let named = Some(CandidateSlots {
            slots: vec![5, 0],
            unknown: 3,
        });
        assert_eq!(choose(named, false, &popular), (vec![5, 0], 3));
    }

    #[test]
    fn a_scene_of_one_genre_has_its_most_popular_items() {
        let mut items: Vec<_> = (0..6)
            .map(|i| item(&i.to_string(), i, u64::from(i)))
            .collect();
        for i in [1, 3, 4] {
            items[i].genres = vec!["Comedy".into(), "Drama".into()];
        }
        let catalogue = Catalogue::new(items).unwrap();
        let mut scene = scene(CandidateSource::Genre, 2);
        let request = request(None, false);
        let mut ask = |genre: &str| {
            scene.genre = Some(genre.into());
            let selection = choose(&catalogue, &request, &scene, &SlotSet::new(6));
            selection.slots.into_owned()
        };
        assert_eq!(ask("Comedy"), [4, 3]);
        assert_eq!(ask("Western"), [0u32; 0]);
    }
}
