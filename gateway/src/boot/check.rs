//! `gateway check`: everything that would keep a start from succeeding, listed at once.

use std::sync::Arc;

use common::{Clock, ModelKey, config::Settings};
use inference_actor::OrtLibrary;
use pool::{Loader, Repository, is_dedicated};

use super::start::dedicated_threads;
use crate::{
    features::{Catalogue, EmbeddedStore, FeatureStore},
    locate::Places,
};

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// What would keep a start from succeeding.
    pub problems: Vec<String>,
    /// What would not, but is worth knowing before it.
    pub warnings: Vec<String>,
}

/// Looks at library, store and repository, loading every model once; gives what is wrong.
pub fn check(settings: &Settings, clock: Arc<dyn Clock>) -> Checked {
    let places = Places::of_this_process();
    let Checked {
        mut problems,
        mut warnings,
    } = Checked::default();
    let library = places
        .library(&settings.models.library)
        .map_err(|e| e.message);
    let library = library.and_then(|path| OrtLibrary::load(&path).map_err(|e| e.to_string()));
    let store = places.store(&settings.features.store);
    match EmbeddedStore::open(&store) {
        Ok(store) => problems.extend(scene_problems(settings, store.catalogue())),
        Err(error) => problems.push(error.to_string()),
    }
    match Repository::scan(&places.repository(&settings.models.repository)) {
        Err(error) => problems.push(error.to_string()),
        Ok(repository) => {
            problems.extend(missing_models(settings, &repository));
            problems.extend(
                repository
                    .unusable
                    .iter()
                    .map(|(model, reason)| format!("model `{model}`: {reason}")),
            );
            if let Ok(library) = &library {
                let models = &settings.models;
                let loader = Loader::new(library.clone(), clock).with_weight_cache(
                    places.weight_cache(&models.weight_cache),
                    models.weight_cache_size.0,
                    models.link_folders.clone(),
                );
                let mut dedicated = Vec::new();
                for source in &repository.models {
                    match loader.try_load(source) {
                        Ok(run) if is_dedicated(source, run, settings.models.long_run.0) => {
                            dedicated.push(source.key());
                        }
                        Ok(_) => {}
                        Err(problem) => problems.push(problem),
                    }
                }
                warnings.extend(shared_threads(settings, &dedicated));
            }
        }
    }
    problems.extend(library.err());
    Checked { problems, warnings }
}

/// Whether models of which each needs a dedicated thread have to share them.
pub(super) fn shared_threads(settings: &Settings, dedicated: &[ModelKey]) -> Option<String> {
    let threads = dedicated_threads(settings);
    if dedicated.len() <= threads {
        return None;
    }
    let names: Vec<_> = dedicated.iter().map(ModelKey::to_string).collect();
    let (count, names) = (names.len(), names.join(", "));
    Some(format!(
        "{count} models need dedicated threads ({names}) and there are {threads}: some share a thread and wait for each other's runs; raise models.dedicated_threads"
    ))
}

/// Scenes whose candidates the catalogue cannot give.
pub(super) fn scene_problems(settings: &Settings, catalogue: &Catalogue) -> Vec<String> {
    let told = |(name, scene): (&String, &common::config::Scene)| {
        let genre = scene.genre.as_deref()?;
        if !catalogue.by_genre(genre).is_empty() {
            return None;
        }
        let mut known: Vec<_> = catalogue.genres().collect();
        known.sort_unstable();
        let known = known.join(", ");
        Some(format!(
            "scenes.{name}.genre: no item is of genre `{genre}`; there are: {known}"
        ))
    };
    settings.scenes.iter().filter_map(told).collect()
}

pub(super) fn missing_models(settings: &Settings, repository: &Repository) -> Vec<String> {
    let held = |model: &common::ModelName| {
        repository.models.iter().any(|source| source.name == *model)
            || repository.unusable.iter().any(|(name, _)| name == model)
    };
    let missing = settings
        .scenes
        .iter()
        .filter(|(_, scene)| !held(&scene.model));
    let told = |(name, scene): (&String, &common::config::Scene)| {
        format!(
            "scenes.{name}.model: the repository does not hold `{}`",
            scene.model
        )
    };
    missing.map(told).collect()
}
