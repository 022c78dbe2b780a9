//! An open-loop HTTP load generator whose numbers can be trusted.
//!
//! ```text
//!  schedule ──► pacing thread ──► queue ──► connection threads ──► server
//!  (seeded,     (sleeps until     (bounded)  (hyper, one event        │
//!   pure)        each is due)                 loop each)              │
//!                                                  │  samples  ◄──────┘
//!                                                  ▼
//!                                     recording ──► validity ──► thresholds ──► report
//! ```
//!
//! Owns schedules, workloads, recording, judging and reports. Never knows how the server works:
//! it speaks HTTP like any stranger. Latency counts from the scheduled time, so that a stalled
//! server cannot hide behind a generator that waits for it (coordinated omission); a run that
//! the generator itself spoilt is INVALID before any threshold is looked at.

pub mod cli;
mod client;
mod clock;
mod compare;
mod engine;
mod exit;
mod live;
mod metrics;
mod pacing;
mod record;
mod report;
mod run;
mod schedule;
mod search;
mod threshold;
mod units;
mod validity;
mod workers;
mod workload;

pub use metrics::{Series, fetch as fetch_metrics};
pub use record::{Hist, Quantiles};
pub use report::{Machine, Report, commit};
pub use run::Load;
pub use schedule::{Arrival, Schedule, ScheduleSpec};
