//! The bench: what the release gateway costs beyond its models, and whether its bars hold.
//!
//! ```text
//!  cases ─► floor ──────┐
//!  outside, allocations,│
//!  capacity, small,     ├─► Bars ─► Document ─► table, JSON, docs/BENCHMARKS.md
//!  tail, memory ────────┘
//! ```
//!
//! Owns the cases, the arithmetic and the bars. Every figure of the gateway is read from its own
//! `/metrics` around a run of the load generator: requests, processor time of the process and, of
//! it, the part inside `session.run`. The gateway, the generator and the programs of `bin/` run
//! each in a process of its own; this crate never looks inside them.

mod allocations;
mod bars;
mod capacity;
mod cases;
mod cli;
mod conduct;
mod cost;
mod counting;
mod document;
mod floor;
mod load;
mod markdown;
mod memory;
pub mod outside;
pub mod plain;
mod process;
mod row;
mod runs;
mod small;
mod spread;
mod tail;

pub use cli::Cli;
pub use conduct::conduct;
pub use counting::answer_counts;
