//! Engines behind [`crate::ModelRunner`].

mod fake;
mod library;
mod log;
mod memory;
mod ort;
mod output;
mod reason;
mod strings;
mod telemetry;
mod types;

pub use self::{
    fake::{DrillHistory, FakeEngine, FakeSettings, HangMode},
    library::{LibraryError, OrtLibrary},
    log::suppressed_engine_messages,
    ort::{Declared, Graph, OptimizationLevel, OrtEngine, OrtSettings},
    telemetry::disable_telemetry,
};
