//! How a stub behaves.

use std::time::Duration;

/// When answers come, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Time that one server needs per request, first come first served; zero answers at once.
    pub service: Duration,
    /// How long the whole process stands still, accepting nothing.
    pub stall: Duration,
    /// From one stall's start to the next; zero never stalls.
    pub stall_every: Duration,
    /// Status of every `fail_every`-th answer.
    pub fail_status: u16,
    /// 0 never fails.
    pub fail_every: u64,
    /// Length of the answer's body.
    pub body_bytes: usize,
    /// Never answers.
    pub is_silent: bool,
    /// Closes each HTTP/1.1 connection after one answer.
    pub closes: bool,
}

impl Default for Behaviour {
    /// Answers 200 at once with a short body.
    fn default() -> Self {
        Self {
            service: Duration::ZERO,
            stall: Duration::ZERO,
            stall_every: Duration::ZERO,
            fail_status: 503,
            fail_every: 0,
            body_bytes: 2,
            is_silent: false,
            closes: false,
        }
    }
}

impl Behaviour {
    /// One server with a fixed service time.
    pub fn single_server(service: Duration) -> Self {
        Self {
            service,
            ..Self::default()
        }
    }

    /// Stands still for `stall` every `every`.
    pub fn stalling(stall: Duration, every: Duration) -> Self {
        Self {
            stall,
            stall_every: every,
            ..Self::default()
        }
    }
}
