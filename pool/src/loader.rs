//! From a folder to a warm session. Blocking: run it away from the threads that serve.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use common::Clock;
use inference_actor::{
    FakeEngine, LoadCancel, LoadError, ModelRunner, OrtEngine, OrtLibrary, OrtSettings, WarmUp,
    warm_up,
};

use crate::{
    onnx::WeightCache,
    prepare::Preparer,
    repository::{ModelSource, manifest::EngineKind},
};

/// A model of this size is served for its weights, which its sessions share; what each session would
/// keep beside them it would keep as often as there are sessions.
const SHARED_FOR_ITS_WEIGHTS_BYTES: u64 = 64 << 20;

/// A warm session and how its warm-up went.
pub(crate) type Loaded = (Box<dyn ModelRunner>, WarmUp);

/// Loads models with the process's engine library.
#[derive(Clone)]
pub struct Loader {
    /// None where only drills are run.
    library: Option<OrtLibrary>,
    clock: Arc<dyn Clock>,
    preparer: Preparer,
}

impl Loader {
    /// A loader over the library in use.
    #[must_use]
    pub fn new(library: OrtLibrary, clock: Arc<dyn Clock>) -> Self {
        Self {
            library: Some(library),
            clock,
            preparer: Preparer::default(),
        }
    }

    /// A loader of drill models alone, which need no library.
    #[cfg(test)]
    pub(crate) fn of_drills(clock: Arc<dyn Clock>) -> Self {
        Self {
            library: None,
            clock,
            preparer: Preparer::default(),
        }
    }

    /// The same, with weights copied to a cache of this folder and size, so that sessions share them
    /// and nobody writes to them. Links of weights may end in the repository and in `link_folders`.
    #[must_use]
    pub fn with_weight_cache(
        self,
        folder: PathBuf,
        max_bytes: u64,
        link_folders: Vec<PathBuf>,
    ) -> Self {
        let cache = WeightCache::new(folder, max_bytes);
        let preparer = Preparer::new(Some(cache), link_folders);
        Self { preparer, ..self }
    }

    /// Opens a session and warms it up.
    pub(crate) fn load(
        &self,
        source: &ModelSource,
        cancel: &LoadCancel,
    ) -> Result<Loaded, LoadError> {
        // What a half-copied file does to the real engine.
        #[cfg(test)]
        if source.folder.join("half-made").exists() {
            return Err(LoadError::Unreadable {
                path: source.folder.display().to_string(),
                reason: "half-made".into(),
            });
        }
        let mut runner = self.open(source, cancel)?;
        cancel.arm(runner.stopper());
        // The drill engine's runs are counted by whoever configured it: none is spent here.
        let warm = match source.manifest.engine {
            EngineKind::Onnx => warm_up(&mut *runner, &self.clock),
            EngineKind::Drill => WarmUp {
                typical_run: drill_run(source, &*runner),
                reason: "drill engine: its run time is taken from its settings".into(),
                ..WarmUp::default()
            },
        };
        cancel.disarm();
        // A request to stop that came too late would end its first run in service.
        runner.rearm();
        Ok((runner, warm))
    }

    /// Whether a model loads, and how long a run takes at warm-up; for checks that serve nothing.
    pub fn try_load(&self, source: &ModelSource) -> Result<Duration, String> {
        // The binding panics on some types of outputs that it does not know.
        let loaded = catch_unwind(AssertUnwindSafe(|| {
            self.load(source, &LoadCancel::default())
                .map(|(_, warm_up)| warm_up.typical_run)
        }));
        let loaded = loaded.map_err(|_| "the engine's binding panicked on it".to_owned());
        loaded
            .and_then(|loaded| loaded.map_err(|e| e.to_string()))
            .map_err(|e| format!("model `{}`: {e}", source.name))
    }

    fn open(
        &self,
        source: &ModelSource,
        cancel: &LoadCancel,
    ) -> Result<Box<dyn ModelRunner>, LoadError> {
        let manifest = &source.manifest;
        match manifest.engine {
            EngineKind::Onnx => {
                let Some(library) = &self.library else {
                    return Err(LoadError::Unreadable {
                        path: source.folder.display().to_string(),
                        reason: "ONNX Runtime is not loaded".into(),
                    });
                };
                let prepared = self.preparer.prepare(&source.folder, self.clock.wall())?;
                let settings = OrtSettings {
                    path: prepared.path,
                    optimization: manifest.optimization,
                    arena: prepared.weight_bytes < SHARED_FOR_ITS_WEIGHTS_BYTES,
                };
                let engine = OrtEngine::open_cancellable(library, &settings, cancel, |graph| {
                    let mut spec = manifest.complete(&source.name, source.version, graph)?;
                    for input in &mut spec.inputs {
                        input.any_shape = prepared.shapeless.contains(&input.name);
                    }
                    Ok(spec)
                });
                let original = source.folder.join("model.onnx");
                let engine = engine.map_err(|e| e.of_file(&original))?;
                Ok(Box::new(engine))
            }
            EngineKind::Drill => {
                let graph = manifest.declared()?;
                let spec = manifest.complete(&source.name, source.version, graph)?;
                let history = Arc::clone(&source.drill);
                Ok(Box::new(FakeEngine::new(
                    Arc::new(spec),
                    manifest.drill(source.version),
                    history,
                    Arc::clone(&self.clock),
                )))
            }
        }
    }
}

/// What a warm-up would measure.
fn drill_run(source: &ModelSource, runner: &dyn ModelRunner) -> Duration {
    let rows = runner.spec().row_budget.unwrap_or(1);
    source.manifest.drill(source.version).run_time(rows)
}

/// Loads on the blocking pool, for at most `timeout`. A load that takes longer is told to end, so that
/// its thread comes back.
pub(crate) async fn load_in_background(
    loader: Loader,
    source: ModelSource,
    timeout: Duration,
) -> Result<Loaded, String> {
    let cancel = LoadCancel::default();
    let given = cancel.clone();
    let load = tokio::task::spawn_blocking(move || loader.load(&source, &given));
    // Also where nobody waits for it any more: at a stop, or when its request was dropped.
    let _given_up = GivenUp(cancel);
    match tokio::time::timeout(timeout, load).await {
        Ok(Ok(Ok(loaded))) => Ok(loaded),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(panic)) => Err(format!("loading panicked: {panic}")),
        Err(_) => Err(format!(
            "not loaded within models.load_timeout = {}",
            common::Span(timeout)
        )),
    }
}

/// Tells a load to end when nobody waits for it; one that has ended is not touched.
struct GivenUp(LoadCancel);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
