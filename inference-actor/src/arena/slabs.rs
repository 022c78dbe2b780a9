//! The slabs of one arena: a lease is cut from one that has room, or from a new one.
//!
//! Knows no threads and reads no clock: the time is that of the last tick.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    Criticality,
    tensor::{Block, DType},
};

use super::{
    budget::{Budget, Refused},
    class::{Classes, Kind, RankClass, whole_lines},
    figures::{Figures, add, get, set, sub},
    slab::Slab,
};

/// Slabs with room that are looked at before a new one is made.
const MAX_LOOKS: usize = 8;
const RANKS: usize = 3;

/// What an arena keeps to.
#[derive(Debug, Clone)]
pub struct ArenaRules {
    /// Sizes of leases.
    pub classes: Classes,
    /// Leases of this many bytes and more are large: shed first under pressure.
    pub large_bytes: usize,
    /// A slab without leases is given back after this.
    pub idle: Duration,
    /// Most leases out at once.
    pub most_leases: usize,
}

/// See the module.
pub(super) struct Slabs {
    rules: Arc<ArenaRules>,
    budget: Arc<Budget>,
    slabs: Vec<Option<Slab>>,
    vacant: Vec<u32>,
    /// Slabs with room, by kind and class.
    open: Vec<Vec<u32>>,
    now: Instant,
    figures: Arc<Figures>,
}

impl Slabs {
    pub(super) fn new(rules: Arc<ArenaRules>, budget: Arc<Budget>, now: Instant) -> Self {
        let places = DType::ALL.len() * RANKS * (rules.classes.len() + 1);
        Self {
            rules,
            budget,
            slabs: Vec::new(),
            vacant: Vec::new(),
            open: vec![Vec::new(); places],
            now,
            figures: Arc::default(),
        }
    }

    pub(super) fn has_leases(&self) -> bool {
        get(&self.figures.leases_out) > 0
    }

