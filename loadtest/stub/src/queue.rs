//! One server with a fixed service time: Lindley's recursion, acted out.
//!
//! Completions are computed from arrival times, not from when the thread woke up, so lateness in
//! waking never adds up: a request that arrives at `a` behind one that ends at `e` ends at
//! `max(a, e) + service`, and is answered at that moment or a few microseconds later.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

/// Requests that may wait; beyond it the stub answers late, and says so by closing.
const WAITING: usize = 65_536;
/// Sleeping ends and spinning begins this close to a completion.
const SPIN: Duration = Duration::from_micros(80);

pub(crate) struct SingleServer {
    service: Duration,
    free_at: Instant,
    waiting: SyncSender<(Instant, oneshot::Sender<()>)>,
}

impl SingleServer {
    pub(crate) fn start(service: Duration, now: Instant) -> std::io::Result<Self> {
        let (waiting, queue) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("single-server".to_owned())
            .spawn(move || serve(&queue))?;
        Ok(Self {
            service,
            free_at: now,
            waiting,
        })
    }

    /// Queues a request that arrived at `now`; the receiver hears when it has been served.
    pub(crate) fn arrive(&mut self, now: Instant) -> Option<oneshot::Receiver<()>> {
        self.free_at = self.free_at.max(now) + self.service;
        let (done, served) = oneshot::channel();
        self.waiting.try_send((self.free_at, done)).ok()?;
        Some(served)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stub's service time is wall-clock time"
)]
fn serve(queue: &Receiver<(Instant, oneshot::Sender<()>)>) {
    while let Ok((completion, done)) = queue.recv() {
        loop {
            let left = completion.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            } else if left > SPIN {
                std::thread::sleep(left - SPIN);
            } else {
                std::hint::spin_loop();
            }
        }
        // A client that has gone away needs no answer.
        let _ = done.send(());
    }
}
