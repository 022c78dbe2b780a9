//! The inference actor from outside: messages in, answers out, on a clock that a test moves.
//!
//! Requests are sent before the actor has its session, so what waits together is no matter of luck.

#![expect(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::prelude::*;
use common::{
    Clock, Criticality, Deadline, ErrorCode, ManualClock, ModelVersion,
    tensor::{DType, Shape, Tensor, TensorView},
};
use inference_actor::{
    ActorId, ActorState, CodelSettings, Dim, Drain, Drained, FakeEngine, FakeSettings, Gauge,
    Infer, InferReply, InferResult, InferenceActor, InputSpec, Install, Meter, ModelRunner,
    ModelSpec, Observe, Options, OutputRole, OutputSpec, Park, Role, Rows, RunError, RunnerLost,
    Stopper, WarmUp, Watchdog, WatchdogTimeouts, Work,
    arena::{ArenaRules, Arenas, Classes},
};
use tokio::sync::oneshot::{Receiver, channel, error::TryRecvError};

const LONG: Duration = Duration::from_secs(60);

/// What each run takes on the clock of a test.
const RUN: Duration = Duration::from_micros(1);

/// A model of one candidate input and one score.
fn spec(row_budget: usize) -> Arc<ModelSpec> {
    patient(row_budget, Duration::ZERO)
}

/// The same, whose requests wait for company.
fn patient(row_budget: usize, max_delay: Duration) -> Arc<ModelSpec> {
    let dims = || vec![Dim::Dynamic(String::new())];
    Arc::new(ModelSpec {
        inputs: vec![InputSpec {
            role: Role::Candidate,
            ..InputSpec::whole("candidates".into(), DType::Int64, dims())
        }],
        outputs: vec![OutputSpec {
            name: "score".into(),
            dtype: DType::Fp32,
            dims: dims(),
            role: OutputRole::Score,
        }],
        row_budget: Some(row_budget),
        max_delay,
        ..ModelSpec::empty("m".parse().unwrap(), ModelVersion::new(1).unwrap())
    })
}

/// A drill engine that notes how many rows each of its runs had.
struct Noting {
    engine: FakeEngine,
    rows: Arc<Mutex<Vec<usize>>>,
    clock: Arc<ManualClock>,
}

impl ModelRunner for Noting {
    fn business_code(&self) -> &str {
        self.engine.business_code()
    }

    fn spec(&self) -> &Arc<ModelSpec> {
        self.engine.spec()
    }