    pub(super) fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }

    /// Whole cache lines for `bytes` of this kind.
    pub(super) fn lease(
        &mut self,
        kind: Kind,
        bytes: usize,
        criticality: Criticality,
    ) -> Result<Block, Refused> {
        let given = self.given(kind, bytes, criticality);
        if given.is_err() {
            add(&self.figures.refused, 1);
        }
        given
    }

    fn given(
        &mut self,
        kind: Kind,
        bytes: usize,
        criticality: Criticality,
    ) -> Result<Block, Refused> {
        let lines = whole_lines(bytes.max(1)).ok_or(Refused::Size)?;
        if bytes >= self.rules.large_bytes {
            self.budget.admits(criticality)?;
        }
        if get(&self.figures.leases_out) >= self.rules.most_leases as u64 {
            return Err(Refused::Leases);
        }
        let class = self.rules.classes.of(lines);
        let place = self.place(kind, class);
        // Beyond the classes every lease has a slab of its own.
        let at_hand = class.and_then(|_| self.cut(place, lines));
        let block = match at_hand {
            Some(block) => {
                add(&self.figures.hits, 1);
                block
            }
            None => self.cut_new(place, class, lines)?,
        };
        let figures = &self.figures;
        add(&figures.leases, 1);
        add(&figures.leases_out, 1);
        add(&figures.asked_bytes, bytes as u64);
        add(&figures.given_bytes, lines as u64);
        add(&figures.leased_bytes, lines as u64);
        let most = get(&figures.most_leased_bytes).max(get(&figures.leased_bytes));
        set(&figures.most_leased_bytes, most);
        Ok(block)
    }

    fn place(&self, kind: Kind, class: Option<usize>) -> usize {
        let rank = match kind.rank {
            RankClass::Vector => 0,
            RankClass::Matrix => 1,
            RankClass::Higher => 2,
        };
        let classes = self.rules.classes.len();
        // One device so far; a second would be a third factor.
        (kind.dtype as usize * RANKS + rank) * (classes + 1) + class.unwrap_or(classes)
    }

    fn cut(&mut self, place: usize, lines: usize) -> Option<Block> {
        let open = &mut self.open[place];
        for at in (0..open.len()).rev().take(MAX_LOOKS) {
            let id = open[at];
            let slab = self.slabs[id as usize].as_mut()?;
            let Some(piece) = slab.cut(lines) else {
                continue;
            };
            if slab.free_bytes() == 0 {
                slab.listed = false;
                open.swap_remove(at);
            }
            return Some(Block {
                lines: piece,
                slab: id,
            });
        }
        None
    }

    fn cut_new(
        &mut self,
        place: usize,
        class: Option<usize>,
        lines: usize,
    ) -> Result<Block, Refused> {
        let bytes = class.map_or(lines, |class| self.rules.classes.slab_bytes(class));
        self.make_room(bytes as u64)?;
        let mut slab = Slab::new(bytes, place, self.now);
        let piece = slab.cut(lines).ok_or(Refused::Size)?;
        slab.listed = slab.free_bytes() > 0;
        let listed = slab.listed;
        let id = match self.vacant.pop() {
            Some(id) => id,
            None => {
                self.slabs.push(None);
                u32::try_from(self.slabs.len() - 1).map_err(|_| Refused::Leases)?
            }
        };
        self.slabs[id as usize] = Some(slab);
        if listed {
            self.open[place].push(id);
        }
        add(&self.figures.held_bytes, bytes as u64);
        Ok(Block {
            lines: piece,
            slab: id,
        })
    }

    /// Reserves from the budget; empty slabs of ours give way first.
    fn make_room(&mut self, bytes: u64) -> Result<(), Refused> {
        while let Err(refused) = self.budget.reserve(bytes) {
            let Some(id) = self.longest_empty() else {
                self.budget.press();
                return Err(refused);
            };
            self.free(id);
        }
        self.budget.press();
        Ok(())
    }

    /// Takes back what was leased here.
    pub(super) fn take_back(&mut self, block: Block) {
        let lines = block.lines.len() as u64;
        sub(&self.figures.leased_bytes, lines);
        sub(&self.figures.leases_out, 1);
        let Some(slab) = self
            .slabs
            .get_mut(block.slab as usize)
            .and_then(Option::as_mut)
        else {
            return;
        };
        slab.mend(block.lines);
        if slab.is_empty() {
            slab.empty_since = self.now;
            // One of its own size hardly ever meets another lease of that size: kept until it is
            // idle, each of them would add to what the process holds.
            let classes = self.rules.classes.len();
            if slab.place % (classes + 1) == classes {
                return self.free(block.slab);
            }
        }
        if !slab.listed {
            slab.listed = true;
            self.open[slab.place].push(block.slab);
        }
    }

    /// Gives back what was empty for long, all that is empty while pressed; longest empty first.
    pub(super) fn tick(&mut self, now: Instant) {
        self.now = now;
        while let Some(id) = self.longest_empty() {
            let idle = self.slabs[id as usize].as_ref().is_some_and(|slab| {
                now.saturating_duration_since(slab.empty_since) >= self.rules.idle
            });
            if !idle && self.budget.state() != super::State::Pressured {
                break;
            }
            self.free(id);
            self.budget.press();
        }
        let in_use = || self.slabs.iter().flatten().filter(|slab| !slab.is_empty());
        let free: usize = in_use().map(Slab::free_bytes).sum();
        let largest = in_use().map(Slab::largest_free).max().unwrap_or(0);
        set(&self.figures.free_in_use_bytes, free as u64);
        set(&self.figures.largest_free_bytes, largest as u64);
    }

    fn longest_empty(&self) -> Option<u32> {
        let empty = self.slabs.iter().enumerate().filter_map(|(id, slab)| {
            let slab = slab.as_ref().filter(|slab| slab.is_empty())?;
            Some((slab.empty_since, id))
        });
        empty.min().and_then(|(_, id)| u32::try_from(id).ok())
    }

    fn free(&mut self, id: u32) {
        let Some(slab) = self.slabs[id as usize].take() else {
            return;
        };
        self.open[slab.place].retain(|open| *open != id);
        self.vacant.push(id);
        sub(&self.figures.held_bytes, slab.bytes() as u64);
        add(&self.figures.evictions, 1);
        self.budget.release(slab.bytes() as u64);
    }
}

impl Drop for Slabs {
    fn drop(&mut self) {
        self.budget.release(get(&self.figures.held_bytes));
        set(&self.figures.held_bytes, 0);
        set(&self.figures.leased_bytes, 0);
        set(&self.figures.leases_out, 0);
        set(&self.figures.free_in_use_bytes, 0);
        set(&self.figures.largest_free_bytes, 0);
    }
}

#[cfg(test)]
mod tests;
