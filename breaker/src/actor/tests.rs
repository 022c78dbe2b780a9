use super::*;
use crate::directory::FrontView;
use crate::gate::Admission;
use crate::key::BreakerKey;
use crate::outcome::{Outcome, Report};
use crate::registry::PROCESS;
use crate::settings::{BreakerSettings, KeyProfile};
use crate::snapshot::BreakerSnapshot;
use crate::transition::{Reason, State};
use actix::Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, sync_channel};

#[derive(Clone)]
struct FakeClock {
    origin: Instant,
    elapsed_ms: Arc<AtomicU64>,
}

impl FakeClock {
    #[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
    fn new() -> Self {
        Self {
            origin: Instant::now(),
            elapsed_ms: Arc::default(),
        }
    }

    fn now(&self) -> Instant {
        self.origin + Duration::from_millis(self.elapsed_ms.load(Relaxed))
    }

    fn pass(&self, ms: u64) {
        self.elapsed_ms.fetch_add(ms, Relaxed);
    }
}

struct Stage {
    clock: FakeClock,
    actor: Addr<BreakerActor>,
    view: FrontView,
    changes: Receiver<KeyTransition>,
}

fn stage() -> Stage {
    stage_telling(|_| {})
}

/// Longer than any jump of the other tests' clocks.
const NEVER_STILL: Duration = Duration::from_secs(3_600);

/// A stage whose metrics, or whatever else is told of changes, do this as well.
fn stage_telling(and_then: impl Fn(&KeyTransition) + Send + 'static) -> Stage {
    stage_with(NEVER_STILL, and_then)
}

fn stage_with(standstill: Duration, and_then: impl Fn(&KeyTransition) + Send + 'static) -> Stage {
    let clock = FakeClock::new();
    let deadline = Duration::from_millis(800);
    let settings = BreakerSettings::default();
    let registry = Registry::new(&settings, deadline, 1, clock.now());
    let view = FrontView::new(registry.directory());
    let gates = registry.directory();
    let (told, changes) = sync_channel(64);
    let reader = clock.clone();
    let actor = BreakerActor::new(BreakerActorOptions {
        registry,
        rebuild: Box::new(move |now| {
            Registry::over(Arc::clone(&gates), &settings, deadline, 2, now)
        }),
        clock: Box::new(move || reader.now()),
        tick: Duration::from_millis(1),
        standstill,
        on_change: Box::new(move |change| {
            told.try_send(change.clone()).expect("room for changes");
            and_then(change);
        }),
        on_decision: Box::new(|_| {}),
    });
    Stage {
        clock,
        actor: actor.start(),
        view,
        changes,
    }
}

impl Stage {
    fn admit(&mut self) -> Admission {
        let key = BreakerKey::new("din", 1, "home");
        self.view
            .admit(&key, KeyProfile::default(), self.clock.now())
    }

    /// Some requests that all end in `outcome`, as one batch. Every request must be admitted.
    async fn batch(&mut self, n: usize, outcome: Outcome) {
        let now = self.clock.now();
        let batch = (0..n).map(|_| match self.admit() {
            Admission::Allow(ticket) => {
                ticket.complete(Report::new(outcome, Duration::from_millis(5)), now)
            }
            Admission::Reject(rejection) => panic!("rejected: {rejection:?}"),
        });
        let batch = batch.collect();
        self.actor.send(ObserveOutcomes(batch)).await.unwrap();
    }

    async fn home(&self) -> BreakerSnapshot {
        let seen = self.actor.send(Observe).await.unwrap();
        seen.registry
            .breakers
            .into_iter()
            .find(|b| b.key == "din:1:home")
            .unwrap()
    }
}

#[actix::test]
async fn failures_sent_by_a_front_close_its_own_gate_to_requests() {
    let mut stage = stage();
    stage.batch(4, Outcome::Failure).await;
    stage.clock.pass(1_000);
    stage.batch(4, Outcome::Failure).await;
    assert_eq!(stage.home().await.state, State::Open);
    assert!(matches!(stage.admit(), Admission::Reject(_)));
    let first = stage.changes.try_recv().unwrap();
    assert_eq!(first.transition.reason, Reason::ConsecutiveFailures);
}

#[actix::test]
async fn ticks_follow_the_injected_clock_through_to_closed() {
    let mut stage = stage();
    stage.batch(4, Outcome::Failure).await;
    stage.clock.pass(1_000);
    stage.batch(4, Outcome::Failure).await;
    stage.clock.pass(37_000);
    wait_for(&stage, |b| b.state == State::HalfOpen).await;
    for _ in 0..30 {
        stage.clock.pass(1_000);
        stage.batch(1, Outcome::Ok).await;
    }
    assert_eq!(stage.home().await.state, State::Ramp);
    for share in [0.10, 0.25, 0.50] {
        stage.clock.pass(5_000);
        wait_for(&stage, |b| b.admitted_share == share).await;
    }
    stage.clock.pass(5_000);
    wait_for(&stage, |b| b.state == State::Closed).await;
}

/// Yields to the actor's interval until the fake time has been noticed.
async fn wait_for(stage: &Stage, seen: impl Fn(&BreakerSnapshot) -> bool) {
    for _ in 0..10_000 {
        if seen(&stage.home().await) {
            return;
        }
        actix::clock::sleep(Duration::from_millis(1)).await;
    }
    panic!("never seen; last: {:?}", stage.home().await);
}

