//! Self-protection, live: `cargo bench -p gateway --bench self_protection` after `make build`.
//!
//! The release gateway with the drill engine (2 ms a request on each of two workers, so 1000
//! requests/s), driven by the release load test. Prints a row a figure and ends non-zero on a miss.
//!
//! * slow: at 80 % load the model turns five times slower for 30 s.
//! * overload: twice the capacity for 60 s, half of it sheddable; then half the capacity.

#[path = "self_protection/load.rs"]
mod load;
#[path = "self_protection/overload.rs"]
mod overload;
#[path = "self_protection/process.rs"]
mod process;
#[path = "self_protection/slow.rs"]
mod slow;

use std::process::ExitCode;

/// One figure against its bar.
pub struct Row {
    what: &'static str,
    measured: String,
    bar: String,
    held: bool,
}

impl Row {
    /// A figure that must not be below its bar.
    pub fn at_least(what: &'static str, measured: f64, bar: f64, unit: &str) -> Self {
        let held = measured >= bar;
        Self {
            what,
            measured: format!("{measured:.1} {unit}"),
            bar: format!("≥ {bar:.1} {unit}"),
            held,
        }
    }

    /// A figure that must not be above its bar.
    pub fn at_most(what: &'static str, measured: f64, bar: f64, unit: &str) -> Self {
        let held = measured <= bar;
        Self {
            what,
            measured: format!("{measured:.2} {unit}"),
            bar: format!("≤ {bar:.2} {unit}"),
            held,
        }
    }
}

fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|c| c == name);
    let mut rows = Vec::new();
    for (name, measure) in [
        ("slow", slow::measure as fn() -> anyhow::Result<Vec<Row>>),
        ("overload", overload::measure),
    ] {
        if !wanted(name) {
            continue;
        }
        eprintln!("measuring {name}");
        match measure() {
            Ok(more) => rows.extend(more),
            Err(error) => {
                eprintln!("self_protection: {name}: {error:#}");
                return ExitCode::FAILURE;
            }
        }
    }
    for Row {
        what,
        measured,
        bar,
        held,
    } in &rows
    {
        println!(
            "{what:<58} {measured:>16}  {bar:>14}  {}",
            if *held { "held" } else { "MISSED" }
        );
    }
    if rows.iter().all(|row| row.held) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
