//! Who brings a failed actor back, and when: a pure state machine, one slot an actor.
//!
//! An actor that served well before it failed gets its next session after the shortest wait; one
//! that fails again at once waits twice as long each time, and after `park_after` failures in a row
//! it is parked until an operator acts. Waits are jittered so that actors that failed together do
//! not load together.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use inference_actor::ActorId;

/// When to try again, and when to stop trying.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The shortest wait before a new session.
    pub restart_delay: Duration,
    /// The longest.
    pub restart_delay_max: Duration,
    /// Successful runs after which a failure counts as the first again.
    pub healthy_runs: u64,
    /// Failures in a row that park an actor.
    pub park_after: u32,
}

/// What an actor's slot is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SlotState {
    /// A session is being loaded.
    Loading,
    /// It has a session.
    Serving,
    /// It failed and waits for its next session.
    Waiting {
        /// Until when.
        until: Instant,
    },
    /// It failed too often.
    Parked,
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) state: SlotState,
    pub(crate) failures_in_row: u32,
    pub(crate) panics: u64,
    pub(crate) load_failures: u64,
    pub(crate) last_cause: String,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Try again then.
    RetryAt(Instant),
    /// Give up until told otherwise.
    Park,
    /// The news is about a slot that does not exist or was already dealt with.
    Ignore,
}

/// All slots of the pool.
#[derive(Debug)]
pub(crate) struct Supervisor {
    policy: Policy,
    slots: BTreeMap<ActorId, Slot>,
}

