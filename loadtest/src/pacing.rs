//! Hands out each request at its due time, from a thread of its own.
//!
//! Asynchronous timers tick once a millisecond, a tenth of the latency that is to be measured, so
//! the schedule is kept by a thread that sleeps with nanosecond timers. The next request is made
//! ready before the wait, not after it. A request that is late is sent at once and never left
//! out: its lateness counts as latency and shows as send lag.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crate::schedule::Arrival;

/// A stop request must be noticed within this time, however far off the next request is.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// Traffic is dense below this mean gap, from 12 500 requests/s on.
const DENSE: Duration = Duration::from_micros(80);
/// In dense traffic wake-ups are this far apart: a hundredth of an 11 ms objective.
const GATHER: Duration = Duration::from_micros(100);

/// Time as the pacing thread sees it.
pub(crate) trait Time {
    /// Time since the start of the run.
    fn now(&self) -> Duration;
    /// Sleeps about that long.
    fn sleep(&self, duration: Duration);
}

/// What the pacing thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Send,
    Sleep(Duration),
    Spin,
}

/// How close to the due time sleeping ends and spinning begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacer {
    /// Zero leaves the processor to others and trusts the kernel's timers.
    pub spin: Duration,
}

impl Pacer {
    fn step(self, now: Duration, due: Duration) -> Step {
        let left = due.saturating_sub(now);
        if left.is_zero() {
            Step::Send
        } else if left <= self.spin {
            Step::Spin
        } else {
            Step::Sleep((left - self.spin).min(LONGEST_SLEEP))
        }
    }

    /// Works through `arrivals`: `prepare` each ahead of its due time, `deliver` it when due.
    /// Ends with the schedule or at `stop`; true if the whole schedule was handed out.
    pub(crate) fn run<J>(
        self,
        arrivals: impl Iterator<Item = Arrival>,
        time: &impl Time,
        stop: &AtomicBool,
        mut prepare: impl FnMut(Arrival) -> J,
        mut deliver: impl FnMut(Arrival, J),
    ) -> bool {
        let mut rhythm = Rhythm::default();
        for arrival in arrivals {
            let job = prepare(arrival);
            let wake = rhythm.wake_for(arrival.due);
            let mut has_waited = false;
            loop {
                // Relaxed: the flag guards no other data, and a turn later is soon enough.
                if stop.load(Ordering::Relaxed) {
                    return false;
                }
                match self.step(time.now(), wake) {
                    Step::Send => break,
                    Step::Sleep(duration) => time.sleep(duration),
                    Step::Spin => std::hint::spin_loop(),
                }
                has_waited = true;
            }
            if has_waited {
                rhythm.last_wake = time.now();
            }
            deliver(arrival, job);
        }
        true
    }
}

/// Gathers requests that are due close together into one wake-up, where there are so many that
/// waking for each would cost more processor than sending it.
#[derive(Debug, Default)]
struct Rhythm {
    last_due: Duration,
    mean_gap_s: Option<f64>,
    last_wake: Duration,
}

