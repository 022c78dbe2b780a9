//! Starting and stopping the process, in order, with an exit status for each way it can fail.

mod check;
mod descriptors;
mod doctor;
mod drain;
mod established;
mod exit;
mod listeners;
mod malloc;
mod memory_watch;
mod port;
mod running;
mod signals;
mod start;
mod try_line;
mod worker_end;

pub use check::{Checked, check};
pub use doctor::{Finding, doctor};
pub use exit::{Exit, end};
pub use running::Gateway;
pub use signals::StopSignals;
pub use start::start;
