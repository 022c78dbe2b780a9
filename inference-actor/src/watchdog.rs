//! Looks after runs that take too long, from a thread of its own.
//!
//! ```text
//!  begin ── stall_after ──► stalled ── deadline ──► terminated ── hang_grace ──► hung
//! ```
//!
//! A stalled run keeps further requests away from its actor. At its deadline nobody waits for it
//! any more and the engine is told to end it. A run that goes on for `hang_grace` after that is
//! hung: whoever owns the thread is told once. The thread sleeps until something is due, a tenth of a
//! second at most; a run wakes it only if it is due earlier than all that was known.
//!
//! A process may be paused (a stopped container, a suspended machine, a virtual CPU taken away). Then
//! runs have not taken long: they have not run. The thread notices by its own sleep that lasted far
//! longer than it asked for, and gives every run of that time the gap again ([`pause`]).

mod pause;

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use common::Clock;

use self::pause::{Pause, Sleep};
use crate::{gauge::Gauge, messages::ActorId, runner::Stopper};

/// When the watchdog acts.
#[derive(Debug, Clone, Copy)]
pub struct WatchdogTimeouts {
    /// A run that has taken this long, and far longer than usual, stalls its actor.
    pub stall_after: Duration,
    /// How long a run may go on after it was told to end.
    pub hang_grace: Duration,
}

/// A run that does not end.
#[derive(Debug, Clone)]
pub struct Hung {
    /// Whose run it is.
    pub actor: ActorId,
    /// Which of the actors that took this place in turn.
    pub incarnation: u64,
}

/// Takes the news of a hung run; false if it cannot now and is to be told again.
pub type OnHung = Box<dyn Fn(Hung) -> bool + Send>;

/// A run is overdue when it has taken the time of so many usual ones.
const OVERDUE_RUNS: u32 = 10;
/// How soon news is told again that could not be taken.
const TELL_AGAIN: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    InTime,
    Stalled,
    Terminated,
    Reported,
}

/// What is to be done about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Stall,
    Terminate,
    Report,
}

/// One run in progress: pure, the clock is passed in.
#[derive(Debug, Clone, Copy)]
struct Running {
    began: Instant,
    stage: Stage,
    stall_at: Instant,
    deadline: Instant,
    give_up_at: Instant,
}

impl Running {
    fn new(now: Instant, deadline: Instant, timeouts: WatchdogTimeouts) -> Self {
        // A run is never cut in the moment it starts, however late it started.
        let deadline = deadline.max(now);
        Self {
            began: now,
            stage: Stage::InTime,
            stall_at: (now + timeouts.stall_after).min(deadline),
            deadline,
            give_up_at: deadline + timeouts.hang_grace,
        }
    }

    /// Gives the run the time again that nothing ran in, if it had begun before.
    fn excuse(&mut self, pause: Pause) {
        if self.began <= pause.from {
            self.stall_at += pause.length;
            self.deadline += pause.length;
            self.give_up_at += pause.length;
        }
    }

    fn due_at(&self) -> Option<Instant> {
        match self.stage {
            Stage::InTime => Some(self.stall_at),
            Stage::Stalled => Some(self.deadline),
            Stage::Terminated => Some(self.give_up_at),
            Stage::Reported => None,
        }
    }

    /// The next step, if its time has come.
    fn step(&mut self, now: Instant) -> Option<Step> {
        let (stage, step) = match self.stage {
            Stage::InTime => (Stage::Stalled, Step::Stall),
            Stage::Stalled => (Stage::Terminated, Step::Terminate),
            Stage::Terminated => (Stage::Reported, Step::Report),
            Stage::Reported => return None,
        };
        if self.due_at()? > now {
            return None;
        }
        self.stage = stage;
        Some(step)
    }
}

#[derive(Default)]
struct Present {
    run: Option<Running>,
    stopper: Option<Stopper>,
}

/// One actor under watch. Its lock is what keeps a late termination from ending the next run:
/// the engine is told to stop only while the lock is held and the run is registered.
pub struct Watch {
    actor: ActorId,
    incarnation: u64,
    gauge: Arc<Gauge>,
    present: Mutex<Present>,
    shared: Arc<Shared>,
}

impl Watch {
    /// Runs from now on are stopped by this; none while there is no session.
    pub(crate) fn set_stopper(&self, stopper: Option<Stopper>) {
        self.lock().stopper = stopper;
    }

    /// A run begins.
    pub(crate) fn begin(&self, now: Instant, deadline: Instant) {
        let (_, typical) = self.gauge.typical_run();
        let timeouts = WatchdogTimeouts {
            stall_after: self.shared.timeouts.stall_after.max(typical * OVERDUE_RUNS),
            ..self.shared.timeouts
        };
        let run = Running::new(now, deadline, timeouts);
        self.lock().run = Some(run);
        self.shared.wake_by(run.stall_at);
    }

