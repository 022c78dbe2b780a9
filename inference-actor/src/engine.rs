//! Engines behind [`crate::ModelRunner`].

mod fake;
mod library;
mod memory;
mod ort;
mod output;
mod strings;

pub use self::{
    fake::{FakeEngine, FakeSettings, HangMode},
    library::{LibraryError, OrtLibrary},
    ort::{Declared, Graph, OptimizationLevel, OrtEngine, OrtSettings},
};
