//! The actor that takes a sample every second and publishes it to the open pages.
//!
//! Lives on the main thread, where nothing of the request path runs. Its mailbox stays at the default
//! of 16: nobody sends it anything but its own timer. A panic in it would end the samples, not the
//! service.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, UNIX_EPOCH},
};

use actix::prelude::*;
use bytes::Bytes;
use common::Clock;
use tokio::sync::watch;

use super::{Reading, Ring, Sample};

const EVERY: Duration = Duration::from_secs(1);

/// The samples, shared with the admin port.
#[derive(Clone)]
pub(crate) struct History {
    ring: Arc<Mutex<Ring>>,
    newest: watch::Receiver<Bytes>,
}

impl History {
    /// Every sample that is kept, the oldest first.
    #[must_use]
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.samples().cloned().collect()
    }

    /// The newest sample as JSON, each time there is one.
    #[must_use]
    pub(crate) fn newest(&self) -> watch::Receiver<Bytes> {
        self.newest.clone()
    }
}

/// Reads the counters.
pub(crate) type Read = Box<dyn Fn() -> Reading>;

/// See the module.
pub(crate) struct Sampler {
    ring: Arc<Mutex<Ring>>,
    publish: watch::Sender<Bytes>,
    read: Read,
    clock: Arc<dyn Clock>,
    last: Instant,
}

impl Sampler {
    /// Starts sampling on this thread.
    pub(crate) fn start_on_this_thread(read: Read, clock: Arc<dyn Clock>) -> History {
        let ring = Arc::new(Mutex::new(Ring::default()));
        let (publish, newest) = watch::channel(Bytes::new());
        let last = clock.now();
        let sampler = Self {
            ring: Arc::clone(&ring),
            publish,
            read,
            clock,
            last,
        };
        sampler.start();
        History { ring, newest }
    }

    fn sample(&mut self) {
        let now = self.clock.now();
        let seconds = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = now;
        // For the axis of a chart only; a step of the wall clock moves a label.
        let at = self
            .clock
            .wall()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let reading = (self.read)();
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let json = ring.push(reading, at_ms, seconds).map(serde_json::to_vec);
        drop(ring);
        if let Some(Ok(json)) = json {
            self.publish.send_replace(json.into());
        }
    }
}

impl Actor for Sampler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.sample();
        ctx.run_interval(EVERY, |sampler, _| sampler.sample());
    }
}
