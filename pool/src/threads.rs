//! The threads of dedicated actors: who may have one, and who has to share one.
//!
//! A thread belongs to the actors on it and ends with the last of them. Its number is bounded by
//! `models.dedicated_threads`; a model that finds none left shares one, since a long run on a worker
//! thread would hold up every connection of that thread.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::{Arbiter, ArbiterHandle};
use common::Clock;
use inference_actor::arena::{self, Arenas};

/// The threads that dedicated actors may take, over all models.
#[derive(Debug)]
pub(crate) struct CoreBudget {
    granted: usize,
    left: AtomicUsize,
    started: AtomicUsize,
}

impl CoreBudget {
    pub(crate) fn new(granted: usize) -> Arc<Self> {
        Arc::new(Self {
            granted,
            left: AtomicUsize::new(granted),
            started: AtomicUsize::new(0),
        })
    }

    pub(crate) fn granted(&self) -> usize {
        self.granted
    }

    pub(crate) fn used(&self) -> usize {
        // Relaxed: a count for people.
        self.granted - self.left.load(Ordering::Relaxed)
    }

    /// Takes as many threads as are wanted, or as are left if those are fewer.
    pub(crate) fn take(self: &Arc<Self>, wanted: usize) -> Vec<Grant> {
        (0..wanted).map_while(|_| self.take_one()).collect()
    }

    fn take_one(self: &Arc<Self>) -> Option<Grant> {
        // Relaxed: the count guards no other memory; the update itself is what must be atomic.
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        taken.ok().map(|_| Grant(Arc::clone(self)))
    }

    /// A number that no thread had before, for its name.
    fn next_number(&self) -> usize {
        self.started.fetch_add(1, Ordering::Relaxed)
    }
}

/// The right to one thread; given back when dropped.
#[derive(Debug)]
pub(crate) struct Grant(Arc<CoreBudget>);

impl Drop for Grant {
    fn drop(&mut self) {
        self.0.left.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a thread needs beside its actors: tensor memory, looked after once a second.
#[derive(Clone)]
pub(crate) struct ThreadMemory {
    pub(crate) arenas: Arc<Arenas>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A thread that one or more dedicated actors live on. It is told to end when it is dropped.
pub(crate) struct DedicatedThread {
    handle: ArbiterHandle,
    arbiter: Mutex<Option<Arbiter>>,
    grant: Arc<Grant>,
    memory: ThreadMemory,
}

impl DedicatedThread {
    /// Starts a thread; must be called on a thread of the actix system.
    pub(crate) fn start(grant: Grant, memory: ThreadMemory) -> io::Result<Arc<Self>> {
        Self::with(Arc::new(grant), memory)
    }

    /// Starts a thread in the place of this one, which a run holds; the right to it goes along.
    pub(crate) fn successor(&self) -> io::Result<Arc<Self>> {
        Self::with(Arc::clone(&self.grant), self.memory.clone())
    }

    fn with(grant: Arc<Grant>, memory: ThreadMemory) -> io::Result<Arc<Self>> {
        let arbiter = Arbiter::try_new()?;
        let name = format!("dedicated-{}", grant.0.next_number());
        let ThreadMemory { arenas, clock } = memory.clone();
        arbiter.spawn(async move {
            arenas.settle(name, clock.now());
            let mut every = tokio::time::interval(arena::TICK_EVERY);
            loop {
                every.tick().await;
                arena::tick(clock.now());
            }
        });
        Ok(Arc::new(Self {
            handle: arbiter.handle(),
            arbiter: Mutex::new(Some(arbiter)),
            grant,
            memory,
        }))
    }

    /// Where actors are started on it.
    pub(crate) fn handle(&self) -> &ArbiterHandle {
        &self.handle
    }

    /// Tells the thread to end, which it does once no run holds it. Whoever asks first gets what
    /// shows whether it has.
    pub(crate) fn end(&self) -> Option<Arbiter> {
        self.handle.stop();
        let mut arbiter = self.arbiter.lock().unwrap_or_else(PoisonError::into_inner);
        arbiter.take()
    }
}

impl Drop for DedicatedThread {
    fn drop(&mut self) {
        // An arbiter that is merely dropped runs on for the life of the process.
        self.handle.stop();
    }
}

/// A thread of other models, and how long their runs hold it.
#[derive(Clone)]
pub(crate) struct Neighbour {
    pub(crate) thread: Arc<DedicatedThread>,
    /// The typical runs of all models on it, one after the other.
    pub(crate) busy: Duration,
}

/// The threads that exist when a model is loaded.
#[derive(Clone, Default)]
pub(crate) struct Existing {
    /// Those of the actors that the load replaces, and of nobody else: they are inherited.
    pub(crate) inherited: Vec<Arc<DedicatedThread>>,
    /// All others.
    pub(crate) neighbours: Vec<Neighbour>,
}

/// The threads that a model gets.
pub(crate) struct Assigned {
    pub(crate) threads: Vec<Arc<DedicatedThread>>,
    /// Whether there is only one and other models use it too.
    pub(crate) shared: bool,
}

/// Threads for `wanted` actors: first those inherited, then new ones, and only where that gives none
/// the one of other models that their runs hold for the shortest time. None where there is none.
pub(crate) fn assign(
    budget: &Arc<CoreBudget>,
    memory: &ThreadMemory,
    wanted: usize,
    existing: &Existing,
) -> io::Result<Option<Assigned>> {
    let mut threads: Vec<_> = existing.inherited.iter().take(wanted).cloned().collect();
    for grant in budget.take(wanted - threads.len()) {
        threads.push(DedicatedThread::start(grant, memory.clone())?);
    }
    let shared = threads.is_empty();
    if shared {
        let least = existing.neighbours.iter().min_by_key(|other| other.busy);
        threads.extend(least.map(|other| Arc::clone(&other.thread)));
    }
    Ok((!threads.is_empty()).then_some(Assigned { threads, shared }))
}

#[cfg(test)]
mod tests;
