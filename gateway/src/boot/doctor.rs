//! `gateway doctor`: for somebody whose gateway does not start. Looks at everything a start needs,
//! one thing a line, and says of each whether it is well or how to mend it.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
};

use common::{Clock, config::Settings};
use inference_actor::OrtLibrary;
use pool::{Loader, Repository, is_dedicated};

use super::{
    Exit,
    check::{scene_problems, shared_threads},
    listeners::listen,
};
use crate::{
    features::{EmbeddedStore, FeatureStore},
    locate::Places,
};

/// One thing that was looked at.
#[derive(Debug)]
pub struct Finding {
    /// What.
    pub what: String,
    /// How it is, or what is wrong, how to mend it, and the status a start would end with.
    pub result: Result<String, Exit>,
    /// A start succeeds, but not all is well.
    pub warning: bool,
}

impl Finding {
    fn of(what: impl Into<String>, result: Result<String, Exit>) -> Self {
        Self {
            what: what.into(),
            result,
            warning: false,
        }
    }
}

/// Looks at everything. Nothing is changed: ports are taken for a moment and given back.
pub fn doctor(settings: &Settings, clock: Arc<dyn Clock>) -> Vec<Finding> {
    let places = Places::of_this_process();
    let mut findings = Vec::new();
    let library = library(&places, settings, &mut findings);
    store(&places, settings, &mut findings);
    for (what, address, key) in [
        ("data port", settings.http.address, "--http"),
        ("admin port", settings.admin.address, "--admin"),
    ] {
        let result =
            listen(address, settings.http.backlog, key).map(|_| format!("{address} is free"));
        findings.push(Finding::of(what, result));
    }
    let root = places.repository(&settings.models.repository);
    repository(&root, settings, library.zip(Some(clock)), &mut findings);
    findings
}

fn library(
    places: &Places,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> Option<OrtLibrary> {
    let found = places.library(&settings.models.library).and_then(|path| {
        readable(&path)?;
        let library = OrtLibrary::load(&path).map_err(|e| {
            Exit::unavailable(format!(
                "{e}; correct ORT_DYLIB_PATH or models.library (in a checkout, `make build` fetches the right one)"
            ))
        })?;
        Ok((path, library))
    });
    let (result, library) = match found {
        Ok((path, library)) => (Ok(format!("{} loads", path.display())), Some(library)),
        Err(exit) => (Err(exit), None),
    };
    findings.push(Finding::of("ONNX Runtime", result));
    library
}

fn store(places: &Places, settings: &Settings, findings: &mut Vec<Finding>) {
    let path = places.store(&settings.features.store);
    let opened = match path.is_file() {
        true => readable(&path),
        false => Ok(()),
    };
    let opened = opened.and_then(|()| EmbeddedStore::open(&path).map_err(Exit::from));
    let problems = opened
        .as_ref()
        .map(|store| scene_problems(settings, store.catalogue()));
    let problems = problems.unwrap_or_default();
    findings.push(Finding::of(
        "feature store",
        opened.map(|store| format!("{}: {} items", path.display(), store.catalogue().len())),
    ));
    findings.extend(
        problems
            .into_iter()
            .map(|problem| Finding::of("scenes", Err(Exit::configuration(problem)))),
    );
}

fn repository(
    root: &Path,
    settings: &Settings,
    engine: Option<(OrtLibrary, Arc<dyn Clock>)>,
    findings: &mut Vec<Finding>,
) {
    let access = match root.is_dir() {
        true => listable(root),
        // The scan says what is missing.
        false => Ok(()),
    };
    let scanned = access.and_then(|()| Repository::scan(root).map_err(Exit::missing));
    let repository = match scanned {
        Ok(repository) => repository,
        Err(exit) => {
            return findings.push(Finding::of("model repository", Err(exit)));
        }
    };
    let count = repository.models.len();
    findings.push(Finding::of(
        "model repository",
        match count + repository.unusable.len() {
            0 => Err(Exit::missing(format!(
                "{} holds no model: put one there as NAME/VERSION/model.onnx",
                root.display()
            ))),
            _ => Ok(format!("{}: {count} to load", root.display())),
        },
    ));
    findings.extend(
        repository
            .unusable
            .iter()
            .map(|(name, reason)| Finding::of(format!("model {name}"), Err(Exit::damaged(reason)))),
    );
    let mut dedicated = Vec::new();
    for source in &repository.models {
        let file = source.folder.join("model.onnx");
        let access = match file.is_file() {
            true => readable(&file),
            // Loading says what is missing.
            false => listable(&source.folder),
        };
        let loads = access.and_then(|()| match &engine {
            None => Ok("not tried: the library is missing".to_owned()),
            Some((library, clock)) => {
                let loader = Loader::new(library.clone(), Arc::clone(clock));
                let loaded = loader.try_load(source).map_err(|e| {
                    Exit::damaged(format!("{e}; export it again, or take its folder out"))
                });
                loaded.map(|run| {
                    if is_dedicated(source, run, settings.models.long_run.0) {
                        dedicated.push(source.key());
                    }
                    format!("version {} loads", source.version)
                })
            }
        });
        findings.push(Finding::of(format!("model {}", source.name), loads));
    }
    findings.extend(shared_threads(settings, &dedicated).map(|told| Finding {
        warning: true,
        ..Finding::of("dedicated threads", Ok(told))
    }));
    findings.extend(repository.ignored.iter().map(|(path, reason)| Finding {
        warning: true,
        ..Finding::of(
            "model repository",
            Ok(format!("{}: {reason}", path.display())),
        )
    }));
    let missing = super::check::missing_models(settings, &repository);
    findings.extend(missing.into_iter().map(|problem| {
        Finding::of(
            "scenes",
            Err(Exit::configuration(format!(
                "{problem}: correct the scene, or add the model; until then the scene answers 503"
            ))),
        )
    }));
}

/// Whether this user may read the file.
fn readable(path: &Path) -> Result<(), Exit> {
    may(path, File::open(path).map(drop), "chmod a+r")
}

/// Whether this user may look into the folder.
fn listable(path: &Path) -> Result<(), Exit> {
    may(path, fs::read_dir(path).map(drop), "chmod a+rx")
}

fn may(path: &Path, tried: io::Result<()>, mend: &str) -> Result<(), Exit> {
    let path = path.display();
    tried.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Exit::missing(format!(
            "{path}: permission denied; run `{mend} {path}`, or start the gateway as its owner"
        )),
        _ => Exit::missing(format!("{path}: {error}")),
    })
}
