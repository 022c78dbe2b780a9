//! Which items a request ranks.

use common::config::{CandidateSource, Scene};
use common::tensor::Tensor;

use super::request::{Recommend, SlotSet};
use crate::features::Catalogue;

/// What a request ranks, and the tensors made of it.
pub(super) struct Selection {
    /// Catalogue slots, in the order of the candidate rows.
    pub slots: Vec<u32>,
    /// Candidates the request named that the catalogue does not know.
    pub unknown: usize,
    /// Inputs in the order of the model's spec.
    pub inputs: Vec<Option<Tensor>>,
}

/// The request's own candidates, all of them; else the scene's, without what the user has rated.
pub(super) fn choose(
    catalogue: &Catalogue,
    request: &mut Recommend,
    scene: &Scene,
    seen: &SlotSet,
) -> (Vec<u32>, usize) {
    if let Some(named) = request.candidates.take() {
        return (named.slots, named.unknown);
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
    (slots, 0)
}

/// Whether `choose` will look at what the user has seen.
#[must_use]
pub(super) fn looks_at_history(request: &Recommend) -> bool {
    request.candidates.is_none() && !request.include_seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        features::tests::item,
        recommend::request::{Named, ParseLimits},
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

    #[test]
    fn seen_items_are_left_out_of_the_scenes_own_candidates_only() {
        let items = (0..6)
            .map(|i| item(&i.to_string(), i, u64::from(i)))
            .collect();
        let catalogue = Catalogue::new(items).unwrap();
        let mut seen = SlotSet::new(6);
        seen.insert(5);
        let choose = |named: Option<Named>, include_seen, scene: &Scene| {
            let body = format!(r#"{{"user_id":"7","include_seen":{include_seen}}}"#);
            let limits = ParseLimits { candidates: 10 };
            let mut request = Recommend::parse(body.as_bytes(), &catalogue, limits).unwrap();
            request.candidates = named;
            choose(&catalogue, &mut request, scene, &seen)
        };
        let popular = scene(CandidateSource::Popular, 2);
        let all = scene(CandidateSource::Catalogue, 100);
        assert_eq!(choose(None, false, &popular).0, [4, 3]);
        assert_eq!(choose(None, true, &popular).0, [5, 4]);
        assert_eq!(choose(None, false, &all).0, [0, 1, 2, 3, 4]);
        let named = Some(Named {
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
        let mut ask = |genre: &str| {
            scene.genre = Some(genre.into());
            let limits = ParseLimits { candidates: 10 };
            let mut request = Recommend::parse(br#"{"user_id":"7"}"#, &catalogue, limits).unwrap();
            choose(&catalogue, &mut request, &scene, &SlotSet::new(6)).0
        };
        assert_eq!(ask("Comedy"), [4, 3]);
        assert_eq!(ask("Western"), [0u32; 0]);
    }
}
