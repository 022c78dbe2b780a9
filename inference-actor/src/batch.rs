//! The queue in front of a session, and the choice of what to run next.
//!
//! A pure type: no clock, no engine. What arrived while the engine was busy is run together, up to
//! the row budget; nobody waits for company unless the model asks for it. A request larger than the
//! budget is cut into even parts, and goes back behind the others after each, so that small requests
//! are not held up by a large one.
//!
//! The earliest deadline runs first. When the queue stands (see `codel`), the highest class runs first,
//! of each the newest, which still have time, and those that waited too long for their class are shed.

use std::{
    collections::VecDeque,
    ops::Range,
    time::{Duration, Instant},
};

use common::{Criticality, Deadline};
use smallvec::{SmallVec, smallvec};

use crate::codel::{Codel, CodelSettings};

/// What the queue needs to know of an entry.
pub(crate) trait Entry {
    /// Candidate rows: what the budget counts.
    fn rows(&self) -> usize;
    /// After this nobody waits for the answer.
    fn deadline(&self) -> Deadline;
    /// Whether the caller has gone.
    fn abandoned(&self) -> bool;
    /// How much it matters when not all can be run.
    fn criticality(&self) -> Criticality;
    /// Since when it waits.
    fn waits_since(&self) -> Instant;
}

/// Why an entry was dropped before its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Its deadline passed in the queue.
    Expired,
    /// Its caller has gone.
    Abandoned,
    /// The queue stands, and it waited longer than its class may.
    Shed,
}

/// Entries of one run; mostly it is one.
pub(crate) type Batch<T> = SmallVec<[T; 1]>;

/// What to run next.
#[derive(Debug)]
pub(crate) enum Job<T> {
    /// These entries whole, in one run.
    Batch(Batch<T>),
    /// These rows of one entry. Unless `last`, the entry is handed back by [`BatchQueue::resume`].
    Part {
        /// The entry.
        entry: T,
        /// Which of its candidate rows.
        rows: Range<usize>,
        /// Whether these complete it.
        last: bool,
    },
}

struct Slot<T> {
    entry: T,
    rows_done: usize,
}

/// Entries that wait, the earliest deadline first.
pub(crate) struct BatchQueue<T> {
    slots: VecDeque<Slot<T>>,
    codel: Codel,
    capacity: usize,
    row_budget: Option<usize>,
}

impl<T: Entry> BatchQueue<T> {
    pub(crate) fn new(capacity: usize, codel: CodelSettings) -> Self {
        Self {
            slots: VecDeque::new(),
            codel: Codel::new(codel),
            capacity,
            row_budget: None,
        }
    }

    /// Rows one run may hold; none for a model that runs each request by itself.
    pub(crate) fn set_row_budget(&mut self, rows: Option<usize>) {
        self.row_budget = rows.map(|rows| rows.max(1));
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Takes an entry in, or hands it back when the queue is full.
    pub(crate) fn push(&mut self, entry: T) -> Result<(), T> {
        if self.slots.len() >= self.capacity {
            return Err(entry);
        }
        // Deadlines mostly come in order, so this looks at one entry; a shorter one moves up.
        let later = |slot: &&Slot<T>| slot.entry.deadline() > entry.deadline();
        let place = self.slots.len() - self.slots.iter().rev().take_while(later).count();
        self.slots.insert(
            place,
            Slot {
                entry,
                rows_done: 0,
            },
        );
        Ok(())
    }

    /// Whether those who wait fill a run, so that waiting for more gains nothing.
    pub(crate) fn fills_a_run(&self) -> bool {
        let Some(budget) = self.row_budget else {
            return true;
        };
        let mut rows = 0usize;
        self.slots.iter().any(|slot| {
            rows += slot.entry.rows();
            rows >= budget || slot.rows_done > 0
        })
    }

    /// How much longer those who wait may be let wait for company, if they may wait `most`: none
    /// where one has waited that long, or has a deadline within that time.
    pub(crate) fn remaining_batch_delay(&self, most: Duration, now: Instant) -> Duration {
        let waited = |slot: &Slot<T>| now.saturating_duration_since(slot.entry.waits_since());
        let longest = self.slots.iter().map(waited).max().unwrap_or_default();
        // The earliest deadline stands in front.
        let hurried = self.slots.front().is_some_and(|first| {
            first.entry.deadline().at().saturating_duration_since(now) <= most
        });
        if hurried {
            return Duration::ZERO;
        }
        most.saturating_sub(longest)
    }

    /// Learns how long a run took.
    pub(crate) fn ran(&mut self, took: Duration) {
        self.codel.ran(took);
    }

    /// What runs take here.
    pub(crate) fn typical_run(&self) -> Duration {
        self.codel.typical_run()
    }

    /// Takes back an entry whose part up to `rows_done` was run. It was in the queue before, so it
    /// may stand beyond the capacity.
    pub(crate) fn resume(&mut self, entry: T, rows_done: usize) {
        self.slots.push_back(Slot { entry, rows_done });
    }

    /// Empties the queue, for an actor that will not run again.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.slots.drain(..).map(|slot| slot.entry)
    }

