//! The simulator: traffic with known faults, a clock that is only a number, and trials.
//!
//! Drives the very types the gateway runs (`Gate`, `Ticket`, `Breaker`), event by event: an outcome
//! is reported when the request completes, samples fall due between arrivals, and quiet periods
//! pass as fast as they can be skipped.

mod canary;
pub mod checks;
mod driver;
mod traffic;
mod trial;

pub use canary::{CanaryEnd, CanaryTrial};
pub use driver::{Arrival, Driver, Fate, Logged};
pub use traffic::{Bursts, Correlation, FaultSpan, Level, Shape, Traffic, TrafficSource};
pub use trial::{Detection, DetectionTrial, Recovery, false_trips, measure_detection, run};
