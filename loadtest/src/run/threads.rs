//! Starts the pacing thread and the connection threads, and gathers what they recorded.

use std::{
    cell::Cell,
    num::NonZeroU64,
    rc::Rc,
    sync::{Arc, atomic::Ordering, mpsc as std_mpsc},
    thread::{Builder, JoinHandle},
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::{Hooks, Load, RunError, RunOutput, RunPlan};
use crate::{
    client::{Client, Endpoint},
    clock::{self, RunClock},
    engine::{Engine, Gate, Job},
    pacing::{Pacer, Time},
    record::{ErrorKind, Recorder, Recording},
    schedule::ScheduleSpec,
    workload::BodySource,
};

/// Connecting before the start may take this long.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

impl Time for RunClock {
    fn now(&self) -> Duration {
        Self::now(self)
    }

    fn sleep(&self, duration: Duration) {
        clock::sleep(duration);
    }
}

/// What a connection thread is told once everything is ready.
struct Start {
    clock: RunClock,
}

/// Runs a plan to its end. `begin` is called when all is ready and says how long to wait before
/// the schedule's zero, so that several machines can start together.
pub(crate) fn execute(
    plan: &RunPlan,
    hooks: &Hooks,
    begin: impl FnOnce() -> Duration,
) -> Result<RunOutput, RunError> {
    let endpoint = Endpoint::reach(&plan.target, plan.workload.content_type(), CONNECT_LIMIT)?;
    let bodies = plan.workload.source(plan.seed, plan.part.index)?;
    let gate = Arc::new(Gate::new(plan.max_in_flight));
    let threads = plan.threads.max(1);
    let (ready_tx, ready_rx) = std_mpsc::sync_channel(threads);
    let mut starts = Vec::with_capacity(threads);
    let mut queues = Vec::with_capacity(threads);
    let mut handles = Vec::with_capacity(threads);
    let mut bodies = Some(bodies);
    for index in 0..threads {
        let (start_tx, start_rx) = oneshot::channel();
        let (queue_tx, queue_rx) = mpsc::channel(plan.max_in_flight);
        let source = match plan.load {
            Load::Open(_) => Source::Queue(queue_rx),
            Load::Closed {
                connections,
                warmup,
                duration,
            } => Source::Loop {
                connections: share(connections, index, threads),
                end: warmup + duration,
                bodies: match bodies.take() {
                    Some(bodies) => Box::new(bodies),
                    None => Box::new(
                        plan.workload
                            .source(plan.seed, plan.part.index + index as u32)?,
                    ),
                },
            },
        };
        let thread = ConnectionThread {
            plan: plan.clone(),
            endpoint: endpoint.clone(),
            connections: share(plan.connections, index, threads).max(1),
            hooks: hooks.clone(),
            gate: Arc::clone(&gate),
        };
        let ready = ready_tx.clone();
        let handle = Builder::new()
            .name(format!("connections-{index}"))
            .spawn(move || thread.run(source, ready, start_rx))?;
        starts.push(start_tx);
        queues.push(queue_tx);
        handles.push(handle);
    }
    drop(ready_tx);
    wait_ready(&ready_rx, threads, plan.connections)?;
    let clock = RunClock::starting_in(begin());
    for start in starts {
        // A thread that has gone is found out when it is joined.
        drop(start.send(Start { clock }));
    }
    conduct(plan, hooks, clock, bodies, &gate, queues, handles)
}

/// Runs the schedule against ready threads and gathers the results.
fn conduct(
    plan: &RunPlan,
    hooks: &Hooks,
    clock: RunClock,
    bodies: Option<BodySource>,
    gate: &Gate,
    queues: Vec<mpsc::Sender<Job>>,
    handles: Vec<JoinHandle<Result<Recording, RunError>>>,
) -> Result<RunOutput, RunError> {
    clock::sleep(clock.until_start());
    let cpu_before = clock::process_cpu_time();
    let mut recording = Recording::default();
    let mut stopped_at = None;
    if let (Load::Open(schedule), Some(bodies)) = (&plan.load, bodies) {
        let pacing = PacingThread {
            plan,
            hooks,
            clock,
            gate,
        };
        // The schedule's own thread; scoped, so that it may borrow the gate.
        let (counted, whole) = std::thread::scope(|scope| {
            let thread = Builder::new()
                .name("pacing".to_owned())
                .spawn_scoped(scope, || pacing.run(schedule, bodies, queues))?;
            thread.join().map_err(|_| RunError::Panicked("pacing"))
        })?;
        stopped_at = (!whole).then(|| clock.now());
        recording.merge(&counted);
    } else {
        drop(queues);
    }
    for handle in handles {
        recording.merge(
            &handle
                .join()
                .map_err(|_| RunError::Panicked("connection"))??,
        );
    }
    if stopped_at.is_none() && hooks.stop.load(Ordering::Relaxed) {
        stopped_at = Some(clock.now());
    }
    let cpu = clock::process_cpu_time().saturating_sub(cpu_before);
    Ok(RunOutput {
        recording,
        cpu,
        wall: clock.now(),
        stopped_at,
    })
}

fn share(total: usize, index: usize, of: usize) -> usize {
    total / of + usize::from(index < total % of)
}

fn wait_ready(
    ready: &std_mpsc::Receiver<Result<(), ErrorKind>>,
    threads: usize,
    connections: usize,
) -> Result<(), RunError> {
    for _ in 0..threads {
        match ready.recv() {
            Ok(Ok(())) => {}
            Ok(Err(kind)) => {
                if let Some(limit) = kind.own_limit() {
                    return Err(RunError::OwnLimit { connections, limit });
                }
                return Err(RunError::Connections {
                    connections,
                    kind: kind.name(),
                });
            }
            Err(_) => return Err(RunError::Panicked("connection")),
        }
    }
    Ok(())
}

enum Source {
    Queue(mpsc::Receiver<Job>),
    Loop {
        connections: usize,
        end: Duration,
        bodies: Box<BodySource>,
    },
}

struct ConnectionThread {
    plan: RunPlan,
    endpoint: Endpoint,
    connections: usize,
    hooks: Hooks,
    gate: Arc<Gate>,
}

impl ConnectionThread {
    fn run(
        self,
        source: Source,
        ready: std_mpsc::SyncSender<Result<(), ErrorKind>>,
        start: oneshot::Receiver<Start>,
    ) -> Result<Recording, RunError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let local = tokio::task::LocalSet::new();
        runtime.block_on(local.run_until(self.serve(source, ready, start)))
    }

    async fn serve(
        self,
        source: Source,
        ready: std_mpsc::SyncSender<Result<(), ErrorKind>>,
        start: oneshot::Receiver<Start>,
    ) -> Result<Recording, RunError> {
        // Connections are opened before the run's zero is known; nothing is timed until then.
        let clock_cell = Rc::new(Cell::new(RunClock::starting_in(Duration::ZERO)));
        let client = Client::new(self.endpoint, self.connections, Rc::clone(&clock_cell));
        let opened = tokio::time::timeout(CONNECT_LIMIT, client.open(self.connections)).await;
        let _ = ready.send(opened.unwrap_or(Err(ErrorKind::ConnectTimeout)));
        let Ok(Start { clock }) = start.await else {
            return Ok(Recording::default());
        };
        clock_cell.set(clock);
        let engine = Engine {
            client,
            clock,
            layout: self.plan.layout(),
            timeout: self.plan.timeout,
            board: self.hooks.board,
            observer: self.hooks.observer,
        };
        Ok(match source {
            Source::Queue(queue) => engine.open_loop(queue, self.gate).await,
            Source::Loop {
                connections,
                end,
                bodies,
            } => {
                engine
                    .closed_loop(connections, end, bodies, self.hooks.stop)
                    .await
            }
        })
    }
}