impl Supervisor {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            slots: BTreeMap::new(),
        }
    }

    /// A new actor whose first session is being loaded.
    pub(crate) fn add(&mut self, id: ActorId) {
        let slot = Slot {
            state: SlotState::Loading,
            failures_in_row: 0,
            panics: 0,
            load_failures: 0,
            last_cause: String::new(),
        };
        self.slots.insert(id, slot);
    }

    /// An actor that was let go.
    pub(crate) fn remove(&mut self, id: &ActorId) {
        self.slots.remove(id);
    }

    pub(crate) fn slot(&self, id: &ActorId) -> Option<&Slot> {
        self.slots.get(id)
    }

    /// The session asked for is in place.
    pub(crate) fn become_serving(&mut self, id: &ActorId) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.state = SlotState::Serving;
        }
    }

    /// An actor's engine panicked after so many good runs. `jitter` is in 0…1.
    pub(crate) fn panicked(
        &mut self,
        id: &ActorId,
        cause: String,
        good_runs: u64,
        now: Instant,
        jitter: f64,
    ) -> Verdict {
        let healthy = self.policy.healthy_runs;
        let Some(slot) = self
            .slots
            .get_mut(id)
            .filter(|s| s.state == SlotState::Serving)
        else {
            return Verdict::Ignore;
        };
        slot.panics += 1;
        if good_runs >= healthy {
            slot.failures_in_row = 0;
        }
        self.failed(id, cause, now, jitter)
    }

    /// A session could not be loaded.
    pub(crate) fn load_failed(
        &mut self,
        id: &ActorId,
        cause: String,
        now: Instant,
        jitter: f64,
    ) -> Verdict {
        let Some(slot) = self
            .slots
            .get_mut(id)
            .filter(|s| s.state == SlotState::Loading)
        else {
            return Verdict::Ignore;
        };
        slot.load_failures += 1;
        self.failed(id, cause, now, jitter)
    }

    /// The actors whose wait is over; they count as loading from now on.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<ActorId> {
        let over = |slot: &Slot| matches!(slot.state, SlotState::Waiting { until } if until <= now);
        let due = self.slots.iter_mut().filter(|(_, slot)| over(slot));
        due.map(|(id, slot)| {
            slot.state = SlotState::Loading;
            id.clone()
        })
        .collect()
    }

    fn failed(&mut self, id: &ActorId, cause: String, now: Instant, jitter: f64) -> Verdict {
        let Policy {
            restart_delay,
            restart_delay_max,
            park_after,
            ..
        } = self.policy;
        let Some(slot) = self.slots.get_mut(id) else {
            return Verdict::Ignore;
        };
        slot.failures_in_row += 1;
        slot.last_cause = cause;
        if slot.failures_in_row >= park_after {
            slot.state = SlotState::Parked;
            return Verdict::Park;
        }
        let doublings = (slot.failures_in_row - 1).min(20);
        let wait = restart_delay
            .saturating_mul(1 << doublings)
            .min(restart_delay_max);
        // 80 to 120 %: enough to part actors that failed together.
        let until = now + wait.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
        slot.state = SlotState::Waiting { until };
        Verdict::RetryAt(until)
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};
    use proptest::prelude::*;

    use super::*;

    fn supervisor() -> (Supervisor, ActorId, ManualClock) {
        let policy = Policy {
            restart_delay: Duration::from_millis(20),
            restart_delay_max: Duration::from_secs(10),
            healthy_runs: 10,
            park_after: 8,
        };
        let mut supervisor = Supervisor::new(policy);
        let id = ActorId("m/1/0".into());
        supervisor.add(id.clone());
        supervisor.become_serving(&id);
        (supervisor, id, ManualClock::new())
    }

    #[test]
    fn an_actor_that_served_well_is_back_within_a_second_however_often_it_fails() {
        let (mut supervisor, id, clock) = supervisor();
        for _ in 0..1000 {
            let verdict = supervisor.panicked(&id, "boom".into(), 49, clock.now(), 1.0);
            let Verdict::RetryAt(at) = verdict else {
                panic!("{verdict:?}")
            };
            assert!(at - clock.now() < Duration::from_secs(1));
            clock.advance(at - clock.now());
            assert_eq!(supervisor.due(clock.now()), std::slice::from_ref(&id));
            supervisor.become_serving(&id);
        }
        assert_eq!(supervisor.slot(&id).unwrap().panics, 1000);
    }

    #[test]
    fn waits_double_and_end_in_parking() {
        let (mut supervisor, id, clock) = supervisor();
        let mut waits = Vec::new();
        supervisor.panicked(&id, "boom".into(), 0, clock.now(), 0.5);
        loop {
            clock.advance(Duration::from_secs(20));
            supervisor.due(clock.now());
            match supervisor.load_failed(&id, "no file".into(), clock.now(), 0.5) {
                Verdict::RetryAt(at) => waits.push((at - clock.now()).as_millis()),
                Verdict::Park => break,
                Verdict::Ignore => panic!(),
            }
        }
        assert_eq!(waits, [40, 80, 160, 320, 640, 1280]);
        assert_eq!(supervisor.slot(&id).unwrap().state, SlotState::Parked);
        assert!(
            supervisor
                .due(clock.now() + Duration::from_secs(3600))
                .is_empty()
        );
    }

    #[test]
    fn news_about_what_was_dealt_with_changes_nothing() {
        let (mut supervisor, id, clock) = supervisor();
        assert_eq!(
            supervisor.load_failed(&id, "late".into(), clock.now(), 0.0),
            Verdict::Ignore
        );
        supervisor.panicked(&id, "boom".into(), 0, clock.now(), 0.0);
        assert_eq!(
            supervisor.panicked(&id, "again".into(), 0, clock.now(), 0.0),
            Verdict::Ignore
        );
        let stranger = ActorId("x".into());
        assert_eq!(
            supervisor.panicked(&stranger, "boom".into(), 0, clock.now(), 0.0),
            Verdict::Ignore
        );
    }

    proptest! {
        /// Whatever happens, an actor is serving, loading, waiting for a time that comes, or parked.
        #[test]
        fn no_actor_is_left_without_an_owner(events in proptest::collection::vec((0u8..4, 0u64..30, 0.0f64..1.0), 0..200)) {
            let (mut supervisor, id, clock) = supervisor();
            for (event, amount, jitter) in events {
                match event {
                    0 => { supervisor.panicked(&id, "p".into(), amount, clock.now(), jitter); }
                    1 => { supervisor.load_failed(&id, "l".into(), clock.now(), jitter); }
                    2 => if supervisor.slot(&id).unwrap().state == SlotState::Loading { supervisor.become_serving(&id); },
                    _ => { clock.advance(Duration::from_millis(amount * 100)); supervisor.due(clock.now()); }
                }
                if let SlotState::Waiting { until } = supervisor.slot(&id).unwrap().state {
                    prop_assert!(until <= clock.now() + Duration::from_secs(12));
                    let mut later = clock.now() + Duration::from_secs(12);
                    prop_assert_eq!(supervisor.due(later).len(), 1);
                    later += Duration::from_secs(1);
                    prop_assert!(supervisor.due(later).is_empty());
                }
            }
        }
    }
}
