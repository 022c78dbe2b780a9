//! ONNX Runtime's shared library: loaded once a process, kept until its end.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ort::environment::Environment;

use super::{log, telemetry};

/// Why the library cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// It does not load, is not ONNX Runtime, or is too old.
    #[error("{path}: not a usable ONNX Runtime library: {reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// The process did not switch the library's telemetry off before it asked for the library.
    #[error(
        "ONNX Runtime would send usage data to its maker: set the environment variable {}=1, or \
         call disable_telemetry() first in main",
        telemetry::VARIABLE
    )]
    TelemetryEnabled,
    /// Another one is loaded already, and a process can hold one.
    #[error("{wanted}: this process already runs with {loaded}")]
    AnotherLoaded {
        /// The file asked for.
        wanted: PathBuf,
        /// The file in use.
        loaded: PathBuf,
    },
}

/// The library in use, to make sessions with.
#[derive(Debug, Clone)]
pub struct OrtLibrary {
    path: PathBuf,
    environment: Environment,
}

static LOADED: Mutex<Option<OrtLibrary>> = Mutex::new(None);

impl OrtLibrary {
    /// Loads the library at `path`, or hands out the one that is loaded if it is the same.
    pub fn load(path: &Path) -> Result<Self, LibraryError> {
        let unusable = |reason: String| LibraryError::Unusable {
            path: path.to_owned(),
            reason,
        };
        if !telemetry::is_disabled() {
            return Err(LibraryError::TelemetryEnabled);
        }
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = loaded.as_ref() {
            return if library.path == path {
                Ok(library.clone())
            } else {
                let (wanted, loaded) = (path.to_owned(), library.path.clone());
                Err(LibraryError::AnotherLoaded { wanted, loaded })
            };
        }
        let builder = ort::init_from(path).map_err(|e| unusable(first_line(&e.to_string())))?;
        let environment = builder
            .with_name("fusebox")
            .with_telemetry(false)
            .with_logger(log::logger())
            .build()
            .map_err(|e| unusable(first_line(e.message())))?;
        // Below its warnings it tells of every node and allocation.
        environment.set_log_level(ort::logging::LogLevel::Warning);
        let library = Self {
            path: path.to_owned(),
            environment,
        };
        *loaded = Some(library.clone());
        Ok(library)
    }

    /// Where it was loaded from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }
}

pub(super) fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect()
}
