//! Engines behind [`crate::ModelRunner`].

mod fake;
mod library;
mod memory;
mod ort;
mod output;
mod strings;
mod telemetry;

pub use self::{
    fake::{DrillHistory, FakeEngine, FakeSettings, HangMode},
    library::{LibraryError, OrtLibrary},
    ort::{Declared, Graph, OptimizationLevel, OrtEngine, OrtSettings},
    telemetry::disable_telemetry,
};
