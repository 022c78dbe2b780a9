//! From a wheel to files in place: check, unpack, check, rename, stamp.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::FetchError;
use super::pins::{Build, PinnedFile, Source};
use crate::cache::{Locked, at};
use crate::digest;

const STAMP: &str = ".stamp";

/// True if this very build was installed and nothing is missing or cut short.
///
/// Runs at every start, so it reads no contents: the digests were checked before the stamp was
/// written, and hashing 29 MB again would cost tens of milliseconds and a cold start's disk reads
/// to guard against nobody (whoever can change the library can change the stamp or the gateway).
/// What does happen, a file deleted by hand or truncated by a full disk, shows in its size.
pub(super) fn is_present(cache: &Path, source: &Source, build: &Build) -> bool {
    let folder = cache.join(&source.into);
    let stamped = fs::read_to_string(folder.join(STAMP)).is_ok_and(|found| found == stamp(build));
    stamped
        && build.files.iter().all(|file| {
            fs::metadata(folder.join(&file.name))
                .is_ok_and(|found| found.is_file() && found.len() == file.bytes)
        })
}

/// Stamps files that are whole although no stamp says so: a run killed just before its last step,
/// or files that a person copied to a machine without network. Reads them in full.
pub(super) fn adopt(
    cache: &Path,
    locked: &Locked,
    source: &Source,
    build: &Build,
) -> Result<bool, FetchError> {
    let folder = cache.join(&source.into);
    let whole = build.files.iter().all(|file| {
        let path = folder.join(&file.name);
        // The size first: it spares hashing what cannot match.
        fs::metadata(&path).is_ok_and(|found| found.len() == file.bytes)
            && digest::file(&path).is_ok_and(|found| found.sha256 == file.sha256)
    });
    if whole {
        locked.write(&folder.join(STAMP), stamp(build).as_bytes())?;
    }
    Ok(whole)
}

/// Installs the pinned files of `wheel`; nothing is put in place before everything was checked.
pub(super) fn unpack(
    cache: &Path,
    locked: &Locked,
    source: &Source,
    build: &Build,
    wheel: &Path,
) -> Result<(), FetchError> {
    let found = digest::file(wheel).map_err(at("read", wheel))?;
    check(&build.wheel, &build.wheel_sha256, &found.sha256)?;
    let bad = |cause: zip::result::ZipError| FetchError::BadWheel {
        wheel: build.wheel.clone(),
        cause: cause.to_string(),
    };
    let mut archive =
        ZipArchive::new(File::open(wheel).map_err(at("read", wheel))?).map_err(bad)?;
    let mut drafts = Vec::new();
    for pinned in &build.files {
        let mut member = archive.by_name(&pinned.member).map_err(bad)?;
        let (path, file) = draft(locked, pinned, &mut member)?;
        drafts.push((path, file, pinned));
    }
    let folder = cache.join(&source.into);
    for (path, file, pinned) in drafts {
        locked.install(file, &path, &folder.join(&pinned.name))?;
    }
    locked.write(&folder.join(STAMP), stamp(build).as_bytes())?;
    Ok(())
}

/// Unpacks one file into the scratch folder and checks it there.
fn draft(
    locked: &Locked,
    pinned: &PinnedFile,
    member: &mut impl std::io::Read,
) -> Result<(PathBuf, File), FetchError> {
    let path = locked.scratch().join(format!("{}.draft", pinned.name));
    let mut file = File::create(&path).map_err(at("write", &path))?;
    // One byte more than pinned is enough to see that it is too long.
    let mut bounded = member.take(pinned.bytes + 1);
    let found = digest::copy(&mut bounded, &mut file).map_err(at("unpack", &path))?;
    check(&pinned.member, &pinned.sha256, &found.sha256)?;
    Ok((path, file))
}

fn check(what: &str, expected: &str, actual: &str) -> Result<(), FetchError> {
    if expected == actual {
        return Ok(());
    }
    Err(FetchError::WrongChecksum {
        what: what.to_owned(),
        expected: expected.to_owned(),
        actual: actual.to_owned(),
    })
}

/// Names the build by its digests: another platform's or version's files in the same folder are
/// not taken for ours.
fn stamp(build: &Build) -> String {
    let mut text = format!("{}  {}\n", build.wheel_sha256, build.wheel);
    for file in &build.files {
        writeln!(text, "{}  {}", file.sha256, file.name).expect("writing to a String cannot fail");
    }
    text
}
