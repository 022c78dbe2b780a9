//! When a connection is overdue. Pure: time is passed in.

use std::time::Duration;

/// What a connection may take its time for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionTimeouts {
    /// The first byte, and from the first byte of each request on its head.
    pub(crate) header: Duration,
    /// Without a request, between two.
    pub(crate) keep_alive: Duration,
    /// Writing an answer, beyond what its size takes at [`SLOWEST_READER`].
    pub(crate) write: Duration,
}

/// Bytes a second that a client must take of an answer whose writing has begun to wait for it.
const SLOWEST_READER: u64 = 64 << 10;
/// actix-http answers a first head that is late by 408; what ends the connection comes after that.
const AFTER_THE_408: Duration = Duration::from_secs(1);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    /// It has not had a whole request yet, or a head has begun to arrive.
    Head,
    /// Between two requests.
    Idle,
    /// At least one request is being answered.
    Busy,
}

/// Why a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// It said nothing at all.
    Silent,
    /// The head of a request did not arrive.
    SlowHead,
    /// It was idle for as long as it may be.
    Idle,
    /// It does not take its answer.
    SlowReader,
    /// It sends frames that ask for nothing.
    Flood,
}

impl Overdue {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::Silent,
        Self::SlowHead,
        Self::Idle,
        Self::SlowReader,
        Self::Flood,
    ];

    /// The value of a metric's label.
    #[must_use]
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::SlowHead => "slow_head",
            Self::Idle => "idle",
            Self::SlowReader => "slow_reader",
            Self::Flood => "flood",
        }
    }
}

/// A write that waits for the client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocked {
    /// For how long some part of the answer has waited.
    pub(super) for_time: Duration,
    /// What the client has taken meanwhile.
    pub(super) taken_bytes: u64,
}

impl ConnectionTimeouts {
    /// Whether a connection that has been at `activity` for `for_time` is to be ended. In a crowd, an
    /// idle connection gets no longer than a head.
    pub(super) fn overdue(
        &self,
        activity: Activity,
        for_time: Duration,
        blocked: Option<Blocked>,
        crowded: bool,
    ) -> Option<Overdue> {
        if let Some(blocked) = blocked {
            let by_size = Duration::from_secs(blocked.taken_bytes / SLOWEST_READER);
            if blocked.for_time >= self.write + by_size {
                return Some(Overdue::SlowReader);
            }
            return None;
        }
        let idle = match crowded {
            true => self.keep_alive.min(self.header),
            false => self.keep_alive,
        };
        match activity {
            Activity::Head if for_time >= self.header + AFTER_THE_408 => Some(Overdue::SlowHead),
            Activity::Idle if for_time >= idle => Some(Overdue::Idle),
            Activity::Head | Activity::Idle | Activity::Busy => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: ConnectionTimeouts = ConnectionTimeouts {
        header: Duration::from_secs(5),
        keep_alive: Duration::from_secs(75),
        write: Duration::from_secs(10),
    };

    fn after(activity: Activity, seconds: u64) -> Option<Overdue> {
        T.overdue(activity, Duration::from_secs(seconds), None, false)
    }

    #[test]
    fn every_phase_without_a_request_has_an_end() {
        assert_eq!(after(Activity::Head, 5), None);
        assert_eq!(after(Activity::Head, 6), Some(Overdue::SlowHead));
        assert_eq!(after(Activity::Idle, 74), None);
        assert_eq!(after(Activity::Idle, 75), Some(Overdue::Idle));
        assert_eq!(after(Activity::Busy, 100_000), None);
    }

    #[test]
    fn in_a_crowd_idle_connections_leave_early() {
        let idle = |seconds| T.overdue(Activity::Idle, Duration::from_secs(seconds), None, true);
        assert_eq!(idle(4), None);
        assert_eq!(idle(5), Some(Overdue::Idle));
    }

    #[test]
    fn a_reader_gets_time_for_what_it_takes_and_no_more() {
        let reading = |seconds, taken_bytes| {
            let for_time = Duration::from_secs(seconds);
            let blocked = Blocked {
                for_time,
                taken_bytes,
            };
            T.overdue(Activity::Idle, for_time, Some(blocked), true)
        };
        assert_eq!(reading(9, 0), None);
        assert_eq!(reading(10, 0), Some(Overdue::SlowReader));
        assert_eq!(reading(100, 64 << 20), None);
        assert_eq!(reading(1034, 64 << 20), Some(Overdue::SlowReader));
    }
}