    /// The run has ended. True if the engine was told to stop it, whether or not that was in time.
    pub(crate) fn end(&self) -> bool {
        let run = self.lock().run.take();
        let stage = run.map_or(Stage::InTime, |run| run.stage);
        if stage != Stage::InTime {
            self.gauge.set_stalled(false);
        }
        matches!(stage, Stage::Terminated | Stage::Reported)
    }

    /// Does what is due; gives when to look again.
    fn look(&self, now: Instant, pause: Option<Pause>, on_hung: &OnHung) -> Option<Instant> {
        let mut present = self.lock();
        let stopper = present.stopper.clone();
        let run = present.run.as_mut()?;
        if let Some(pause) = pause {
            run.excuse(pause);
        }
        while let Some(step) = run.step(now) {
            match step {
                Step::Stall => self.gauge.set_stalled(true),
                Step::Terminate => {
                    if let Some(stop) = &stopper {
                        stop();
                    }
                }
                Step::Report => {
                    let hung = Hung {
                        actor: self.actor.clone(),
                        incarnation: self.incarnation,
                    };
                    if !on_hung(hung) {
                        run.stage = Stage::Terminated;
                        run.give_up_at = now + TELL_AGAIN;
                    }
                }
            }
        }
        run.due_at()
    }

    fn lock(&self) -> MutexGuard<'_, Present> {
        // Nothing that holds this lock can leave the data half changed.
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Registry {
    watches: Vec<Weak<Watch>>,
    woken: bool,
    stopped: bool,
}

struct Shared {
    timeouts: WatchdogTimeouts,
    epoch: Instant,
    /// When the thread will look next, in nanoseconds since the epoch; `u64::MAX` for never.
    planned: AtomicU64,
    registry: Mutex<Registry>,
    wake: Condvar,
}

impl Shared {
    fn since_epoch(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.epoch).as_nanos();
        // `u64::MAX` means never; 500 years do not come near it.
        u64::try_from(nanos).unwrap_or(u64::MAX - 1)
    }

    /// Makes sure that the thread looks at `at` at the latest.
    fn wake_by(&self, at: Instant) {
        // The caller has registered its run before this load, and the thread stores "never" before
        // it scans. Either the scan sees the run, or this load sees "never" or the plan that
        // followed it; both orders are given by the lock of the run's watch.
        if self.since_epoch(at) < self.planned.load(Ordering::Acquire) {
            self.lock().woken = true;
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The watchdog's handle; its thread ends when this is dropped.
pub struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts the thread.
    pub fn start(
        timeouts: WatchdogTimeouts,
        clock: Arc<dyn Clock>,
        on_hung: OnHung,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            timeouts,
            epoch: clock.now(),
            planned: AtomicU64::new(u64::MAX),
            registry: Mutex::new(Registry {
                watches: Vec::new(),
                woken: false,
                stopped: false,
            }),
            wake: Condvar::new(),
        });
        let watched = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || guard(&watched, &*clock, &on_hung))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Takes an actor under watch for as long as it keeps what it is given.
    #[must_use]
    pub fn watch(&self, actor: ActorId, incarnation: u64, gauge: Arc<Gauge>) -> Arc<Watch> {
        let watch = Arc::new(Watch {
            actor,
            incarnation,
            gauge,
            present: Mutex::default(),
            shared: Arc::clone(&self.shared),
        });
        let mut registry = self.shared.lock();
        registry.watches.retain(|known| known.strong_count() > 0);
        registry.watches.push(Arc::downgrade(&watch));
        watch
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A watchdog that panicked has nothing left to tell.
            let _ = thread.join();
        }
    }
}

