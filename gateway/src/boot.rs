//! Starting and stopping the process, in order, with an exit status for each way it can fail.

mod check;
mod doctor;
mod drain;
mod established;
mod exit;
mod listeners;
mod malloc;
mod memory_watch;
mod running;
mod start;

pub use check::check;
pub use doctor::{Finding, doctor};
pub use exit::{Exit, end};
pub use running::Gateway;
pub use start::start;
