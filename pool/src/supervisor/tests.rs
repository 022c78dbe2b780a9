use std::collections::BTreeSet;

use common::{Clock, ManualClock};
use proptest::prelude::*;

use super::*;

fn policy() -> Policy {
    Policy {
        restart_delay: Duration::from_millis(20),
        restart_delay_max: Duration::from_secs(10),
        healthy_runs: 10,
        park_after: 8,
    }
}

fn one() -> (Supervisor, ActorId, ManualClock) {
    let mut supervisor = Supervisor::new(policy());
    let id = ActorId("m-1-w0".into());
    supervisor.add(id.clone());
    (supervisor, id, ManualClock::new())
}

fn failure(clock: &ManualClock, jitter: f64) -> Failure {
    Failure {
        cause: "boom".into(),
        now: clock.now(),
        jitter,
    }
}

fn wake(effects: &[Effect]) -> Option<Instant> {
    effects.iter().find_map(|effect| match effect {
        Effect::WakeAt(at) => Some(*at),
        _ => None,
    })
}

#[test]
fn an_actor_that_served_well_is_back_within_a_second_however_often_it_fails() {
    let (mut supervisor, id, clock) = one();
    for _ in 0..1000 {
        let effects = supervisor.panicked(&id, 0, 49, failure(&clock, 1.0));
        let at = wake(&effects).expect("it is tried again");
        assert!(at - clock.now() < Duration::from_secs(1));
        clock.advance(at - clock.now());
        let due = supervisor.due(clock.now());
        assert_eq!(due, [(id.clone(), Effect::Load { incarnation: 0 })]);
        supervisor.loaded(&id, 0);
    }
    assert_eq!(supervisor.slot(&id).unwrap().counts.panics, 1000);
}

#[test]
fn waits_double_and_end_in_parking() {
    let (mut supervisor, id, clock) = one();
    let mut waits = Vec::new();
    supervisor.panicked(&id, 0, 0, failure(&clock, 0.5));
    loop {
        clock.advance(Duration::from_secs(20));
        supervisor.due(clock.now());
        let effects = supervisor.load_failed(&id, 0, failure(&clock, 0.5));
        match wake(&effects) {
            Some(at) => waits.push((at - clock.now()).as_millis()),
            None => {
                assert!(matches!(effects[1], Effect::Release { .. }), "{effects:?}");
                break;
            }
        }
    }
    assert_eq!(waits, [40, 80, 160, 320, 640, 1280]);
    assert_eq!(supervisor.slot(&id).unwrap().label(), "parked");
    let hour = Duration::from_secs(3600);
    assert!(supervisor.due(clock.now() + hour).is_empty());
    assert!(supervisor.command(&id, Command::Resume).is_ok());
    supervisor.loaded(&id, 0);
    assert!(supervisor.slot(&id).unwrap().takes_requests());
}

#[test]
fn a_hung_actor_is_replaced_and_its_late_news_is_not_taken_for_the_new_ones() {
    let (mut supervisor, id, clock) = one();
    let effects = supervisor.hung(&id, 0, 100, failure(&clock, 0.0));
    assert_eq!(effects[0], Effect::Replace { incarnation: 1 });
    assert!(wake(&effects).is_some());
    assert!(
        supervisor
            .panicked(&id, 0, 0, failure(&clock, 0.0))
            .is_empty()
    );
    assert!(supervisor.loaded(&id, 0).is_empty());
    assert!(supervisor.hung(&id, 0, 0, failure(&clock, 0.0)).is_empty());
    let counts = supervisor.slot(&id).unwrap().counts;
    assert_eq!((counts.kills, counts.panics), (1, 0));
}

#[test]
fn outgrown_actors_are_recycled_one_at_a_time_and_serve_meanwhile() {
    let (mut supervisor, first, _) = one();
    let second = ActorId("m-1-w1".into());
    supervisor.add(second.clone());
    assert_eq!(
        supervisor.outgrown(&first),
        [Effect::Load { incarnation: 0 }]
    );
    assert!(supervisor.outgrown(&second).is_empty());
    assert!(supervisor.slot(&first).unwrap().takes_requests());
    supervisor.loaded(&first, 0);
    assert_eq!(supervisor.outgrown(&second).len(), 1);
    assert_eq!(supervisor.slot(&first).unwrap().counts.recycles, 1);
}

#[test]
fn commands_that_contradict_the_state_are_refused() {
    use Command::{Drain, Pause, Restart, Resume};
    let (mut supervisor, id, _) = one();
    let mut ask = |command| supervisor.command(&id, command).is_ok();
    assert!(!ask(Resume));
    assert!(ask(Pause) && !ask(Pause) && ask(Resume));
    assert!(ask(Restart) && !ask(Restart) && !ask(Drain));
    supervisor.loaded(&id, 0);
    let mut ask = |command| supervisor.command(&id, command).is_ok();
    assert!(ask(Drain) && !ask(Drain) && !ask(Pause) && !ask(Resume) && !ask(Restart));
    supervisor.drained(&id, 0);
    assert_eq!(supervisor.slot(&id).unwrap().label(), "drained");
    assert!(supervisor.command(&id, Resume).is_ok());
    let stranger = ActorId("x".into());
    assert_eq!(supervisor.command(&stranger, Pause), Err(Conflict::Unknown));
}

/// A toy of everything around the supervisor, for one actor: it carries effects out in whatever
/// order the test chooses, and keeps the callers that wait.
#[derive(Default)]
struct World {
    /// Of which incarnations loads are running.
    loads: Vec<u64>,
    wakes: BTreeSet<Instant>,
    draining: bool,
    has_session: bool,
    incarnation: u64,
    callers: u32,
    routed: bool,
}

