//! What is done to a model's file before sessions are opened on it: looked through, kept to its own
//! folder, its weights brought into the weight cache to be mapped, and its pages brought into memory.
//!
//! Done once for a file however many sessions are opened, and again when the file has changed.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use common::files::read_regular;
use inference_actor::LoadError;

use crate::onnx::{Facts, Source, WeightCache, guarded, not_a_model, sources};

/// A protocol buffer cannot be larger; weights beyond it lie in files of their own.
const MAX_MODEL_BYTES: u64 = 2 << 30;

/// A file, ready to be opened by sessions.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// What to open: the file itself, or its copy in the weight cache.
    pub(crate) path: PathBuf,
    /// Bytes of weights that lie outside of it and are mapped.
    pub(crate) weight_bytes: u64,
    /// Inputs that declare no shape.
    pub(crate) shapeless: Arc<std::collections::HashSet<String>>,
}

/// Tells one state of a file from another without reading it.
type Fingerprint = (u64, u64, i64, i64, i64, i64);

/// What was prepared, and the files it was made of as they were then.
#[derive(Debug, Clone)]
struct Done {
    made_of: Vec<(PathBuf, Fingerprint)>,
    /// The files that sessions open or map, which others must not have touched since.
    opened: Vec<(PathBuf, Fingerprint)>,
    prepared: Prepared,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Preparer {
    cache: Option<WeightCache>,
    /// Folders outside of the repository in which links of weights may end.
    link_folders: Arc<[PathBuf]>,
    done: Arc<Mutex<HashMap<PathBuf, Done>>>,
}

impl Preparer {
    pub(crate) fn new(cache: Option<WeightCache>, link_folders: Vec<PathBuf>) -> Self {
        Self {
            cache,
            link_folders: link_folders.into(),
            done: Arc::default(),
        }
    }

    /// Prepares `folder/model.onnx`.
    pub(crate) fn prepare(&self, folder: &Path, now: SystemTime) -> Result<Prepared, LoadError> {
        let path = folder.join("model.onnx");
        let unreadable = |reason: String| LoadError::Unreadable {
            path: path.display().to_string(),
            reason,
        };
        if let Some(known) = self.known(&path) {
            return Ok(known);
        }
        // Taken before it is read: a change meanwhile is seen by the next load.
        let own = fingerprint(&path).map_err(|e| unreadable(e.to_string()))?;
        let file = read_regular(&path, MAX_MODEL_BYTES).map_err(|e| unreadable(e.to_string()))?;
        if let Some(what) = not_a_model(&file) {
            return Err(unreadable(what.to_owned()));
        }
        let facts = Facts::of(&file).map_err(|e| unreadable(e.to_string()))?;
        if facts.graphs.is_empty() {
            return Err(unreadable("it holds no graph: it is no ONNX model".into()));
        }
        let sources = sources(folder, &facts.locations, &self.allowed(folder));
        let sources = sources.map_err(|e| unreadable(e.to_string()))?;
        let mut made_of = vec![(path.clone(), own)];
        made_of.extend(sources.iter().filter_map(|s| stamped(&s.path)));
        let rewritten = guarded(&file, &facts).map_err(|e| unreadable(e.to_string()))?;
        let copied = match &rewritten {
            None => self.copied(&path, &file, &facts, (&sources, false), now),
            Some(file) => {
                let facts = Facts::of(file).map_err(|e| unreadable(e.to_string()))?;
                self.copied(&path, file, &facts, (&sources, true), now)
            }
        };
        drop((file, rewritten));
        let mapped = match &copied {
            Some(model) => beside(model),
            None => sources.iter().map(|source| source.path.clone()).collect(),
        };
        let prepared = Prepared {
            weight_bytes: fault_in(&mapped),
            path: copied.unwrap_or_else(|| path.clone()),
            shapeless: Arc::new(facts.shapeless_inputs),
        };
        let opened = mapped.iter().chain([&prepared.path]);
        let done = Done {
            opened: opened.filter_map(|path| stamped(path)).collect(),
            made_of,
            prepared: prepared.clone(),
        };
        self.lock().insert(path, done);
        Ok(prepared)
    }

    /// Where else than in its own folder a model's links may end.
    fn allowed(&self, folder: &Path) -> Vec<PathBuf> {
        // REPOSITORY/NAME/VERSION
        let repository = folder.parent().and_then(Path::parent);
        let named = self.link_folders.iter().map(PathBuf::as_path);
        repository
            .into_iter()
            .chain(named)
            .map(Into::into)
            .collect()
    }

    fn copied(
        &self,
        path: &Path,
        file: &[u8],
        facts: &Facts,
        (sources, rewritten): (&[Source], bool),
        now: SystemTime,
    ) -> Option<PathBuf> {
        let copied = self
            .cache
            .as_ref()?
            .copy_of(file, facts, sources, rewritten, now);
        copied.unwrap_or_else(|error| {
            let model = path.display();
            if rewritten {
                tracing::warn!(%model, "integer divisions of the model are not guarded: the least integer divided by -1 ends the process");
            }
            match sources.is_empty() {
                true => tracing::warn!(%model, %error, "the model's weights are not shared between instances"),
                false => tracing::warn!(%model, %error, "the model's weights are used where they lie: writing to these files while they are served changes scores or ends the process"),
            }
            None
        })
    }

    fn known(&self, path: &Path) -> Option<Prepared> {
        let done = self.lock().get(path)?.clone();
        let same =
            |(path, then): &(PathBuf, Fingerprint)| fingerprint(path).is_ok_and(|now| now == *then);
        let unchanged = done.made_of.iter().chain(&done.opened).all(same);
        unchanged.then_some(done.prepared)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Done>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fingerprint(path: &Path) -> io::Result<Fingerprint> {
    let found = fs::metadata(path)?;
    let (ino, len) = (found.ino(), found.len());
    let written = (found.mtime(), found.mtime_nsec());
    let changed = (found.ctime(), found.ctime_nsec());
    Ok((ino, len, written.0, written.1, changed.0, changed.1))
}

fn stamped(path: &Path) -> Option<(PathBuf, Fingerprint)> {
    Some((path.to_owned(), fingerprint(path).ok()?))
}

/// The files below the folder of a copied model, but for itself.
fn beside(model: &Path) -> Vec<PathBuf> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            match path.is_dir() {
                true => below(&path, found),
                false => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    if let Some(folder) = model.parent() {
        below(folder, &mut found);
    }
    found.retain(|path| path != model);
    found
}

/// Reads the files that sessions map, so that their first requests find the pages in memory; tells
/// how many bytes they are.
fn fault_in(files: &[PathBuf]) -> u64 {
    let read = |path: &PathBuf| {
        let read = File::open(path).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
        // Unread, only the first requests would be slower for it.
        read.unwrap_or(0)
    };
    files.iter().map(read).sum()
}
