use super::*;
use crate::directory::FrontView;
use crate::gate::Admission;
use crate::key::BreakerKey;
use crate::outcome::{Outcome, Report};
use crate::transition::Reason;

#[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
fn origin() -> Instant {
    Instant::now()
}

const DEADLINE: Duration = Duration::from_millis(800);
const STEP: Duration = Duration::from_millis(20);

struct Bench {
    registry: Registry,
    view: FrontView,
    now: Instant,
    changes: Vec<KeyTransition>,
}

impl Bench {
    fn new() -> Self {
        let now = origin();
        let registry = Registry::new(&BreakerSettings::default(), DEADLINE, 1, now);
        let view = FrontView::new(registry.directory());
        Self {
            registry,
            view,
            now,
            changes: Vec::new(),
        }
    }

    fn admit(&mut self, scene: &str) -> Admission {
        let key = BreakerKey::new("din", 1, scene);
        self.view.admit(&key, KeyProfile::default(), self.now)
    }

    /// One request of `scene`; whether it was admitted.
    fn request(&mut self, scene: &str, outcome: Outcome) -> bool {
        let Admission::Allow(ticket) = self.admit(scene) else {
            return false;
        };
        let seen = ticket.complete(Report::new(outcome, Duration::from_millis(5)), self.now);
        self.registry.record(&[seen], self.now, &mut self.changes);
        true
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.registry.tick(self.now, &mut self.changes);
    }

    fn fail(&mut self, scenes: &[&str]) {
        for _ in 0..100 {
            for scene in scenes {
                self.request(scene, Outcome::Failure);
            }
            self.pass(STEP);
        }
    }

    fn state(&self, key: &str) -> State {
        let all = self.registry.snapshot(self.now).breakers;
        all.into_iter()
            .find(|b| b.key == key)
            .map(|b| b.state)
            .expect("the key is watched")
    }
}

#[test]
fn a_failing_key_opens_alone() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        bench.request("good", Outcome::Ok);
        bench.request("good", Outcome::Ok);
        bench.request("bad", Outcome::Failure);
        bench.pass(STEP);
    }
    assert_eq!(bench.state("din:1:bad"), State::Open);
    assert_eq!(bench.state("din:1:good"), State::Closed);
    assert_eq!(bench.state(PROCESS), State::Closed);
    assert!(!bench.request("bad", Outcome::Ok));
    assert_eq!(
        bench.changes[0].transition.reason,
        Reason::ConsecutiveFailures
    );
}

#[test]
fn when_most_keys_are_open_concurrency_is_limited_instead() {
    let mut bench = Bench::new();
    let scenes = ["a", "b", "c", "d", "e"];
    bench.fail(&scenes);
    assert!(bench.registry.snapshot(bench.now).widespread);
    assert_eq!(bench.state("din:1:a"), State::Open);
    let held: Vec<_> = (0..100).map(|_| bench.admit("a")).collect();
    let admitted = held
        .iter()
        .filter(|a| matches!(a, Admission::Allow(_)))
        .count();
    assert_eq!(admitted, 8);
    // And that is what an operator is shown, of the process and of each key.
    let shown = bench.registry.snapshot(bench.now).breakers;
    assert_eq!(
        (shown[0].key.as_str(), shown[0].admitted_share),
        (PROCESS, 1.0)
    );
    assert!(shown.iter().all(|b| b.admitted_at_once == Some(8)));
}

#[test]
fn latency_below_what_the_sketch_tells_apart_is_not_shown_as_a_measurement() {
    let mut bench = Bench::new();
    for _ in 0..1_500 {
        let Admission::Allow(ticket) = bench.admit("home") else {
            panic!("healthy")
        };
        let fast = Report::new(Outcome::Ok, Duration::from_micros(90));
        let seen = ticket.complete(fast, bench.now);
        bench
            .registry
            .record(&[seen], bench.now, &mut bench.changes);
        bench.pass(Duration::from_millis(10));
    }
    for shown in bench.registry.snapshot(bench.now).breakers {
        assert_eq!(
            (shown.learned.p99_us, shown.learned.p99_bound_us),
            (None, None)
        );
        assert_eq!(shown.learned.samples, 1_500);
    }
}

#[test]
fn the_process_shows_the_p99_of_its_requests() {
    let mut bench = Bench::new();
    for _ in 0..1_500 {
        bench.request("home", Outcome::Ok);
        bench.pass(Duration::from_millis(10));
    }
    for shown in bench.registry.snapshot(bench.now).breakers {
        let p99_us = shown.learned.p99_us.expect("measured");
        assert!(
            (4_900.0..5_100.0).contains(&p99_us),
            "{}: {p99_us}",
            shown.key
        );
    }
}

