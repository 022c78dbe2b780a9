//! What is done to a model's file before sessions are opened on it: looked through, kept to its own
//! folder, its large weights moved out to be mapped, and its pages brought into memory.
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

use inference_actor::LoadError;

use crate::onnx::{Facts, WeightCache, check_external};

/// A file, ready to be opened by sessions.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// What to open: the file itself, or its copy with the weights outside.
    pub(crate) path: PathBuf,
    /// Bytes of weights that lie outside of it and are mapped.
    pub(crate) weight_bytes: u64,
    /// Inputs that declare no shape.
    pub(crate) shapeless: Arc<std::collections::HashSet<String>>,
}

/// Tells one state of a file from another without reading it.
type Fingerprint = (u64, u64, i64, i64);

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Preparer {
    cache: Option<WeightCache>,
    done: Arc<Mutex<HashMap<PathBuf, (Fingerprint, Prepared)>>>,
}

impl Preparer {
    pub(crate) fn with_cache(cache: Option<WeightCache>) -> Self {
        Self {
            cache,
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
        let found = fs::metadata(&path).map_err(|e| unreadable(e.to_string()))?;
        let fingerprint = (found.ino(), found.len(), found.mtime(), found.mtime_nsec());
        if let Some(known) = self.known(&path, fingerprint) {
            return Ok(known);
        }
        let file = fs::read(&path).map_err(|e| unreadable(e.to_string()))?;
        let facts = Facts::of(&file).map_err(|e| unreadable(e.to_string()))?;
        if facts.graphs.is_empty() {
            return Err(unreadable("it holds no graph".into()));
        }
        check_external(folder, &facts.locations).map_err(|e| unreadable(e.to_string()))?;
        let converted = match &self.cache {
            None => None,
            Some(cache) => cache.converted(&file, &facts, now).unwrap_or_else(|error| {
                tracing::warn!(model = %path.display(), %error, "its weights are not shared between instances");
                None
            }),
        };
        drop(file);
        let weight_bytes = fault_in(folder, &facts, converted.as_deref());
        let prepared = Prepared {
            path: converted.unwrap_or_else(|| path.clone()),
            weight_bytes,
            shapeless: Arc::new(facts.shapeless_inputs),
        };
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.insert(path, (fingerprint, prepared.clone()));
        Ok(prepared)
    }

    fn known(&self, path: &Path, fingerprint: Fingerprint) -> Option<Prepared> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, prepared) = done.get(path)?;
        // Another process may have dropped the copy from the cache.
        (*of == fingerprint && prepared.path.is_file()).then(|| prepared.clone())
    }
}

/// Reads the files that sessions map, so that their first requests find the pages in memory; tells
/// how many bytes they are.
fn fault_in(folder: &Path, facts: &Facts, converted: Option<&Path>) -> u64 {
    let own = facts
        .locations
        .iter()
        .map(|location| folder.join(String::from_utf8_lossy(location).as_ref()));
    let moved = converted.map(|model| model.with_file_name(crate::onnx::WEIGHTS));
    own.chain(moved)
        .map(|path| {
            let read = File::open(path).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
            // Unread, only the first requests would be slower for it.
            read.unwrap_or(0)
        })
        .sum()
}