#[actix::test]
async fn forcing_is_answered_and_an_unknown_key_is_named() {
    let mut stage = stage();
    stage.batch(1, Outcome::Ok).await;
    let force = |key: &str, force| ForceBreaker {
        key: key.to_owned(),
        force,
        who: "operator".to_owned(),
        why: "drill".to_owned(),
    };
    let change = stage
        .actor
        .send(force("din:1:home", Force::Open))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(change.transition.to, State::Open);
    assert!(matches!(stage.admit(), Admission::Reject(_)));
    stage
        .actor
        .send(force("din:1:home", Force::Reset))
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(stage.admit(), Admission::Allow(_)));
    let unknown = stage
        .actor
        .send(force("din:9:home", Force::Open))
        .await
        .unwrap();
    assert_eq!(
        unknown,
        Err(ForceError::UnknownKey("din:9:home".to_owned()))
    );
}

#[actix::test]
async fn the_snapshot_serialises_with_what_an_operator_needs() {
    let mut stage = stage();
    stage.batch(10, Outcome::Ok).await;
    let seen = serde_json::to_value(stage.actor.send(Observe).await.unwrap()).unwrap();
    assert_eq!(seen["breakers"][0]["key"], PROCESS);
    let key = &seen["breakers"][1];
    assert_eq!(
        (&key["state"], &key["samples"]),
        (&"closed".into(), &10.into())
    );
    assert_eq!(key["threshold_us"], 800_000.0);
    assert!(key["p99_us"].is_null(), "nothing was judged yet: {key}");
    assert_eq!(seen["outcomes"], 10);
}

#[actix::test]
async fn a_batch_beyond_its_bound_is_cut_and_counted() {
    let mut stage = stage();
    stage.batch(MAX_BATCH + 3, Outcome::Ok).await;
    let seen = stage.actor.send(Observe).await.unwrap();
    assert_eq!((seen.outcomes, seen.truncated), (MAX_BATCH as u64, 3));
}

#[actix::test]
async fn requests_in_flight_while_the_process_stood_still_are_no_evidence() {
    let mut stage = stage_with(Duration::from_millis(1_500), |_| {});
    stage.batch(1, Outcome::Ok).await;
    for _ in 0..3 {
        let tickets: Vec<_> = (0..40)
            .map(|_| match stage.admit() {
                Admission::Allow(ticket) => ticket,
                Admission::Reject(rejection) => panic!("rejected: {rejection:?}"),
            })
            .collect();
        stage.clock.pass(3_000);
        let now = stage.clock.now();
        let late = Report::new(Outcome::Timeout, Duration::from_millis(3_000));
        let batch = tickets.into_iter().map(|t| t.complete(late, now)).collect();
        stage.actor.send(ObserveOutcomes(batch)).await.unwrap();
    }
    let seen = stage.actor.send(Observe).await.unwrap();
    assert_eq!(seen.registry.interrupted_reports, 120);
    let home = stage.home().await;
    assert_eq!((home.state, home.learned.samples), (State::Closed, 1));
    // What is admitted afterwards counts again.
    stage.batch(4, Outcome::Failure).await;
    stage.clock.pass(1_000);
    stage.batch(4, Outcome::Failure).await;
    assert_eq!(stage.home().await.state, State::Open);
}

#[actix::test]
async fn a_panic_costs_what_was_learned_and_neither_the_address_nor_an_open_state() {
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let breaks = Arc::clone(&broken);
    let mut stage = stage_telling(move |change| {
        if change.transition.to == State::Open && breaks.load(Relaxed) {
            panic!("no room in the metrics");
        }
    });
    stage.batch(4, Outcome::Failure).await;
    stage.clock.pass(1_000);
    stage.batch(4, Outcome::Failure).await;
    let seen = stage.actor.send(Observe).await.unwrap();
    assert!(seen.is_down && seen.registry.breakers.is_empty());
    assert_eq!((seen.restarts, seen.lost), (1, 4));
    assert_eq!(seen.last_panic.as_deref(), Some("no room in the metrics"));
    assert!(
        matches!(stage.admit(), Admission::Reject(_)),
        "the gate keeps its last state"
    );
    let force = ForceBreaker {
        key: "din:1:home".to_owned(),
        force: Force::Close,
        who: String::new(),
        why: String::new(),
    };
    let answer = stage.actor.send(force).await.unwrap();
    assert_eq!(answer, Err(ForceError::Restarting));

    broken.store(false, Relaxed);
    stage.clock.pass(100);
    risen(&stage).await;
    let taken_over = stage.home().await;
    assert_eq!(
        (taken_over.state, taken_over.last_reason),
        (State::Open, Some(Reason::TakenOver))
    );
    assert!(matches!(stage.admit(), Admission::Reject(_)));
    // And it recovers as any other does.
    stage.clock.pass(37_000);
    wait_for(&stage, |b| b.state == State::HalfOpen).await;
}

#[actix::test]
async fn breakers_that_cannot_be_kept_alive_let_traffic_through_in_the_end() {
    let mut stage = stage_telling(|_| panic!("no room in the metrics"));
    stage.batch(4, Outcome::Failure).await;
    stage.clock.pass(1_000);
    stage.batch(4, Outcome::Failure).await;
    assert!(matches!(stage.admit(), Admission::Reject(_)));
    // Each new registry opens the key, reaches the end of the open time and falls when it tells.
    for _ in 0..40 {
        stage.clock.pass(60_000);
        stage.actor.send(Observe).await.unwrap();
        actix::clock::sleep(Duration::from_millis(2)).await;
        if matches!(stage.admit(), Admission::Allow(_)) {
            return;
        }
    }
    panic!("still closed to all requests");
}

async fn risen(stage: &Stage) {
    for _ in 0..10_000 {
        if !stage.actor.send(Observe).await.unwrap().is_down {
            return;
        }
        actix::clock::sleep(Duration::from_millis(1)).await;
    }
    panic!("never came back");
}