#[test]
fn a_standstill_gives_streaks_slots_and_ramp_steps_their_time_again() {
    let mut bench = Bench::new();
    bench.request("home", Outcome::Failure);
    let paused = bench.now;
    bench.now += Duration::from_secs(30);
    bench.registry.stood_still(paused, bench.now);
    // Eight failures at one moment, with the pause before the last seven: still one moment.
    (0..7).for_each(|_| assert!(bench.request("home", Outcome::Failure)));
    assert_eq!(bench.state("din:1:home"), State::Closed);
}

#[test]
fn a_forced_change_holds_and_is_reported() {
    let mut bench = Bench::new();
    bench.request("home", Outcome::Ok);
    let change = bench
        .registry
        .force("din:1:home", Force::Open, bench.now)
        .unwrap();
    assert_eq!(change.transition.reason, Reason::ForcedOpen);
    bench.pass(Duration::from_secs(86_400));
    assert!(!bench.request("home", Outcome::Ok));
    bench
        .registry
        .force("din:1:home", Force::Close, bench.now)
        .unwrap();
    assert!(bench.request("home", Outcome::Ok));
    assert!(
        bench
            .registry
            .force("din:1:nowhere", Force::Open, bench.now)
            .is_none()
    );
}

#[test]
fn a_dead_registry_s_open_expires_and_a_new_one_takes_over_the_gates() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        (0..3).for_each(|_| assert!(bench.request("good", Outcome::Ok)));
        bench.request("bad", Outcome::Failure);
        bench.pass(STEP);
    }
    assert!(!bench.request("bad", Outcome::Ok));
    // Nobody ticks any more.
    bench.now += Duration::from_secs(36 + 60 + 1);
    assert!(matches!(bench.admit("bad"), Admission::Allow(_)));

    let settings = BreakerSettings::default();
    let directory = bench.registry.directory();
    let Admission::Allow(ticket) = bench.admit("bad") else {
        panic!("expired")
    };
    bench.registry = Registry::over(directory, &settings, DEADLINE, 2, bench.now);
    let late = ticket.complete(Report::new(Outcome::Ok, DEADLINE), bench.now);
    bench
        .registry
        .record(&[late], bench.now, &mut bench.changes);
    assert_eq!(bench.state("din:1:bad"), State::Closed);
    let all = bench.registry.snapshot(bench.now).breakers;
    assert_eq!(all.iter().map(|b| b.late_reports).sum::<u64>(), 1);
}

#[test]
fn advice_halves_a_closed_breaker_or_opens_it_and_never_closes() {
    let mut bench = Bench::new();
    bench.request("home", Outcome::Ok);
    bench
        .registry
        .advise("din:1:home", Advice::BeCautious, bench.now);
    let admitted = (0..1_000)
        .filter(|_| bench.request("home", Outcome::Ok))
        .count();
    assert!((495..=505).contains(&admitted), "{admitted}");
    let change = bench
        .registry
        .advise("din:1:home", Advice::Open, bench.now)
        .unwrap();
    assert_eq!(change.transition.reason, Reason::ClusterAgreed);
    assert_eq!(
        bench
            .registry
            .advise("din:1:home", Advice::Carry, bench.now),
        None
    );
    assert_eq!(bench.state("din:1:home"), State::Open);
}

#[test]
fn keys_beyond_the_cap_are_forgotten_with_their_breakers() {
    let mut bench = Bench::new();
    let settings = BreakerSettings {
        max_keys: 2,
        ..BreakerSettings::default()
    };
    bench.registry = Registry::new(&settings, DEADLINE, 1, bench.now);
    bench.view = FrontView::new(bench.registry.directory());
    let Admission::Allow(kept) = bench.admit("a") else {
        panic!("a new key is closed")
    };
    for scene in ["a", "b", "c"] {
        assert!(bench.request(scene, Outcome::Ok));
        bench.pass(STEP);
    }
    let names = |bench: &Bench| -> Vec<String> {
        let all = bench.registry.snapshot(bench.now).breakers;
        all.into_iter().map(|b| b.key).collect()
    };
    assert_eq!(names(&bench), [PROCESS, "din:1:c", "din:1:b"]);
    // The forgotten key's late report finds nobody, and asking for the key again brings it back.
    let late = kept.complete(Report::new(Outcome::Failure, DEADLINE), bench.now);
    bench
        .registry
        .record(&[late], bench.now, &mut bench.changes);
    assert_eq!(bench.registry.snapshot(bench.now).unknown_reports, 1);
    assert!(bench.request("a", Outcome::Ok));
    bench.pass(STEP);
    assert_eq!(names(&bench), [PROCESS, "din:1:c", "din:1:a"]);
}