    fn run(
        &mut self,
        inputs: &[TensorView<'_>],
        meter: &mut Meter,
    ) -> Result<Vec<Tensor>, RunError> {
        self.rows.lock().unwrap().push(inputs[0].shape.rows());
        self.clock.advance(RUN);
        self.engine.run(inputs, meter)
    }

    fn stopper(&self) -> Stopper {
        self.engine.stopper()
    }

    fn rearm(&mut self) {
        self.engine.rearm();
    }
}

/// A supervisor that only listens.
#[derive(Default)]
struct Listener(Vec<RunnerLost>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<RunnerLost> for Listener {
    type Result = ();

    fn handle(&mut self, lost: RunnerLost, _: &mut Context<Self>) {
        self.0.push(lost);
    }
}

#[derive(Message)]
#[rtype(result = "Vec<RunnerLost>")]
struct Heard;

impl Handler<Heard> for Listener {
    type Result = Vec<RunnerLost>;

    fn handle(&mut self, _: Heard, _: &mut Context<Self>) -> Vec<RunnerLost> {
        self.0.clone()
    }
}

struct Bench {
    clock: Arc<ManualClock>,
    spec: Arc<ModelSpec>,
    actor: Addr<InferenceActor>,
    supervisor: Addr<Listener>,
    rows: Arc<Mutex<Vec<usize>>>,
    gauge: Arc<Gauge>,
    _watchdog: Watchdog,
}

impl Bench {
    fn new(row_budget: usize, queue: usize) -> Self {
        Self::of(spec(row_budget), queue)
    }

    fn of(spec: Arc<ModelSpec>, queue: usize) -> Self {
        Self::taking_turns(spec, queue, Duration::ZERO)
    }

    fn taking_turns(spec: Arc<ModelSpec>, queue: usize, turn: Duration) -> Self {
        let clock = Arc::new(ManualClock::new());
        let supervisor = Listener::default().start();
        let gauge = Gauge::new();
        // It stands by; no run of these tests is long enough for it to act.
        let timeouts = WatchdogTimeouts {
            stall_after: LONG,
            hang_grace: LONG,
        };
        let watchdog = Watchdog::start(timeouts, clock.clone(), Box::new(|_| true)).unwrap();
        let watch = watchdog.watch(ActorId("m-1-w0".into()), 0, Arc::clone(&gauge));
        let options = Options {
            id: ActorId("m-1-w0".into()),
            incarnation: 0,
            gauge: Arc::clone(&gauge),
            watch,
            model: spec.name.clone(),
            version: spec.version,
            queue,
            codel: CodelSettings {
                target: LONG,
                interval: LONG,
            },
            turn,
            arenas: Arenas::new(
                ArenaRules {
                    classes: Classes::new([16 << 10]),
                    large_bytes: 1 << 20,
                    idle: LONG,
                    most_leases: 1000,
                },
                1 << 30,
            ),
            clock: clock.clone(),
            supervisor: supervisor.clone().recipient(),
        };
        Self {
            clock,
            spec,
            actor: InferenceActor::new(options).start(),
            supervisor,
            rows: Arc::default(),
            gauge,
            _watchdog: watchdog,
        }
    }

    fn ask_within(&self, items: std::ops::Range<i64>, limit: Duration) -> Receiver<InferResult> {
        let items: Vec<i64> = items.collect();
        let shape = Shape::from_dims([items.len()]);
        let (reply, answer) = channel();
        let now = self.clock.now();
        let infer = Infer {
            work: Work::new(vec![Some(Tensor::from_elements(shape, &items).unwrap())]),
            rows: Rows {
                requests: 1,
                candidates: items.len(),
            },
            deadline: Deadline::after(now, limit),
            criticality: Criticality::default(),
            span: tracing::Span::none(),
            sent_at: now,
            reply,
            permit: self.gauge.permit(),
        };
        self.actor.try_send(infer).ok().unwrap();
        answer
    }

    fn ask(&self, items: std::ops::Range<i64>) -> Receiver<InferResult> {
        self.ask_within(items, LONG)
    }

    async fn install(&self, settings: FakeSettings) {
        self.install_warm(settings, WarmUp::default()).await;
    }

    async fn install_warm(&self, settings: FakeSettings, warm_up: WarmUp) {
        let history = Arc::default();
        let runner = Box::new(Noting {
            engine: FakeEngine::new(
                Arc::clone(&self.spec),
                settings,
                history,
                self.clock.clone(),
            ),
            rows: Arc::clone(&self.rows),
            clock: Arc::clone(&self.clock),
        });
        self.actor.send(Install { runner, warm_up }).await.unwrap();
    }

    fn runs(&self) -> Vec<usize> {
        self.rows.lock().unwrap().clone()
    }
}

/// What the drill engine gives these items when nobody else is in the run.
fn expected(items: std::ops::Range<i64>) -> Vec<f32> {
    let items: Vec<i64> = items.collect();
    let inputs = Tensor::from_elements(Shape::from_dims([items.len()]), &items).unwrap();
    let clock = Arc::new(ManualClock::new());
    let mut alone = FakeEngine::new(
        spec(1),
        FakeSettings::default(),
        Arc::default(),
        clock.clone(),
    );
    let mut meter = Meter::new(clock);
    scores(&alone.run(&[inputs.view()], &mut meter).unwrap())
}

fn scores(outputs: &[Tensor]) -> Vec<f32> {
    outputs[0].elements::<f32>().unwrap().to_vec()
}

async fn answered(answer: Receiver<InferResult>) -> InferReply {
    answer.await.unwrap().unwrap()
}

async fn refused(answer: Receiver<InferResult>) -> (ErrorCode, String) {
    let failure = answer.await.unwrap().unwrap_err();
    (failure.code, failure.message)
}

fn panics() -> FakeSettings {
    FakeSettings {
        panic_every: 1,
        ..FakeSettings::default()
    }
}

#[actix::test]
async fn what_waits_together_runs_together_and_each_gets_its_own() {
    let bench = Bench::new(100, 16);
    let answers = [bench.ask(0..2), bench.ask(10..15), bench.ask(7..8)];
    bench.install(FakeSettings::default()).await;
    for (answer, items) in answers.into_iter().zip([0..2, 10..15, 7..8]) {
        let reply = answered(answer).await;
        assert_eq!(scores(&reply.outputs), expected(items));
        assert_eq!((reply.times.batch_rows, reply.times.batch_requests), (8, 3));
    }
    assert_eq!(bench.runs(), [8]);
}

#[actix::test]
async fn a_run_holds_no_more_rows_than_its_budget() {
    let bench = Bench::new(5, 16);
    let answers = [
        bench.ask(0..3),
        bench.ask(3..5),
        bench.ask(5..9),
        bench.ask(9..10),
    ];
    bench.install(FakeSettings::default()).await;
    for (answer, items) in answers.into_iter().zip([0..3, 3..5, 5..9, 9..10]) {
        assert_eq!(scores(&answered(answer).await.outputs), expected(items));
    }
    assert_eq!(bench.runs(), [5, 5]);
}

#[actix::test]
async fn short_runs_follow_one_another_until_the_turn_is_over() {
    for (turn, runs_of_first_turn) in [(Duration::ZERO, 1), (RUN * 2, 2), (RUN * 3, 3)] {
        let bench = Bench::taking_turns(spec(1), 16, turn);
        let [first, second, third] = [bench.ask(0..1), bench.ask(1..2), bench.ask(2..3)];
        bench.install(FakeSettings::default()).await;
        answered(first).await;
        // This test's turn comes when the actor's is over.
        assert_eq!(bench.runs().len(), runs_of_first_turn, "turn of {turn:?}");
        answered(second).await;
        answered(third).await;
        assert_eq!(bench.runs(), [1, 1, 1]);
    }
}

#[actix::test]
async fn company_is_waited_for_until_the_run_is_full_or_the_time_is_over() {
    let bench = Bench::of(patient(4, Duration::from_millis(20)), 16);
    bench.install(FakeSettings::default()).await;
    let alone = bench.ask(0..2);
    assert_eq!(answered(alone).await.times.batch_requests, 1);
    // An hour is never over here: only a full run can answer these.
    let bench = Bench::of(patient(4, Duration::from_secs(3600)), 16);
    bench.install(FakeSettings::default()).await;
    let answers = [bench.ask(0..2), bench.ask(2..4)];
    for answer in answers {
        assert_eq!(answered(answer).await.times.batch_requests, 2);
    }
    assert_eq!(bench.runs(), [4]);
}

#[actix::test]
async fn a_row_budget_learned_at_warm_up_holds() {
    let bench = Bench::new(100, 16);
    let answers = [bench.ask(0..2), bench.ask(2..4)];
    let learned = WarmUp {
        row_budget: Some(2),
        ..WarmUp::default()
    };
    bench.install_warm(FakeSettings::default(), learned).await;
    for answer in answers {
        answered(answer).await;
    }
    assert_eq!(bench.runs(), [2, 2]);
}

#[actix::test]
async fn a_large_request_is_split_evenly_and_small_ones_run_in_between() {
    let bench = Bench::new(100, 16);
    let (large, small) = (bench.ask(0..250), bench.ask(500..502));
    bench.install(FakeSettings::default()).await;
    assert_eq!(scores(&answered(small).await.outputs), expected(500..502));
    assert_eq!(scores(&answered(large).await.outputs), expected(0..250));
    assert_eq!(bench.runs(), [84, 2, 84, 82]);
}

#[actix::test]
async fn what_expired_or_was_abandoned_is_dropped_before_its_run() {
    let bench = Bench::new(100, 16);
    let short = Duration::from_millis(10);
    let expired = bench.ask_within(0..3, short);
    let abandoned = bench.ask(3..8);
    let alive = bench.ask(8..10);
    drop(abandoned);
    bench.clock.advance(short);
    bench.install(FakeSettings::default()).await;
    assert_eq!(refused(expired).await.0, ErrorCode::Deadline);
    assert_eq!(scores(&answered(alive).await.outputs), expected(8..10));
    assert_eq!(bench.runs(), [2]);
    let seen = bench.actor.send(Observe).await.unwrap();
    assert_eq!((seen.expired, seen.abandoned, seen.answered), (1, 1, 1));
}

#[actix::test]
async fn the_time_in_the_queue_is_told() {
    let bench = Bench::new(100, 16);
    let answer = bench.ask(0..3);
    let waited = Duration::from_millis(7);
    bench.clock.advance(waited);
    bench.install(FakeSettings::default()).await;
    assert_eq!(answered(answer).await.times.queue, waited);
}

#[actix::test]
async fn a_panic_fails_its_own_batch_and_the_rest_waits_for_another_session() {
    let bench = Bench::new(2, 16);
    let (first, second, third) = (bench.ask(0..1), bench.ask(1..2), bench.ask(2..4));
    bench.install(panics()).await;
    for shared in [first, second] {
        let (code, told) = refused(shared).await;
        assert_eq!(code, ErrorCode::EnginePanicked);
        assert!(told.contains("the drill engine panics on run 1"), "{told}");
    }
    let mut heard = Vec::new();
    for _ in 0..1000 {
        heard = bench.supervisor.send(Heard).await.unwrap();
        if !heard.is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!((heard.len(), heard[0].runs_since_install), (1, 0));
    assert_eq!(heard[0].actor, ActorId("m-1-w0".into()));

    // Without a session nothing runs and nobody is turned away.
    let mut fourth = bench.ask(4..6);
    let seen = bench.actor.send(Observe).await.unwrap();
    assert_eq!((seen.state, seen.queued), (ActorState::Rebuilding, 2));
    assert_eq!((seen.panics, seen.restarts), (1, 0));
    assert!(matches!(fourth.try_recv(), Err(TryRecvError::Empty)));

    bench.install(FakeSettings::default()).await;
    assert_eq!(scores(&answered(third).await.outputs), expected(2..4));
    assert_eq!(scores(&answered(fourth).await.outputs), expected(4..6));
    let seen = bench.actor.send(Observe).await.unwrap();
    assert_eq!(
        (seen.state, seen.restarts, seen.runs),
        (ActorState::Ready, 1, 2)
    );
    assert!(seen.last_panic.unwrap().message.contains("run 1"));
}

#[actix::test]
async fn an_error_of_the_engine_costs_no_session() {
    let bench = Bench::new(2, 16);
    let (failed, served) = (bench.ask(0..2), bench.ask(2..4));
    let settings = FakeSettings {
        error_every: 3,
        ..FakeSettings::default()
    };
    let last = bench.ask(4..6);
    bench.install(settings).await;
    answered(failed).await;
    answered(served).await;
    assert_eq!(refused(last).await.0, ErrorCode::EngineFailed);
    answered(bench.ask(6..8)).await;
    let seen = bench.actor.send(Observe).await.unwrap();
    assert_eq!(
        (seen.state, seen.errors, seen.panics),
        (ActorState::Ready, 1, 0)
    );
}

#[actix::test]
async fn a_full_queue_refuses_what_comes_next_and_keeps_what_it_has() {
    let bench = Bench::new(100, 2);
    let (first, second, third) = (bench.ask(0..1), bench.ask(1..2), bench.ask(2..3));
    assert_eq!(refused(third).await.0, ErrorCode::Overloaded);
    bench.install(FakeSettings::default()).await;
    assert_eq!(scores(&answered(first).await.outputs), expected(0..1));
    assert_eq!(scores(&answered(second).await.outputs), expected(1..2));
}

#[actix::test]
async fn a_parked_actor_refuses_those_who_wait_and_those_who_come() {
    let bench = Bench::new(100, 16);
    let waiting = [bench.ask(0..1), bench.ask(1..2)];
    let reason = "its actors keep failing".to_owned();
    bench
        .actor
        .send(Park {
            reason: reason.clone(),
        })
        .await
        .unwrap();
    for answer in waiting {
        assert_eq!(
            refused(answer).await,
            (ErrorCode::ModelUnavailable, reason.clone())
        );
    }
    assert_eq!(
        refused(bench.ask(2..3)).await.0,
        ErrorCode::ModelUnavailable
    );
    assert!(bench.runs().is_empty());
}

#[actix::test]
async fn a_draining_actor_answers_what_it_has_and_takes_no_more() {
    let bench = Bench::new(2, 16);
    bench.install(FakeSettings::default()).await;
    let waiting = [bench.ask(0..2), bench.ask(2..4)];
    let drained = bench.actor.send(Drain);
    assert_eq!(
        refused(bench.ask(4..5)).await.0,
        ErrorCode::ModelUnavailable
    );
    assert_eq!(drained.await.unwrap(), Drained);
    for (answer, items) in waiting.into_iter().zip([0..2, 2..4]) {
        assert_eq!(scores(&answered(answer).await.outputs), expected(items));
    }
}
