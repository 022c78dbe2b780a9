//! One connection thread: takes due requests off its queue, sends them, files what came back.
//!
//! The queue holds at most the run's limit of requests in flight and is never the place where a
//! request waits for capacity: the pacing thread has already counted it in, or dropped it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Notify, mpsc},
    task::spawn_local,
    time::timeout,
};

use crate::{
    client::{Client, Progress},
    clock::RunClock,
    live::Board,
    record::{ErrorKind, Layout, Outcome, Recorder, Recording, Sample},
    workload::BodySource,
};

/// How often a connection thread tells the live view what it has seen.
const LIVE_TICK: Duration = Duration::from_millis(250);
/// A request that reaches its connection thread this much after its due time is late.
const LATE: Duration = Duration::from_millis(1);
/// Requests taken off the queue in one go.
const BATCH: usize = 256;

/// A request ready to go.
#[derive(Debug)]
pub(crate) struct Job {
    /// When it is due.
    pub due: Duration,
    /// Its body.
    pub body: Bytes,
}

/// Counts requests in flight over all threads of a run.
#[derive(Debug)]
pub(crate) struct Gate {
    in_flight: AtomicUsize,
    limit: usize,
}

impl Gate {
    /// A gate that lets `limit` requests be in flight.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            in_flight: AtomicUsize::new(0),
            limit,
        }
    }

    /// Counts one in, unless the limit is reached. Only the pacing thread enters, so looking and
    /// adding need not be one step. Relaxed: the count guards no other data.
    pub(crate) fn enter(&self) -> bool {
        if self.in_flight.load(Ordering::Relaxed) >= self.limit {
            return false;
        }
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Counts one out.
    pub(crate) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Someone who wants to see every finished request while the run goes on.
pub(crate) trait Observer: Send {
    /// Called once per request of the measured window.
    fn observe(&mut self, sample: &Sample);
}

/// An observer shared by the connection threads.
pub(crate) type SharedObserver = Arc<Mutex<dyn Observer>>;

/// What a connection thread needs.
pub(crate) struct Engine {
    pub client: Client,
    pub clock: RunClock,
    pub layout: Layout,
    pub timeout: Duration,
    pub board: Arc<Board>,
    pub observer: Option<SharedObserver>,
}

struct Shared {
    client: Client,
    clock: RunClock,
    timeout: Duration,
    warmup: Duration,
    recorder: RefCell<Recorder>,
    pending: Cell<usize>,
    idle: Notify,
    observer: Option<SharedObserver>,
}

impl Shared {
    async fn send(&self, due: Duration, body: Bytes) {
        let is_late = self.clock.now().saturating_sub(due) > LATE;
        let progress = Progress {
            is_late,
            ..Progress::default()
        };
        let answer = timeout(self.timeout, self.client.exchange(body, &progress)).await;
        let done = self.clock.now();
        let mut recorder = self.recorder.borrow_mut();
        let outcome = match answer {
            Ok(Ok(answer)) => {
                recorder.received(answer.body_bytes);
                if let Some(sample) = &answer.sample {
                    recorder.sampled(answer.status, sample);
                }
                Outcome::Status(answer.status)
            }
            Ok(Err(kind)) => Outcome::Failed(kind),
            Err(_) if progress.connecting.get() => Outcome::Failed(ErrorKind::ConnectTimeout),
            Err(_) => Outcome::Failed(ErrorKind::Timeout),
        };
        let sent = progress.sent.get().unwrap_or(done);
        let sample = Sample {
            due,
            sent,
            done,
            outcome,
        };
        recorder.finished(&sample);
        if due >= self.warmup
            && let Some(observer) = &self.observer
            && let Ok(mut observer) = observer.lock()
        {
            observer.observe(&sample);
        }
    }

    fn finish_one(&self) {
        self.pending.set(self.pending.get() - 1);
        if self.pending.get() == 0 {
            self.idle.notify_one();
        }
    }

    async fn drained(&self) {
        while self.pending.get() > 0 {
            self.idle.notified().await;
        }
    }
}

impl Engine {
    fn share(self) -> (Rc<Shared>, Arc<Board>) {
        let shared = Shared {
            client: self.client,
            clock: self.clock,
            timeout: self.timeout,
            warmup: self.layout.warmup,
            recorder: RefCell::new(Recorder::new(self.layout)),
            pending: Cell::new(0),
            idle: Notify::new(),
            observer: self.observer,
        };
        (Rc::new(shared), self.board)
    }

    /// Sends what comes off the queue until it is closed and everything has ended.
    pub(crate) async fn open_loop(
        self,
        mut queue: mpsc::Receiver<Job>,
        gate: Arc<Gate>,
    ) -> Recording {
        let (shared, board) = self.share();
        let live = spawn_local(tell(Rc::clone(&shared), board));
        let mut jobs = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut jobs, BATCH).await > 0 {
            for Job { due, body } in jobs.drain(..) {
                shared.pending.set(shared.pending.get() + 1);
                let (shared, gate) = (Rc::clone(&shared), Arc::clone(&gate));
                spawn_local(async move {
                    shared.send(due, body).await;
                    gate.leave();
                    shared.finish_one();
                });
            }
        }
        shared.drained().await;
        live.abort();
        take_recording(&shared)
    }

    /// Keeps `connections` requests in flight until `end`: each waits for the last one's answer,
    /// so a slow server is asked less. That is coordinated omission, and here it is asked for.
    pub(crate) async fn closed_loop(
        self,
        connections: usize,
        end: Duration,
        bodies: Box<BodySource>,
        stop: Arc<AtomicBool>,
    ) -> Recording {
        let (shared, board) = self.share();
        let source = Rc::new(RefCell::new((bodies, 0_u64)));
        let live = spawn_local(tell(Rc::clone(&shared), board));
        for _ in 0..connections {
            shared.pending.set(shared.pending.get() + 1);
            let (shared, source) = (Rc::clone(&shared), Rc::clone(&source));
            let stop = Arc::clone(&stop);
            spawn_local(async move {
                while shared.clock.now() < end && !stop.load(Ordering::Relaxed) {
                    let body = {
                        let (bodies, next) = &mut *source.borrow_mut();
                        *next += 1;
                        bodies.body(*next - 1)
                    };
                    let due = shared.clock.now();
                    shared.recorder.borrow_mut().scheduled(due);
                    shared.send(due, body).await;
                }
                shared.finish_one();
            });
        }
        shared.drained().await;
        live.abort();
        take_recording(&shared)
    }
}

/// Tasks that were cut off may still hold the shared part, so the recorder is taken out of it.
fn take_recording(shared: &Shared) -> Recording {
    let empty = Recorder::new(Layout {
        warmup: Duration::ZERO,
        measured: Duration::ZERO,
        stage_ends: Vec::new(),
        timeout: Duration::ZERO,
    });
    let mut recorder = shared.recorder.replace(empty);
    recorder.connected(shared.client.opened());
    recorder.finish()
}

async fn tell(shared: Rc<Shared>, board: Arc<Board>) {
    let seat = board.seat();
    let mut ticks = tokio::time::interval(LIVE_TICK);
    loop {
        ticks.tick().await;
        let mut recorder = shared.recorder.borrow_mut();
        recorder.seal(shared.clock.now());
        let recent = recorder.take_recent();
        let so_far = recorder.so_far();
        board.post(seat, so_far, recent);
    }
}