struct PacingThread<'a> {
    plan: &'a RunPlan,
    hooks: &'a Hooks,
    clock: RunClock,
    gate: &'a Gate,
}

impl PacingThread<'_> {
    /// Returns what was scheduled and dropped, and whether the schedule was worked through.
    fn run(
        self,
        schedule: &ScheduleSpec,
        mut bodies: BodySource,
        queues: Vec<mpsc::Sender<Job>>,
    ) -> (Recording, bool) {
        // The kernel may delay a sleeping thread by its timer slack, 50 µs by default. Refusal
        // costs precision, which the send lag will show.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut recorder = Recorder::new(self.plan.layout());
        let part = self.plan.part;
        let mine = schedule
            .arrivals()
            .filter(|arrival| arrival.index % u64::from(part.of) == u64::from(part.index));
        let mut next_queue = 0;
        let whole = Pacer {
            spin: self.plan.spin,
        }
        .run(
            mine,
            &self.clock,
            &self.hooks.stop,
            |arrival| bodies.body(arrival.index),
            |arrival, body| {
                recorder.scheduled(arrival.due);
                next_queue = (next_queue + 1) % queues.len();
                let job = Job {
                    due: arrival.due,
                    body,
                };
                // A queue as long as the gate is wide is never full; a closed one means that its
                // thread has died, which joining it will tell.
                if !self.gate.enter() {
                    recorder.dropped(arrival.due);
                } else if queues[next_queue].try_send(job).is_err() {
                    self.gate.leave();
                    recorder.dropped(arrival.due);
                }
            },
        );
        (recorder.finish(), whole)
    }
}