impl Rhythm {
    /// When to wake for a request: at its due time or, in dense traffic, up to [`GATHER`] later.
    fn wake_for(&mut self, due: Duration) -> Duration {
        let gap = due.saturating_sub(self.last_due).as_secs_f64();
        self.last_due = due;
        // Dense traffic must be seen to be dense for some twenty requests.
        let mean = self
            .mean_gap_s
            .map_or(gap.max(GATHER.as_secs_f64()), |m| m + (gap - m) / 20.0);
        self.mean_gap_s = Some(mean);
        // What was due by the last wake-up goes out with it.
        if mean < DENSE.as_secs_f64() && due > self.last_wake {
            due.max(self.last_wake + GATHER)
        } else {
            due
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const US: Duration = Duration::from_micros(1);

    /// Each look at the clock costs a microsecond, each sleep overshoots by `overshoot`.
    struct FakeTime {
        now: Cell<Duration>,
        overshoot: Duration,
        sleeps: Cell<u32>,
    }

    impl FakeTime {
        fn new(overshoot: Duration) -> Self {
            Self {
                now: Cell::default(),
                overshoot,
                sleeps: Cell::default(),
            }
        }
    }

    impl Time for FakeTime {
        fn now(&self) -> Duration {
            self.now.set(self.now.get() + US);
            self.now.get()
        }

        fn sleep(&self, duration: Duration) {
            self.sleeps.set(self.sleeps.get() + 1);
            self.now.set(self.now.get() + duration + self.overshoot);
        }
    }

    fn arrivals(due_us: &[u32]) -> Vec<Arrival> {
        let arrival = |(index, &due): (usize, &u32)| Arrival {
            index: index as u64,
            due: due * US,
        };
        due_us.iter().enumerate().map(arrival).collect()
    }

    fn sent_at(pacer: Pacer, time: &FakeTime, due_us: &[u32]) -> Vec<Duration> {
        let mut sent = Vec::new();
        let stop = AtomicBool::new(false);
        let whole = pacer.run(
            arrivals(due_us).into_iter(),
            time,
            &stop,
            |_| (),
            |_, ()| {
                sent.push(time.now.get());
            },
        );
        assert!(whole);
        sent
    }

    #[test]
    fn nothing_is_sent_early_and_spinning_absorbs_the_timers_overshoot() {
        let time = FakeTime::new(30 * US);
        let due = [500, 700, 2_000, 300_000];
        for (sent, due) in sent_at(Pacer { spin: 50 * US }, &time, &due)
            .iter()
            .zip(due)
        {
            assert!(
                *sent >= due * US && *sent <= (due + 2) * US,
                "due {due}, sent {sent:?}"
            );
        }
    }

    #[test]
    fn without_spinning_lateness_is_the_overshoot_of_one_sleep() {
        let time = FakeTime::new(30 * US);
        let due = [500, 700, 2_000];
        for (sent, due) in sent_at(
            Pacer {
                spin: Duration::ZERO,
            },
            &time,
            &due,
        )
        .iter()
        .zip(due)
        {
            assert!(
                *sent >= due * US && *sent <= (due + 32) * US,
                "due {due}, sent {sent:?}"
            );
        }
    }

    #[test]
    fn late_requests_are_sent_at_once_and_none_is_left_out() {
        let time = FakeTime::new(10_000 * US);
        let due = [100, 200, 300, 400];
        let sent = sent_at(
            Pacer {
                spin: Duration::ZERO,
            },
            &time,
            &due,
        );
        assert_eq!(sent.len(), 4);
        assert!(
            sent[3] - sent[0] < 10 * US,
            "the backlog was paced out again: {sent:?}"
        );
    }

    #[test]
    fn dense_traffic_is_gathered_into_few_wake_ups_and_little_lateness() {
        let time = FakeTime::new(5 * US);
        let due: Vec<u32> = (0..2_000).map(|k| 1_000 + k * 20).collect();
        let sent = sent_at(
            Pacer {
                spin: Duration::ZERO,
            },
            &time,
            &due,
        );
        for (sent, due) in sent.iter().zip(&due) {
            assert!(
                *sent >= *due * US && *sent <= (due + 110) * US,
                "due {due}, sent {sent:?}"
            );
        }
        assert!(
            time.sleeps.get() < 600,
            "{} sleeps for 2000 requests",
            time.sleeps.get()
        );
    }

    #[test]
    fn a_stop_is_noticed_in_the_middle_of_a_long_wait() {
        let time = FakeTime::new(Duration::ZERO);
        let stop = AtomicBool::new(false);
        let due = [0, 3_600_000_000];
        let whole = Pacer {
            spin: Duration::ZERO,
        }
        .run(
            arrivals(&due).into_iter(),
            &time,
            &stop,
            |_| (),
            |_, ()| stop.store(true, Ordering::Relaxed),
        );
        assert!(!whole);
        assert!(time.now.get() < Duration::from_secs(1));
    }
}
