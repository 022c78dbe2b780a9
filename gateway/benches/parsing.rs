//! JSON to tensors, by parser and size: `cargo bench -p gateway --bench parsing`.
//!
//! The gateway's own parsers against general ones, which are given an advantage: their types are
//! known at compile time, and they check neither names nor shapes against a model. All end with the
//! numbers in memory that the engine can read, or the candidates as places in the catalogue.

#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot make its input must stop"
)]

#[path = "parsing/infer.rs"]
mod infer;
#[path = "parsing/recommend.rs"]
mod recommend;

use criterion::{criterion_group, criterion_main};

criterion_group!(benches, infer::bench, recommend::bench);
criterion_main!(benches);
