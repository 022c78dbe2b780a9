//! What runs cost the engine in processor time: the floor that everything else is measured against.

use std::{sync::Arc, time::Duration};

use common::Clock;
use fastrand::Rng;

/// Reads the thread's processor clock around the engine.
///
/// Reading it is a system call, a few per cent of a short run; so of short runs one in sixteen or so
/// is measured, and stands for those since the last. Which one is drawn by lot. It must not depend on
/// how runs went: after one that was preempted caches are cold, and measuring there would charge the
/// engine with more than it takes. Nor may it be every sixteenth: callers come in rounds, and it would
/// always be the same place in the turn.
pub struct Meter {
    clock: Arc<dyn Clock>,
    lots: Rng,
    /// Runs until the next that is measured, itself included.
    left: u32,
    unmeasured: u32,
    /// Of the last run that was measured; processor time, which no preemption lengthens.
    last_measured: Duration,
    counted: Duration,
}

/// Of short runs, one in so many is measured on average.
const MEASURED_ONE_IN: u32 = 16;
/// Runs that take this much processor time are measured always: there are fewer of them, and reading
/// the clock is no part of them worth naming.
const ALWAYS_MEASURED: Duration = Duration::from_micros(200);
/// Any will do; the same in every process, so that runs can be compared.
const SEED: u64 = 16;

impl Meter {
    /// A meter that has counted nothing.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            // The first is measured, so that the figure of a model with few callers is not zero.
            left: 1,
            lots: Rng::with_seed(SEED),
            unmeasured: 0,
            last_measured: Duration::ZERO,
            counted: Duration::ZERO,
        }
    }

    /// Runs the engine, and nothing but the engine: what `run` does is charged to it.
    pub fn around<T>(&mut self, run: impl FnOnce() -> T) -> T {
        self.unmeasured += 1;
        self.left = self.left.saturating_sub(1);
        if self.left > 0 && self.last_measured < ALWAYS_MEASURED {
            return run();
        }
        let before = self.clock.thread_cpu();
        let ran = run();
        self.last_measured = self.clock.thread_cpu().saturating_sub(before);
        self.counted += self.last_measured * std::mem::take(&mut self.unmeasured);
        self.left = next_sample_gap(&mut self.lots);
        ran
    }

    /// What was counted since this was last asked.
    pub(crate) fn take(&mut self) -> Duration {
        std::mem::take(&mut self.counted)
    }
}

fn next_sample_gap(lots: &mut Rng) -> u32 {
    lots.u32(1..2 * MEASURED_ONE_IN)
}

#[cfg(test)]
mod tests {
    use common::ManualClock;

    use super::*;

    /// What is counted for so many runs of this processor time.
    fn counted(runs: u32, cpu: Duration) -> Duration {
        let clock = Arc::new(ManualClock::new());
        let mut meter = Meter::new(Arc::clone(&clock) as Arc<dyn Clock>);
        (0..runs).for_each(|_| meter.around(|| clock.advance(cpu)));
        meter.take()
    }

    #[test]
    fn a_measured_run_stands_for_the_short_ones_before_it() {
        let us = Duration::from_micros;
        let all = us(80) * 10_000;
        let missed = all - counted(10_000, us(80));
        assert!(missed < us(80) * 2 * MEASURED_ONE_IN, "{missed:?}");
    }

    #[test]
    fn of_long_runs_all_are_measured_from_the_first_that_shows_it() {
        let ms = Duration::from_millis;
        assert_eq!(counted(100, ms(5)), ms(5) * 100);
    }

    #[test]
    fn no_place_in_a_round_of_sixteen_is_measured_more_often_than_the_others() {
        let clock = Arc::new(ManualClock::new());
        let mut meter = Meter::new(Arc::clone(&clock) as Arc<dyn Clock>);
        // The first of each round is slow, as behind other work; the mean is what must come out.
        let (slow, fast) = (Duration::from_micros(100), Duration::from_micros(70));
        let rounds = 20_000;
        for run in 0..rounds * MEASURED_ONE_IN {
            let cost = if run.is_multiple_of(MEASURED_ONE_IN) {
                slow
            } else {
                fast
            };
            meter.around(|| clock.advance(cost));
        }
        let all = (slow + fast * (MEASURED_ONE_IN - 1)) * rounds;
        let off = meter.take().as_secs_f64() / all.as_secs_f64() - 1.0;
        assert!(off.abs() < 0.01, "{off}");
    }
}
