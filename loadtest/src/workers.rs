//! Load from several machines: one schedule split among workers, started together, their
//! histograms merged.
//!
//! ```text
//!  coordinator                          worker
//!    Prepare(plan, part i of n)  ──►      connects to the target
//!    Ready                       ◄──
//!    Start in x                  ──►      schedule's zero = now + x
//!    Alive                       ◄──      once a second
//!    Done(recording) or Failed   ◄──
//! ```
//!
//! One line of JSON per message over TCP. Each worker draws the whole schedule from its seed and
//! sends every n-th request of it, so that all of them together send exactly that schedule.

mod coordinator;
mod worker;

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{record::Recording, run::RunPlan};

pub(crate) use coordinator::{WorkersError, run_on_workers};
pub(crate) use worker::serve;

/// A message longer than this is a fault: a day's recording is some 100 MB.
const MAX_LINE: u64 = 512 << 20;

/// What a coordinator says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    Prepare(Box<RunPlan>),
    Start { in_s: f64 },
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Ready,
    Alive,
    Done {
        recording: Box<Recording>,
        cpu_s: f64,
        wall_s: f64,
    },
    Failed {
        why: String,
    },
}

fn write_line(to: &mut impl Write, message: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

fn read_line<T: DeserializeOwned>(from: &mut impl BufRead) -> std::io::Result<T> {
    let mut line = Vec::new();
    std::io::Read::take(from, MAX_LINE).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&line)?)
}
