//! The worker threads: each has one front, which the services of all data ports on that thread share.

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix::{Actor, Addr};
use actix_web::web::Data;
use pool::{HostId, WorkerHost};
use tokio::sync::mpsc;

use crate::{
    front::{Front, FrontActor, Shared},
    recommend::Recommender,
};

/// A worker thread that has started, as other threads see it.
pub(crate) struct Worker {
    /// Its number.
    pub host: HostId,
    /// Starts actors on it.
    pub host_addr: Addr<WorkerHost>,
    /// Its front.
    pub front: Addr<FrontActor>,
}

/// A worker thread, as the services on it see it.
pub(crate) struct WorkerThread {
    /// Its number.
    pub(crate) host: HostId,
    /// What answers recommend requests on it; knows its front.
    pub(crate) recommender: Data<Recommender>,
}

/// Gives every worker thread its [`WorkerThread`], whichever port's service asks for it first.
#[derive(Clone)]
pub(crate) struct WorkerThreads {
    shared: Arc<Shared>,
    started: mpsc::Sender<Worker>,
    next: Arc<AtomicUsize>,
}

thread_local! {
    /// Weak: the services hold it, so that it is gone before the thread's other state is.
    static OF_THIS_THREAD: RefCell<Weak<WorkerThread>> = const { RefCell::new(Weak::new()) };
}

impl WorkerThreads {
    /// Every thread announces itself through `started` when it comes up.
    pub(crate) fn new(shared: Arc<Shared>, started: mpsc::Sender<Worker>) -> Self {
        Self {
            shared,
            started,
            next: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// What all fronts share.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The state of the worker thread this is called on; made by the first call.
    pub(crate) fn of_this_thread(&self) -> Rc<WorkerThread> {
        OF_THIS_THREAD.with(|here| {
            let mut here = here.borrow_mut();
            here.upgrade().unwrap_or_else(|| {
                let thread = Rc::new(self.start());
                *here = Rc::downgrade(&thread);
                thread
            })
        })
    }

    fn start(&self) -> WorkerThread {
        let shared = &self.shared;
        // Relaxed: the number only has to be unique.
        let host = HostId(self.next.fetch_add(1, Ordering::Relaxed));
        let name = format!("worker-{}", host.0);
        shared.arenas.settle(name, shared.clock.now());
        let front = Rc::new(Front::new(Arc::clone(shared), host));
        let worker = Worker {
            host,
            host_addr: WorkerHost.start(),
            front: FrontActor(Rc::clone(&front)).start(),
        };
        if self.started.try_send(worker).is_err() {
            tracing::error!(
                worker = host.0,
                "this worker came up after the start was over"
            );
        }
        WorkerThread {
            host,
            recommender: Data::new(Recommender::new(front)),
        }
    }
}
