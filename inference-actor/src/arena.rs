//! Tensor memory, lent and taken back instead of allocated and freed.
//!
//! ```text
//!  parse ─► lease ─► engine reads it where it lies ─► drop ─► back to the slab it was cut from
//! ```
//!
//! Every thread that serves has an arena of its own, so there is no lock on the way of a request, but
//! for bodies that are parsed or written on another thread, which borrow an arena under one. All of a
//! process share one budget. A lease is whole cache lines cut from a slab of its kind
//! (datatype, rank, device) and size class; dropping it, wherever that happens, gives them back.
//! Memory is never cleared between two leases: who leases writes all of it.

mod budget;
mod class;
mod figures;
mod local;
mod memory;
mod slab;
mod slabs;
mod state;
mod tensors;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;

pub(crate) use self::tensors::lease_or_alloc;
pub use self::{
    budget::{Budget, Refused},
    class::{Classes, Device, Kind, RankClass, whole_lines},
    figures::ArenaFigures,
    local::{here, lease, tick},
    memory::{MemorySource, Pressure, SystemMemory, budget_bytes},
    slabs::ArenaRules,
    state::{State, share_while_pressured},
    tensors::{NoTensor, copied, tensor, zeros},
};
use self::{figures::Figures, local::Local, slabs::Slabs};

/// How often an arena wants to be looked after.
pub const TICK_EVERY: Duration = Duration::from_secs(1);

/// Spare arenas kept for threads that come and go.
const MAX_SPARE: usize = 4;

/// All arenas of a process.
pub struct Arenas {
    rules: Arc<ArenaRules>,
    budget: Arc<Budget>,
    numbers: AtomicU64,
    // Locked when a thread begins, ends or comes for a visit, and by who looks; never for a lease.
    known: Mutex<Vec<Known>>,
    spare: Mutex<Vec<Local>>,
    /// What arenas that are gone have counted.
    retired: Mutex<ArenaFigures>,
    overdue: AtomicU64,
}

struct Known {
    name: String,
    figures: Arc<Figures>,
}

/// What all arenas hold, for admin pages.
#[derive(Debug, Clone, Serialize)]
pub struct ArenasSnapshot {
    /// IDLE, ACTIVE or PRESSURED.
    pub state: State,
    /// What may be held.
    pub budget_bytes: u64,
    /// All arenas together.
    pub total: ArenaFigures,
    /// Share of leases that needed no new slab.
    pub hit_ratio: f64,
    /// Share of what was given that was not asked for.
    pub internal_fragmentation: f64,
    /// Share of the free memory of slabs in use that the largest lease could not have.
    pub external_fragmentation: f64,
    /// Requests cancelled because they held their leases for too long.
    pub overdue: u64,
    /// Each of them.
    pub arenas: Vec<ArenaSnapshot>,
}

/// What one arena holds.
#[derive(Debug, Clone, Serialize)]
pub struct ArenaSnapshot {
    /// Whose it is.
    pub name: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: ArenaFigures,
}

impl Arenas {
    /// Arenas that keep to these rules and together hold no more than `budget_bytes`.
    #[must_use]
    pub fn new(rules: ArenaRules, budget_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            rules: Arc::new(rules),
            budget: Arc::new(Budget::new(budget_bytes)),
            numbers: AtomicU64::new(1),
            known: Mutex::default(),
            spare: Mutex::default(),
            retired: Mutex::default(),
            overdue: AtomicU64::new(0),
        })
    }

    /// Gives this thread an arena of its own, until the thread ends.
    pub fn settle(self: &Arc<Self>, name: impl Into<String>, now: Instant) {
        local::swap(Some(self.open(name.into(), now)));
    }

    /// Lends this thread an arena for a piece of work: for threads that come and go.
    pub fn visit<T>(self: &Arc<Self>, now: Instant, work: impl FnOnce() -> T) -> T {
        let spare = locked(&self.spare).pop();
        let local = spare.unwrap_or_else(|| self.open("visitors".into(), now));
        let before = local::swap(Some(local));
        let _leave = Leave {
            arenas: self,
            before,
        };
        work()
    }

    fn open(self: &Arc<Self>, name: String, now: Instant) -> Local {
        let slabs = Slabs::new(Arc::clone(&self.rules), Arc::clone(&self.budget), now);
        let figures = Arc::clone(slabs.figures());
        let mut known = locked(&self.known);
        // Those of threads that have ended are held by nobody else.
        let (alive, ended) = known
            .drain(..)
            .partition::<Vec<_>, _>(|one| Arc::strong_count(&one.figures) > 1);
        *known = alive;
        let mut retired = locked(&self.retired);
        for one in ended {
            *retired = retired.and(ArenaFigures::of(&one.figures).counts());
        }
        drop(retired);
        known.push(Known { name, figures });
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Local::new(number, slabs, self.rules.most_leases, Arc::downgrade(self))
    }

    /// What all of them share.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Looks after the arenas that no thread has at the moment, and the state of all.
    pub fn tick(&self, now: Instant) {
        let mut spare = locked(&self.spare);
        for local in spare.iter_mut() {
            local.collect();
            local.slabs.tick(now);
        }
        let mut kept = 0;
        spare.retain(|local| {
            kept += 1;
            kept <= MAX_SPARE || local.slabs.has_leases()
        });
        drop(spare);
        self.budget.review(self.total().leased_bytes);
    }

    /// Counts a request that was cancelled because it held its leases for too long.
    pub fn count_overdue(&self) {
        self.overdue.fetch_add(1, Ordering::Relaxed);
    }

    fn total(&self) -> ArenaFigures {
        let known = locked(&self.known);
        let each = known.iter().map(|one| ArenaFigures::of(&one.figures));
        each.fold(*locked(&self.retired), ArenaFigures::and)
    }

    /// What they hold.
    #[must_use]
    pub fn snapshot(&self) -> ArenasSnapshot {
        let total = self.total();
        let one = |known: &Known| ArenaSnapshot {
            name: known.name.clone(),
            figures: ArenaFigures::of(&known.figures),
        };
        ArenasSnapshot {
            state: self.budget.state(),
            budget_bytes: self.budget.limit_bytes(),
            total,
            hit_ratio: total.hit_ratio(),
            internal_fragmentation: total.internal_fragmentation(),
            external_fragmentation: total.external_fragmentation(),
            overdue: self.overdue.load(Ordering::Relaxed),
            arenas: locked(&self.known).iter().map(one).collect(),
        }
    }
}

/// Puts a visitor's arena back, also when its work panics.
struct Leave<'a> {
    arenas: &'a Arenas,
    before: Option<Local>,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let lent = local::swap(self.before.take());
        let mut spare = locked(&self.arenas.spare);
        // One whose leases are out stays in the count of what is held until they are back.
        if let Some(lent) = lent.filter(|lent| spare.len() < MAX_SPARE || lent.slabs.has_leases()) {
            spare.push(lent);
        }
    }
}

/// A panic of another holder leaves these lists whole.
fn locked<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
