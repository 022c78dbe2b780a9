//! Allocations of a process, told to whoever asks on its standard input.

use std::io::{BufRead, Write};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process::Server;

/// Since the process started.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Blocks asked for.
    pub allocations: u64,
    /// Blocks asked to be larger or smaller.
    pub reallocations: u64,
}

/// Answers each line of the standard input with the counts of that moment, on a thread of its own.
pub fn answer_counts(counts: impl Fn() -> (usize, usize) + Send + 'static) -> Result<()> {
    let answer = move || -> Result<()> {
        for line in std::io::stdin().lock().lines() {
            line?;
            let (allocations, reallocations) = counts();
            let counts = Counts {
                allocations: allocations as u64,
                reallocations: reallocations as u64,
            };
            let mut out = std::io::stdout().lock();
            serde_json::to_writer(&mut out, &counts)?;
            writeln!(out)?;
            out.flush()?;
        }
        Ok(())
    };
    let thread = std::thread::Builder::new().name("counts".to_owned());
    thread.spawn(move || {
        if let Err(error) = answer() {
            eprintln!("counts: {error:#}");
        }
    })?;
    Ok(())
}

/// Asks such a process.
pub(crate) fn ask(server: &mut Server) -> Result<Counts> {
    writeln!(server.input()?)?;
    server.input()?.flush()?;
    serde_json::from_str(&server.next_line()?).context("the counts of bench-counted")
}