impl World {
    fn carry_out(&mut self, effects: Vec<Effect>, supervisor: &Supervisor, id: &ActorId) {
        for effect in effects {
            match effect {
                Effect::Load { incarnation } => self.loads.push(incarnation),
                Effect::WakeAt(at) => {
                    self.wakes.insert(at);
                }
                Effect::Release { .. } => (self.callers, self.has_session) = (0, false),
                // The callers of the old actor are answered by their deadlines.
                Effect::Replace { incarnation } => {
                    self.incarnation = incarnation;
                    (self.callers, self.has_session, self.draining) = (0, false, false);
                }
                Effect::Drain => self.draining = true,
                Effect::Reroute => self.routed = supervisor.slot(id).unwrap().takes_requests(),
            }
        }
    }

    /// Whoever waits is waited for: by a session, by a load, or by a wake-up that leads to one.
    fn callers_have_hope(&self) -> bool {
        let load = self.loads.contains(&self.incarnation);
        self.callers == 0 || self.has_session || load || !self.wakes.is_empty()
    }
}

#[derive(Debug, Clone)]
enum Happening {
    Caller,
    Answer,
    Panic { good_runs: u64 },
    Hang,
    Loaded,
    LoadFailed,
    Drained,
    Outgrown,
    Time { ms: u64 },
    Ask(Command),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    prop_oneof![
        4 => Just(H::Caller),
        3 => Just(H::Answer),
        3 => (0u64..30).prop_map(|good_runs| H::Panic { good_runs }),
        1 => Just(H::Hang),
        4 => Just(H::Loaded),
        2 => Just(H::LoadFailed),
        2 => Just(H::Drained),
        1 => Just(H::Outgrown),
        3 => (0u64..3000).prop_map(|ms| H::Time { ms }),
        1 => Just(H::Ask(Command::Restart)),
        1 => Just(H::Ask(Command::Pause)),
        1 => Just(H::Ask(Command::Resume)),
        1 => Just(H::Ask(Command::Drain)),
    ]
}

fn play(
    world: &mut World,
    supervisor: &mut Supervisor,
    id: &ActorId,
    clock: &ManualClock,
    what: &Happening,
) {
    let incarnation = world.incarnation;
    let effects = match what {
        Happening::Caller => {
            world.callers += u32::from(world.routed);
            Vec::new()
        }
        Happening::Answer => {
            world.callers = world.callers.saturating_sub(u32::from(world.has_session));
            Vec::new()
        }
        Happening::Panic { good_runs } if world.has_session => {
            world.has_session = false;
            supervisor.panicked(id, incarnation, *good_runs, failure(clock, 0.5))
        }
        Happening::Hang if world.has_session => {
            supervisor.hung(id, incarnation, 0, failure(clock, 0.5))
        }
        Happening::Loaded if !world.loads.is_empty() => {
            let of = world.loads.remove(0);
            world.has_session |= of == incarnation;
            supervisor.loaded(id, of)
        }
        Happening::LoadFailed if !world.loads.is_empty() => {
            let of = world.loads.remove(0);
            supervisor.load_failed(id, of, failure(clock, 0.5))
        }
        // An actor reports that it is drained once nobody waits for it.
        Happening::Drained if world.draining && world.has_session => {
            (world.draining, world.callers) = (false, 0);
            supervisor.drained(id, incarnation)
        }
        Happening::Outgrown => supervisor.outgrown(id),
        Happening::Time { ms } => {
            clock.advance(Duration::from_millis(*ms));
            let later = world
                .wakes
                .split_off(&(clock.now() + Duration::from_nanos(1)));
            let woken = !std::mem::replace(&mut world.wakes, later).is_empty();
            let due = if woken {
                supervisor.due(clock.now())
            } else {
                Vec::new()
            };
            due.into_iter().map(|(_, effect)| effect).collect()
        }
        Happening::Ask(command) => supervisor.command(id, *command).unwrap_or_default(),
        _ => Vec::new(),
    };
    world.carry_out(effects, supervisor, id);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever happens in whatever order, nobody waits for an actor that will never have a session,
    /// and every actor serves, is on its way to, or waits for its operator.
    #[test]
    fn no_caller_is_left_without_an_answer_and_no_actor_without_an_owner(happenings in proptest::collection::vec(happening(), 0..120)) {
        let (mut supervisor, id, clock) = one();
        let mut world = World { has_session: true, routed: true, ..World::default() };
        for what in &happenings {
            play(&mut world, &mut supervisor, &id, &clock, what);
            prop_assert!(world.callers_have_hope(), "after {:?}", what);
            let slot = supervisor.slot(&id).unwrap();
            prop_assert_eq!(world.routed, slot.takes_requests(), "routed or not after {:?}", what);
            prop_assert_eq!(world.incarnation, slot.incarnation);
            let owned = match slot.session {
                SessionState::Ready => world.has_session,
                SessionState::Loading => world.loads.contains(&slot.incarnation),
                SessionState::Waiting { until } => world.wakes.contains(&until),
                SessionState::Parked | SessionState::Released => !world.has_session,
            };
            prop_assert!(owned, "{:?} after {:?}", slot, what);
        }
        // From wherever that led, an operator brings it back.
        for _ in 0..4 {
            for what in [Happening::Time { ms: 60_000 }, Happening::Loaded, Happening::Drained, Happening::Ask(Command::Resume)] {
                play(&mut world, &mut supervisor, &id, &clock, &what);
            }
        }
        play(&mut world, &mut supervisor, &id, &clock, &Happening::Loaded);
        prop_assert!(supervisor.slot(&id).unwrap().takes_requests() && world.has_session);
    }
}
