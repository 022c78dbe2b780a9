//! What is fetched, from where, and the digests it must have: `pins.json` as types.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

const BUILT_IN: &str = include_str!("pins.json");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pins {
    pub sources: Vec<Source>,
}

/// One PyPI package out of which files are taken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// For people.
    pub name: String,
    /// As pip wants it, `package==version`.
    pub requirement: String,
    /// Folder below the cache.
    pub into: String,
    pub builds: Vec<Build>,
}

/// One wheel of a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    /// `OS-ARCHITECTURE` as Rust names them, or `any`.
    pub platform: String,
    /// The wheel's platform tag, for `pip download --platform`.
    pub pip_platform: String,
    pub wheel: String,
    pub wheel_bytes: u64,
    pub wheel_sha256: String,
    pub files: Vec<PinnedFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinnedFile {
    /// Path inside the wheel.
    pub member: String,
    /// Name in the cache.
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

impl Pins {
    pub(crate) fn built_in() -> Self {
        parse(BUILT_IN).expect("a test reads the built-in pins")
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read pins {}", path.display()))?;
        parse(&text).with_context(|| format!("pins {}", path.display()))
    }
}

impl Source {
    pub(crate) fn build_for(&self, platform: &str) -> Option<&Build> {
        self.builds
            .iter()
            .find(|build| build.platform == platform || build.platform == "any")
    }
}

/// This machine as the pins name it. A musl build is a platform of its own: the wheels' library
/// needs glibc and would not load.
pub(crate) fn host_platform() -> String {
    let libc = if cfg!(target_env = "musl") {
        "-musl"
    } else {
        ""
    };
    format!("{}-{}{libc}", std::env::consts::OS, std::env::consts::ARCH)
}

fn parse(text: &str) -> Result<Pins> {
    let pins: Pins = serde_json::from_str(text)?;
    for source in &pins.sources {
        let clean = |part: &str| !part.is_empty() && part != "." && part != "..";
        ensure!(
            source.into.split('/').all(clean),
            "`into` leaves the cache: {}",
            source.into
        );
        for build in &source.builds {
            digest(&build.wheel_sha256)?;
            file_name(&build.wheel)?;
            for file in &build.files {
                digest(&file.sha256)?;
                file_name(&file.name)?;
            }
        }
    }
    Ok(pins)
}

fn digest(text: &str) -> Result<()> {
    let hex = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    ensure!(
        hex && text.len() == 64,
        "not a lower-case hex sha256: {text}"
    );
    Ok(())
}

fn file_name(name: &str) -> Result<()> {
    ensure!(
        !name.is_empty() && !name.contains('/') && name != "..",
        "not a file name: {name}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_pins_are_sound() {
        let pins = parse(BUILT_IN).unwrap();
        let names: Vec<_> = pins
            .sources
            .iter()
            .map(|source| source.into.as_str())
            .collect();
        assert_eq!(names, ["onnxruntime/1.31.1", "ml-100k"]);
        for build in pins.sources.iter().flat_map(|source| &source.builds) {
            assert!(
                build
                    .wheel
                    .ends_with(&format!("{}.whl", build.pip_platform)),
                "{build:?}"
            );
            assert!(!build.files.is_empty());
        }
    }

    #[test]
    fn pins_that_leave_the_cache_or_are_no_digest_are_refused() {
        for (good, bad) in [
            ("\"ml-100k\"", "\"../ml-100k\""),
            ("\"ml-100k\"", "\"/ml-100k\""),
            (
                "\"name\": \"ml-100k.item\"",
                "\"name\": \"../ml-100k.item\"",
            ),
            ("9c9948202011", "9C9948202011"),
            ("9c9948202011", ""),
        ] {
            assert!(BUILT_IN.contains(good));
            assert!(parse(&BUILT_IN.replace(good, bad)).is_err(), "{bad}");
        }
    }
}
