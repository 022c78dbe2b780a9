//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

/// Measures the release gateway against its bars.
///
/// Wants a machine that does nothing else, and what `make build` and `make bench-models` make.
#[derive(Debug, Parser)]
pub struct Cli {
    /// What to measure; everything, if nothing is named
    #[arg(value_enum)]
    pub parts: Vec<Part>,
    /// Every part for seconds only: shows that it works, says nothing about the gateway
    #[arg(long)]
    pub quick: bool,
    /// Rounds of the floor comparison; each runs every case once
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=99), default_value = "5")]
    rounds: u32,
    /// Length of a case within a round
    #[arg(long, value_name = "SECONDS", default_value = "2")]
    seconds: f64,
    /// Length of the run of mixed shapes that memory is watched over; its first tenth is left out
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    memory_seconds: f64,
    /// Folder of models and bodies, made by bench/models/make_models.py
    #[arg(long, default_value = ".cache/bench-models")]
    pub models: PathBuf,
    /// Measure nothing: judge the medians of what earlier runs have written with --json
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["parts", "quick", "json"])]
    pub runs: Vec<PathBuf>,
    /// Write everything as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Put the tables between the marks of this Markdown file
    #[arg(long, value_name = "FILE")]
    pub docs: Option<PathBuf>,
}

/// What there is to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Overhead over session.run, case by case
    Floor,
    /// session.run in a program of its own, against the floor inside the gateway
    Outside,
    /// Heap allocations of a request, beyond a plain server's
    Allocations,
    /// The highest Poisson rate that holds P99 within 11 ms
    Capacity,
    /// Small requests on a model that batches, against running them alone
    Small,
    /// P99 over P50 at half of the peak
    Tail,
    /// Resident memory under mixed shapes
    Memory,
}

impl Cli {
    /// Whether a part is wanted.
    #[must_use]
    pub fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    /// Rounds of the floor comparison.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    /// Length of a case within a round.
    #[must_use]
    pub fn case_time(&self) -> Duration {
        Duration::from_secs_f64(if self.quick { 0.5 } else { self.seconds })
    }

    /// Length of the run of mixed shapes.
    #[must_use]
    pub fn memory_time(&self) -> Duration {
        Duration::from_secs_f64(if self.quick { 5.0 } else { self.memory_seconds })
    }
}