fn guard(shared: &Shared, clock: &dyn Clock, on_hung: &OnHung) {
    let mut sleep = None::<Sleep>;
    loop {
        shared.planned.store(u64::MAX, Ordering::Release);
        let watches = {
            let mut registry = shared.lock();
            if registry.stopped {
                return;
            }
            registry.woken = false;
            registry.watches.clone()
        };
        let now = clock.now();
        let pause = sleep.and_then(|sleep| sleep.ended(now));
        if let Some(pause) = pause {
            let length = common::Span(pause.length);
            tracing::warn!(%length, "the process was paused; runs in progress get this time again");
        }
        let live = watches.iter().filter_map(Weak::upgrade);
        let next = live
            .filter_map(|watch| watch.look(now, pause, on_hung))
            .min();
        let planned = next.map_or(u64::MAX, |at| shared.since_epoch(at));
        shared.planned.store(planned, Ordering::Release);
        let registry = shared.lock();
        let idle = |registry: &mut Registry| !registry.woken && !registry.stopped;
        let begin = clock.now();
        let planned = Sleep::until(next, begin);
        sleep = Some(planned);
        // Whichever way the wait ends, the next round looks at everything.
        drop(
            shared
                .wake
                .wait_timeout_while(registry, planned.length(), idle),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use common::{ManualClock, SystemClock};
    use proptest::prelude::*;

    use super::*;

    const TIMEOUTS: WatchdogTimeouts = WatchdogTimeouts {
        stall_after: Duration::from_millis(100),
        hang_grace: Duration::from_secs(1),
    };

    #[test]
    fn a_run_stalls_then_is_terminated_at_its_deadline_then_is_hung() {
        let clock = ManualClock::new();
        let start = clock.now();
        let ms = |n| start + Duration::from_millis(n);
        let mut run = Running::new(start, ms(800), TIMEOUTS);
        assert_eq!((run.due_at(), run.step(ms(99))), (Some(ms(100)), None));
        assert_eq!(run.step(ms(100)), Some(Step::Stall));
        assert_eq!((run.due_at(), run.step(ms(799))), (Some(ms(800)), None));
        assert_eq!(run.step(ms(800)), Some(Step::Terminate));
        assert_eq!((run.due_at(), run.step(ms(1799))), (Some(ms(1800)), None));
        assert_eq!(run.step(ms(1800)), Some(Step::Report));
        assert_eq!((run.due_at(), run.step(ms(9999))), (None, None));
    }

    #[test]
    fn a_run_gets_the_time_of_a_pause_again_if_it_had_begun_before_it() {
        let clock = ManualClock::new();
        let start = clock.now();
        let ms = |n| start + Duration::from_millis(n);
        let mut before = Running::new(start, ms(800), TIMEOUTS);
        let pause = Pause {
            from: ms(50),
            length: Duration::from_secs(3),
        };
        before.excuse(pause);
        assert_eq!(before.step(ms(3099)), None);
        assert_eq!(before.step(ms(3100)), Some(Step::Stall));
        before.excuse(pause);
        assert_eq!(
            (before.step(ms(6799)), before.step(ms(6800))),
            (None, Some(Step::Terminate))
        );
        let mut after = Running::new(ms(3050), ms(3850), TIMEOUTS);
        after.excuse(pause);
        assert_eq!(after.step(ms(3150)), Some(Step::Stall));
    }

    #[test]
    fn a_watchdog_that_overslept_terminates_no_run_for_it() {
        let clock = Arc::new(ManualClock::new());
        let hang_up: OnHung = Box::new(|_| panic!("nothing hangs"));
        let watchdog = Watchdog::start(TIMEOUTS, clock.clone(), Box::new(|_| true)).unwrap();
        let watch = watchdog.watch(ActorId("a".into()), 0, Gauge::new());
        watch.set_stopper(Some(Arc::new(|| panic!("the run was in time"))));
        let began = clock.now();
        watch.begin(began, began + Duration::from_millis(800));
        clock.advance(Duration::from_secs(60));
        let pause = Pause {
            from: began,
            length: Duration::from_secs(60),
        };
        watch.look(clock.now(), Some(pause), &hang_up);
        assert!(!watch.end());
    }

    proptest! {
        /// However late the watchdog looks, each step comes once, in order, and none too early.
        #[test]
        fn steps_come_in_order_and_never_early(limit_ms in 0u64..3000, looks in proptest::collection::vec(0u64..500, 1..40)) {
            let clock = ManualClock::new();
            let start = clock.now();
            let deadline = start + Duration::from_millis(limit_ms);
            let mut run = Running::new(start, deadline, TIMEOUTS);
            let mut seen = Vec::new();
            for wait in looks {
                clock.advance(Duration::from_millis(wait));
                while let Some(step) = run.step(clock.now()) {
                    let earliest = match step {
                        Step::Stall => deadline.min(start + TIMEOUTS.stall_after),
                        Step::Terminate => deadline,
                        Step::Report => deadline + TIMEOUTS.hang_grace,
                    };
                    prop_assert!(clock.now() >= earliest);
                    seen.push(step);
                }
            }
            let all = [Step::Stall, Step::Terminate, Step::Report];
            prop_assert_eq!(&seen[..], &all[..seen.len()]);
        }
    }

    #[test]
    fn the_thread_stops_a_run_and_reports_the_one_that_goes_on() {
        let (told, hung) = sync_channel(1);
        let timeouts = WatchdogTimeouts {
            stall_after: Duration::from_millis(1),
            hang_grace: Duration::from_millis(1),
        };
        let on_hung: OnHung = Box::new(move |hung| told.try_send(hung).is_ok());
        let watchdog = Watchdog::start(timeouts, Arc::new(SystemClock), on_hung).unwrap();
        let gauge = Gauge::new();
        gauge.set_session(true, 0);
        let watch = watchdog.watch(ActorId("a".into()), 7, Arc::clone(&gauge));
        let (stopped, stop) = sync_channel(1);
        watch.set_stopper(Some(Arc::new(move || stopped.try_send(()).unwrap())));
        watch.begin(SystemClock.now(), SystemClock.now());
        stop.recv().unwrap();
        let hung = hung.recv().unwrap();
        assert_eq!((hung.actor.0.as_str(), hung.incarnation), ("a", 7));
        assert!(gauge.stalled());
        assert!(watch.end() && !gauge.stalled());
    }
}
