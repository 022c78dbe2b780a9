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
