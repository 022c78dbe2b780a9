//! The weight cache: copies of models whose weights no write to the repository can change.
//!
//! ```text
//! FOLDER/KEY/digests          what was written: SHA-256, size and time of each file; used last when
//! FOLDER/KEY/model/…          model.onnx and its weights, read-only
//! ```
//!
//! A key is the SHA-256 of all contents, so that two processes may make an entry at once: each writes to
//! a folder of its own and renames it when it is whole. Sessions map the weights of an entry, so they
//! are checked before they are used: a file of another size is damaged, one of another time is read and
//! its SHA-256 compared. A damaged entry is made anew. Nobody but the gateway should write there.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use common::files::{open_regular, read_regular_text};
use sha2::{Digest, Sha256};

use super::{
    convert::{self, WORTH_MOVING_BYTES},
    digest::{MODEL, Written, copy, hex, write_file},
    external::Source,
    facts::Facts,
    wire::WireError,
};

/// Changes whenever the same model would be written differently.
const FORMAT: &[u8] = b"fusebox-weights-2";
const DIGESTS: &str = "digests";
const MODEL_FOLDER: &str = "model";
const MAX_DIGESTS_BYTES: u64 = 1 << 20;
/// Owner, group and others may read, nobody may write.
const READ_ONLY: u32 = 0o444;

/// Why a model could not be brought into the cache; it is then loaded from where it lies.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WeightCacheError {
    /// The cache or the weights cannot be read or written.
    #[error("the weight cache {path} cannot be used: {source}")]
    Io {
        /// The cache's folder.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The weights are more than the whole cache may hold.
    #[error("{bytes} bytes of weights do not fit models.weight_cache_size = {most}")]
    TooLarge {
        /// Bytes of the weights.
        bytes: u64,
        /// Size of the cache.
        most: common::ByteSize,
    },
    /// The model is no protocol buffer.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A folder of copied models, bounded in size.
#[derive(Debug, Clone)]
pub(crate) struct WeightCache {
    folder: PathBuf,
    max_bytes: u64,
}

impl WeightCache {
    pub(crate) fn new(folder: PathBuf, max_bytes: u64) -> Self {
        Self { folder, max_bytes }
    }

    /// Where the copy of this model lies whose weights sessions map, made if it was not there; none
    /// where the model has no large weights and is not `rewritten`: then only the copy is what is to be
    /// loaded. `now` marks the entry as used.
    pub(crate) fn copy_of(
        &self,
        file: &[u8],
        facts: &Facts,
        sources: &[Source],
        rewritten: bool,
        now: SystemTime,
    ) -> Result<Option<PathBuf>, WeightCacheError> {
        let failed = |source| WeightCacheError::Io {
            path: self.folder.clone(),
            source,
        };
        if !sources.is_empty() {
            let bytes: u64 = sources.iter().map(|source| source.bytes).sum();
            self.check_size(bytes.saturating_add(file.len() as u64))?;
            return self.external(file, sources, now).map(Some).map_err(failed);
        }
        let moved = convert::large_tensors(file, facts)?;
        let bytes: usize = moved.iter().map(|tensor| tensor.data.len()).sum();
        if facts.graphs.len() != 1 || bytes < WORTH_MOVING_BYTES {
            let whole = || self.external(file, &[], now).map(Some).map_err(failed);
            return if rewritten { whole() } else { Ok(None) };
        }
        self.check_size(file.len() as u64)?;
        let key = hex(&Sha256::new()
            .chain_update(FORMAT)
            .chain_update(file)
            .finalize());
        if let Some(model) = self.lookup(&key, now) {
            return Ok(Some(model));
        }
        let made = self.make(now, |folder| {
            let written = convert::write_files(folder, file, &moved)?;
            Ok((key.clone(), written))
        });
        made.map(Some).map_err(failed)
    }

    fn check_size(&self, bytes: u64) -> Result<(), WeightCacheError> {
        let most = common::ByteSize(self.max_bytes);
        match bytes > self.max_bytes {
            true => Err(WeightCacheError::TooLarge { bytes, most }),
            false => Ok(()),
        }
    }

    /// Copies a model with its external data. Its key is that of what was copied, so that a file that
    /// changes meanwhile cannot come into an entry under the name of another.
    fn external(&self, file: &[u8], sources: &[Source], now: SystemTime) -> io::Result<PathBuf> {
        let key = |written: &[Written]| {
            let mut key = Sha256::new().chain_update(FORMAT).chain_update(file);
            for file in written {
                key.update([0]);
                key.update(file.path.as_os_str().as_encoded_bytes());
                key.update([0]);
                key.update(&file.sha256);
            }
            hex(&key.finalize())
        };
        let hash = |source: &Source| copy(source, io::sink());
        let found: Vec<_> = sources.iter().map(hash).collect::<io::Result<_>>()?;
        if let Some(model) = self.lookup(&key(&found), now) {
            return Ok(model);
        }
        self.make(now, |folder| {
            let copied = |source: &Source| {
                let path = folder.join(&source.relative);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent)?;
                }
                let mut out = File::create_new(&path)?;
                let written = copy(source, &mut out)?;
                out.sync_all()?;
                Ok(written)
            };
            let mut written: Vec<_> = sources.iter().map(copied).collect::<io::Result<_>>()?;
            let key = key(&written);
            // A model may name itself as the place of its weights.
            if !folder.join(MODEL).exists() {
                written.push(write_file(folder, MODEL, file)?);
            }
            Ok((key, written))
        })
    }

    /// The model of an entry that is whole. A damaged entry is removed.
    fn lookup(&self, key: &str, now: SystemTime) -> Option<PathBuf> {
        let entry = self.folder.join(key);
        if !entry.exists() {
            return None;
        }
        match verify(&entry) {
            Ok(()) => {
                mark_used(&entry, now);
                Some(entry.join(MODEL_FOLDER).join(MODEL))
            }
            Err(error) => {
                tracing::warn!(entry = %entry.display(), %error, "a damaged entry of the weight cache is made anew");
                // Whoever has mapped its files keeps them. One that cannot be removed is told of when
                // the new one cannot take its place.
                let _ = fs::remove_dir_all(&entry);
                None
            }
        }
    }

    /// Fills a new entry and puts it in its place; `fill` gives its key and what it wrote.
    fn make(
        &self,
        now: SystemTime,
        fill: impl FnOnce(&Path) -> io::Result<(String, Vec<Written>)>,
    ) -> io::Result<PathBuf> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: the number only has to be unique.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let fresh = self
            .folder
            .join(format!(".new-{}-{number}", std::process::id()));
        let made = self.fill_and_publish(&fresh, fill);
        if fresh.exists() {
            let _ = fs::remove_dir_all(&fresh);
        }
        let entry = made?;
        mark_used(&entry, now);
        self.evict(&entry)?;
        Ok(entry.join(MODEL_FOLDER).join(MODEL))
    }

    fn fill_and_publish(
        &self,
        fresh: &Path,
        fill: impl FnOnce(&Path) -> io::Result<(String, Vec<Written>)>,
    ) -> io::Result<PathBuf> {
        let folder = fresh.join(MODEL_FOLDER);
        fs::create_dir_all(&folder)?;
        let (key, written) = fill(&folder)?;
        let mut digests = String::new();
        for Written { path, sha256 } in &written {
            let file = folder.join(path);
            fs::set_permissions(&file, Permissions::from_mode(READ_ONLY))?;
            let found = file.metadata()?;
            let (bytes, path) = (found.len(), path.display());
            digests += &format!("{sha256} {bytes} {} {path}\n", time(&found));
        }
        let mut file = File::create_new(fresh.join(DIGESTS))?;
        file.write_all(digests.as_bytes())?;
        file.sync_all()?;
        let entry = self.folder.join(key);
        match fs::rename(fresh, &entry) {
            // Another process was faster, with the same bytes.
            Err(_) if verify(&entry).is_ok() => Ok(entry),
            renamed => renamed.map(|()| entry),
        }
    }

    /// Removes the entries used longest ago until the cache is within its bound. Files that a
    /// process has mapped stay readable to it after they are removed.
    fn evict(&self, keep: &Path) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let used = path.join(DIGESTS).metadata().and_then(|m| m.modified());
            entries.push((
                used.unwrap_or(SystemTime::UNIX_EPOCH),
                bytes_in(&path),
                path,
            ));
        }
        entries.sort_unstable();
        let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in entries {
            if total <= self.max_bytes {
                break;
            }
            if path != keep {
                fs::remove_dir_all(&path)?;
                total -= bytes;
            }
        }
        Ok(())
    }
}