    /// Chooses what to run; entries that are not worth running any more go to `dropped`.
    pub(crate) fn next(&mut self, now: Instant, dropped: &mut Vec<(T, Dropped)>) -> Option<Job<T>> {
        let standing = self.shed(now, dropped);
        let (_, first) = self.pop_live(now, standing, dropped)?;
        let Some(budget) = self.row_budget else {
            return Some(Job::Batch(smallvec![first.entry]));
        };
        if first.rows_done > 0 || first.entry.rows() > budget {
            return Some(part(first, budget));
        }
        let mut rows = first.entry.rows();
        let mut batch: Batch<T> = smallvec![first.entry];
        // An entry in parts runs by itself; the order is kept.
        while rows < budget && self.next_fits(standing, budget - rows) {
            let Some((place, slot)) = self.pop_live(now, standing, dropped) else {
                break;
            };
            // Dropping dead entries may have brought one up that does not fit.
            if slot.rows_done > 0 || rows + slot.entry.rows() > budget {
                self.slots.insert(place, slot);
                break;
            }
            rows += slot.entry.rows();
            batch.push(slot.entry);
        }
        Some(Job::Batch(batch))
    }

    fn next_fits(&self, standing: bool, room: usize) -> bool {
        let next = self.turn(standing).and_then(|place| self.slots.get(place));
        next.is_some_and(|slot| slot.rows_done == 0 && slot.entry.rows() <= room)
    }

    /// Whose turn it is: the earliest deadline's; in a standing queue what has begun, then the
    /// newest of the highest class that is there, so that the lowest is what goes without.
    fn turn(&self, standing: bool) -> Option<usize> {
        if !standing {
            return (!self.slots.is_empty()).then_some(0);
        }
        let rank = |slot: &Slot<T>| (slot.rows_done > 0, slot.entry.criticality());
        let ranked = self.slots.iter().map(rank).enumerate();
        ranked
            .max_by_key(|(place, rank)| (*rank, *place))
            .map(|(place, _)| place)
    }

    /// Whether the queue stands; if so, sheds what waited too long. What has begun goes on.
    fn shed(&mut self, now: Instant, dropped: &mut Vec<(T, Dropped)>) -> bool {
        let wait = |slot: &Slot<T>| now.saturating_duration_since(slot.entry.waits_since());
        self.codel.observe(self.slots.iter().map(wait).max(), now);
        if !self.codel.standing(now) {
            return false;
        }
        let slots = std::mem::take(&mut self.slots);
        for slot in slots {
            if slot.rows_done == 0 && self.codel.sheds(slot.entry.criticality(), wait(&slot)) {
                dropped.push((slot.entry, Dropped::Shed));
            } else {
                self.slots.push_back(slot);
            }
        }
        true
    }

    /// Takes out whose turn it is, with the place it stood at.
    fn pop_live(
        &mut self,
        now: Instant,
        standing: bool,
        dropped: &mut Vec<(T, Dropped)>,
    ) -> Option<(usize, Slot<T>)> {
        while let Some(place) = self.turn(standing) {
            let slot = self.slots.remove(place)?;
            if slot.entry.abandoned() {
                dropped.push((slot.entry, Dropped::Abandoned));
            } else if slot.entry.deadline().expired(now) {
                dropped.push((slot.entry, Dropped::Expired));
            } else {
                return Some((place, slot));
            }
        }
        None
    }
}

/// The next part of a large entry: even parts, since a last one of a few rows would cost nearly as
/// much as a full one.
fn part<T: Entry>(slot: Slot<T>, budget: usize) -> Job<T> {
    let total = slot.entry.rows();
    let even = total.div_ceil(total.div_ceil(budget).max(1));
    let end = (slot.rows_done + even).min(total);
    Job::Part {
        entry: slot.entry,
        rows: slot.rows_done..end,
        last: end == total,
    }
}

#[cfg(test)]
mod tests;
