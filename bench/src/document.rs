//! Everything that was measured, as one document.

use loadtest::{Machine, commit};
use serde::Serialize;

use crate::{
    allocations::Allocations, bars::Bar, capacity::Capacity, cli::Cli, floor::Floor,
    memory::Memory, small::Small, tail::Tail,
};

/// What `--json` writes. A part that was not wanted is absent.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    /// The commit, with `+` behind it where files have changed.
    pub commit: Option<String>,
    /// The machine, its load before and after.
    pub machine: Machine,
    /// A look only, whose figures say nothing.
    pub quick: bool,
    /// Rounds.
    pub rounds: u32,
    /// Length of a case in each.
    pub case_seconds: f64,
    /// What measured times are multiplied with for the bars.
    pub speed_factor: Option<f64>,
    /// The floor comparison.
    pub floor: Option<Floor>,
    /// Allocations.
    pub allocations: Option<Allocations>,
    /// The highest rate.
    pub capacity: Option<Capacity>,
    /// Small requests.
    pub small: Vec<Small>,
    /// The open loop.
    pub tail: Option<Tail>,
    /// Memory.
    pub memory: Option<Memory>,
    /// Parts that were wanted and could not be measured, each with the reason.
    pub failures: Vec<String>,
    /// The bars of what was measured.
    pub bars: Vec<Bar>,
}

impl Document {
    /// Before anything was measured.
    pub(crate) fn new(cli: &Cli) -> Self {
        Self {
            commit: commit(),
            machine: Machine::observe(),
            quick: cli.quick,
            rounds: cli.rounds(),
            case_seconds: cli.case_time().as_secs_f64(),
            speed_factor: None,
            floor: None,
            allocations: None,
            capacity: None,
            small: Vec::new(),
            tail: None,
            memory: None,
            failures: Vec::new(),
            bars: Vec::new(),
        }
    }

    /// Whether everything that was wanted was measured, and nothing missed its bar.
    pub(crate) fn held(&self) -> bool {
        self.failures.is_empty() && self.bars.iter().all(Bar::held)
    }
}