/// Failing to mark only makes the entry look older than it is.
fn mark_used(entry: &Path, now: SystemTime) {
    let _ = File::open(entry.join(DIGESTS)).and_then(|f| f.set_modified(now));
}

/// Whether the files of an entry are what was written.
fn verify(entry: &Path) -> io::Result<()> {
    let digests = read_regular_text(&entry.join(DIGESTS), MAX_DIGESTS_BYTES)?;
    let bad = |what: &str, of: &str| io::Error::other(format!("{what}: {of}"));
    if digests.is_empty() {
        return Err(bad("no files are listed", DIGESTS));
    }
    for line in digests.lines() {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().ok_or_else(|| bad("a line is cut off", line));
        let (sha256, bytes, written, path) = (word()?, word()?, word()?, word()?);
        let full = entry.join(MODEL_FOLDER).join(path);
        let (_, found) = open_regular(&full)?;
        if found.len().to_string() != bytes {
            return Err(bad("a file has another size", path));
        }
        if time(&found) == written {
            continue;
        }
        let source = Source {
            relative: path.into(),
            path: full,
            bytes: found.len(),
        };
        if copy(&source, io::sink())?.sha256 != sha256 {
            return Err(bad("a file has other contents", path));
        }
    }
    Ok(())
}

/// When a file was written last, to the nanosecond.
fn time(found: &fs::Metadata) -> String {
    format!("{}.{:09}", found.mtime(), found.mtime_nsec())
}

/// Bytes of all files below a folder; links are not followed.
fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let each = entries.flatten().map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_in(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    each.sum()
}

#[cfg(test)]
mod tests;
