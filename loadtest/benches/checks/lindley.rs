//! One server with a fixed service time: Lindley's recursion.

use std::time::Duration;

use loadtest::{Arrival, Hist};

/// The latencies that these arrivals meet, those due before `warmup` left out.
pub(crate) fn latencies(
    arrivals: impl Iterator<Item = Arrival>,
    service: Duration,
    warmup: Duration,
) -> Hist {
    let mut free_at = Duration::ZERO;
    let mut hist = Hist::default();
    for arrival in arrivals {
        free_at = free_at.max(arrival.due) + service;
        if arrival.due >= warmup {
            hist.record(free_at - arrival.due);
        }
    }
    hist
}
