//! The cache folder: a lock so that two runs do not do the same work, a scratch folder beside the
//! results so that a rename into place is atomic, and errors that say what to do.
//!
//! Owns nothing of what lies in the cache. A run that is killed leaves at most its scratch folder
//! (removed by the next run) and never a half-written result; the lock goes with the process.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

const SCRATCH: &str = "tmp";

#[derive(Debug, thiserror::Error)]
#[error("{}", explain(.path, .doing, .source))]
pub(crate) struct CacheError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// One line: what failed where, and the mend for the causes a person meets.
fn explain(path: &Path, doing: &str, source: &io::Error) -> String {
    let path = path.display();
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            format!("no space left for {path}: free about 200 MB on that disk and run it again")
        }
        ErrorKind::PermissionDenied
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::NotADirectory
        | ErrorKind::AlreadyExists => {
            format!("cannot {doing} {path} ({source}): make the folder writable for this user")
        }
        _ => format!("cannot {doing} {path}: {source}"),
    }
}

/// For `map_err`: names the operation and the path of an I/O error.
pub(crate) fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_path_buf();
    move |source| CacheError {
        doing,
        path,
        source,
    }
}

/// The cache, locked: while this lives no other run writes to it.
pub(crate) struct Locked {
    scratch: PathBuf,
    _lock: File,
}

/// Creates the folder where it is missing and waits for the lock; `on_wait` is called once if
/// another run holds it.
pub(crate) fn lock(dir: &Path, on_wait: impl FnOnce()) -> Result<Locked, CacheError> {
    fs::create_dir_all(dir).map_err(at("create", dir))?;
    let path = dir.join(".lock");
    let lock = File::create(&path).map_err(at("write", &path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            on_wait();
            lock.lock().map_err(at("lock", &path))?;
        }
        Err(TryLockError::Error(error)) => return Err(at("lock", &path)(error)),
    }
    // Only the lock's holder works below `tmp`, so whatever lies there was left by a killed run.
    // A child that outlived that run may still write there and undo the removal, which the next
    // run repeats; it cannot write into ours, which the process id tells apart.
    let all_scratch = dir.join(SCRATCH);
    let _ = fs::remove_dir_all(&all_scratch);
    let scratch = all_scratch.join(std::process::id().to_string());
    remove_all(&scratch)?;
    fs::create_dir_all(&scratch).map_err(at("create", &scratch))?;
    Ok(Locked {
        scratch,
        _lock: lock,
    })
}

impl Locked {
    /// An empty folder on the results' file system, removed when the lock is dropped.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Puts `contents` at `target`, whole or not at all.
    pub(crate) fn write(&self, target: &Path, contents: &[u8]) -> Result<(), CacheError> {
        let draft = self.scratch.join("draft");
        let mut file = File::create(&draft).map_err(at("write", &draft))?;
        file.write_all(contents).map_err(at("write", &draft))?;
        self.install(file, &draft, target)
    }

    /// Moves a finished draft to `target`. Synced first: after a power cut a rename may survive
    /// the data it names.
    pub(crate) fn install(
        &self,
        file: File,
        draft: &Path,
        target: &Path,
    ) -> Result<(), CacheError> {
        file.sync_all().map_err(at("write", draft))?;
        drop(file);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(at("create", folder))?;
        }
        fs::rename(draft, target).map_err(at("write", target))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Leftovers cost disk, nothing else, and the next run removes them.
        if let Some(all_scratch) = self.scratch.parent() {
            let _ = fs::remove_dir_all(all_scratch);
        }
    }
}

fn remove_all(folder: &Path) -> Result<(), CacheError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at("remove", folder)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_whole_files_and_leaves_no_scratch() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        let target = cache.join("deep/file");
        let locked = lock(&cache, || panic!("nobody holds it")).unwrap();
        locked.write(&target, b"one").unwrap();
        locked.write(&target, b"two").unwrap();
        drop(locked);
        assert_eq!(fs::read(&target).unwrap(), b"two");
        assert!(!cache.join(SCRATCH).exists());
    }

    #[test]
    fn what_a_killed_run_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("tmp/4711")).unwrap();
        fs::write(dir.path().join("tmp/4711/half.whl"), b"half").unwrap();
        let locked = lock(dir.path(), || panic!("nobody holds it")).unwrap();
        assert!(!dir.path().join("tmp/4711").exists());
        assert!(locked.scratch().is_dir());
    }

    #[test]
    fn a_full_disk_and_a_forbidden_folder_say_what_to_do() {
        let path = Path::new("/c/x");
        let full = at("write", path)(ErrorKind::StorageFull.into()).to_string();
        assert!(
            full.contains("no space left for /c/x") && full.contains("free"),
            "{full}"
        );
        let denied = at("create", path)(ErrorKind::PermissionDenied.into()).to_string();
        assert!(
            denied.contains("cannot create /c/x") && denied.contains("writable"),
            "{denied}"
        );
        assert_eq!(full.lines().count(), 1);
    }

    #[test]
    fn a_file_in_the_folders_place_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        fs::write(&cache, b"").unwrap();
        let error = lock(&cache, || ()).err().unwrap().to_string();
        assert!(
            error.contains("cannot create") && error.contains("cache"),
            "{error}"
        );
    }
}
