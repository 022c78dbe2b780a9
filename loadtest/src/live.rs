//! What a run shows while it goes on: a panel in a terminal, plain lines elsewhere.
//!
//! Connection threads post to the [`Board`] four times a second; the view reads it once a second.
//! Neither waits for the other for longer than a copy.

mod view;

use std::sync::Mutex;

use crate::record::{Hist, Recording};

pub(crate) use view::{View, ViewOptions};

#[derive(Debug, Default)]
struct Seat {
    sent: u64,
    answered: u64,
    failed: u64,
    recent: Hist,
}

/// Counts from every connection thread.
#[derive(Debug, Default)]
pub(crate) struct Board {
    seats: Mutex<Vec<Seat>>,
}

/// The counts of all threads together.
#[derive(Debug, Default)]
pub(crate) struct Glance {
    /// Requests ended, whichever way, in the measured window.
    pub sent: u64,
    /// Answers.
    pub answered: u64,
    /// Failures.
    pub failed: u64,
    /// Latency of what ended since the last glance.
    pub recent: Hist,
}

impl Board {
    /// A place for one more thread.
    pub(crate) fn seat(&self) -> usize {
        let mut seats = self
            .seats
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        seats.push(Seat::default());
        seats.len() - 1
    }

    /// Posts a thread's counts.
    pub(crate) fn post(&self, seat: usize, so_far: &Recording, recent: Hist) {
        let mut seats = self
            .seats
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(seat) = seats.get_mut(seat) {
            seat.sent = so_far.sent;
            seat.answered = so_far.answered();
            seat.failed = so_far.failed();
            seat.recent.merge(&recent);
        }
    }

    /// Reads all counts and takes the recent latencies.
    pub(crate) fn glance(&self) -> Glance {
        let mut seats = self
            .seats
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        seats.iter_mut().fold(Glance::default(), |mut sum, seat| {
            sum.sent += seat.sent;
            sum.answered += seat.answered;
            sum.failed += seat.failed;
            sum.recent.merge(&std::mem::take(&mut seat.recent));
            sum
        })
    }
}
