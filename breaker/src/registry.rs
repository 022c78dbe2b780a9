//! All breakers of a process: one per key and one for the whole.
//!
//! Takes outcomes, lets time pass, publishes postures to the gates and returns what changed.

use crate::cluster::Advice;
use crate::directory::Directory;
use crate::gate::{Gate, GateOptions, Observation};
use crate::key::KeyRef;
use crate::machine::{Breaker, Posture, Rules};
use crate::settings::{BreakerSettings, KeyProfile};
use crate::snapshot::BreakerSnapshot;
use crate::transition::{Force, State, Transition};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How the breaker for the whole process is named.
pub const PROCESS: &str = "process";

/// A change of one breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTransition {
    /// `model:version:scene`, or [`PROCESS`].
    pub key: Arc<str>,
    pub transition: Transition,
}

#[derive(Debug)]
pub struct Registry {
    rules: Rules,
    directory: Arc<Directory>,
    entries: Vec<Option<Entry>>,
    process: Breaker,
    process_era_began: Instant,
    /// The fault is widespread: concurrency is limited instead of rejecting everything.
    widespread: bool,
    widespread_min_keys: usize,
    widespread_concurrency: u32,
    state_ttl: Duration,
    seed: u64,
    unknown_reports: u64,
    /// The last time that the process stood still, from and to.
    stood_still: Option<(Instant, Instant)>,
    /// Reports of requests that were in flight while it did.
    interrupted_reports: u64,
}

#[derive(Debug)]
struct Entry {
    key: KeyRef,
    name: Arc<str>,
    gate: Arc<Gate>,
    breaker: Breaker,
    published: Posture,
}

impl Registry {
    /// `seed` feeds the jitter of open times and should differ between instances. `deadline` is
    /// the longest one configured.
    pub fn new(settings: &BreakerSettings, deadline: Duration, seed: u64, now: Instant) -> Self {
        let rules = Rules::new(settings);
        let options = GateOptions {
            rules: rules.clone(),
            limited_concurrency: settings.widespread_concurrency,
            origin: now,
        };
        let directory = Arc::new(Directory::new(options, settings.max_keys));
        Self::over(directory, settings, deadline, seed, now)
    }

    /// Takes over the gates of a registry that was lost, with nothing learned. A key whose gate still
    /// stands other than closed begins open: to admit its traffic at once would be to believe that
    /// the fault is gone because the breaker was.
    pub fn over(
        directory: Arc<Directory>,
        settings: &BreakerSettings,
        deadline: Duration,
        seed: u64,
        now: Instant,
    ) -> Self {
        let rules = Rules::new(settings);
        // The mix of keys changes with traffic, so P99 of the whole against its past says little:
        // with the promise set to the deadline only failures and the ceiling count.
        let profile = KeyProfile {
            deadline,
            slo: deadline,
            release_p99: None,
        };
        let mut registry = Self {
            process: Breaker::new(&rules, profile, 1, seed, now),
            rules,
            directory,
            entries: Vec::new(),
            process_era_began: now,
            widespread: false,
            widespread_min_keys: settings.widespread_min_keys,
            widespread_concurrency: settings.widespread_concurrency,
            state_ttl: settings.state_ttl,
            seed,
            unknown_reports: 0,
            stood_still: None,
            interrupted_reports: 0,
        };
        for key in registry.directory.known() {
            registry.admit_key(key, now);
        }
        registry
    }

    /// What fronts look keys up in.
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory)
    }

    /// Takes outcomes in the order they come; changes are appended to `changes`.
    pub fn record(
        &mut self,
        observations: &[Observation],
        now: Instant,
        changes: &mut Vec<KeyTransition>,
    ) {
        for seen in observations {
            // A batch arrives a little after its outcomes; none of them lies in the future.
            let at = seen.completed_at.min(now);
            if self.was_interrupted(seen) {
                self.interrupted_reports += 1;
                continue;
            }
            self.record_one(seen, at, changes);
            self.record_process(seen, at, changes);
        }
    }

    fn record_one(&mut self, seen: &Observation, at: Instant, changes: &mut Vec<KeyTransition>) {
        let Some(entry) = self.entry(seen.key, at) else {
            self.unknown_reports += 1;
            return;
        };
        entry.gate.touch(at);
        entry.run_due(at, changes);
        let change = entry.breaker.record(seen.era, &seen.report, at);
        entry.note(change, changes);
        self.publish(seen.key, at);
    }

    fn record_process(
        &mut self,
        seen: &Observation,
        at: Instant,
        changes: &mut Vec<KeyTransition>,
    ) {
        self.tick_process(at, changes);
        if seen.admitted_at < self.process_era_began {
            return;
        }
        let era = self.process.posture().era;
        let change = self.process.record(era, &seen.report, at);
        self.note_process(change, changes);
    }

    /// The process stood still (suspended, or its virtual CPU was taken away) from `from` to `to`.
    /// That says nothing about any model: what is measured in time gets the time again, and a
    /// request that was in flight meanwhile is no evidence.
    pub fn stood_still(&mut self, from: Instant, to: Instant) {
        let gap = to.saturating_duration_since(from);
        self.stood_still = Some((from, to));
        self.process.stood_still(gap);
        for entry in self.entries.iter_mut().flatten() {
            entry.breaker.stood_still(gap);
        }
    }

    pub(crate) fn was_interrupted(&self, seen: &Observation) -> bool {
        self.stood_still
            .is_some_and(|(from, to)| seen.admitted_at < to && seen.completed_at > from)
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Instant, changes: &mut Vec<KeyTransition>) {
        self.tick_process(now, changes);
        for slot in &mut self.entries {
            slot.take_if(|entry| entry.gate.is_retired());
        }
        for entry in self.entries.iter_mut().flatten() {
            entry.run_due(now, changes);
        }
        self.judge_widespread();
        let keys: Vec<KeyRef> = self
            .entries
            .iter()
            .flatten()
            .map(|entry| entry.key)
            .collect();
        for key in keys {
            self.renew(key, now);
        }
    }

    /// Forces the breaker written as `name`; `None` where there is none of that name.
    pub fn force(&mut self, name: &str, force: Force, now: Instant) -> Option<KeyTransition> {
        if name == PROCESS {
            let transition = self.process.force(force, now);
            self.process_era_began = now;
            return Some(KeyTransition {
                key: PROCESS.into(),
                transition,
            });
        }
        let key = self.directory.find(name)?;
        let entry = self.entry(key, now)?;
        let transition = entry.breaker.force(force, now);
        let change = KeyTransition {
            key: Arc::clone(&entry.name),
            transition,
        };
        self.renew(key, now);
        Some(change)
    }

    /// Applies what the other instances' records mean for the key written as `name`.
    pub fn advise(&mut self, name: &str, advice: Advice, now: Instant) -> Option<KeyTransition> {
        let key = self.directory.find(name)?;
        let entry = self.entry(key, now)?;
        entry.breaker.set_cautious(advice == Advice::BeCautious);
        let change = if advice == Advice::Open {
            entry.breaker.join_open(now)
        } else {
            None
        };
        let change = change.map(|transition| KeyTransition {
            key: Arc::clone(&entry.name),
            transition,
        });
        self.publish(key, now);
        change
    }

    /// Every breaker, the process's first.
    pub fn snapshot(&self, now: Instant) -> RegistrySnapshot {
        let mut process = self.process.snapshot(PROCESS.to_owned(), now);
        process.admitted_share = 1.0;
        let keys = self.entries.iter().flatten();
        let keys = keys.map(|entry| entry.breaker.snapshot(entry.name.to_string(), now));
        let limit = self.widespread.then_some(self.widespread_concurrency);
        let limited = |breaker| BreakerSnapshot {
            admitted_at_once: limit,
            ..breaker
        };
        RegistrySnapshot {
            breakers: std::iter::once(process).chain(keys).map(limited).collect(),
            widespread: self.widespread,
            unknown_reports: self.unknown_reports,
            interrupted_reports: self.interrupted_reports,
        }
    }

    fn entry(&mut self, key: KeyRef, now: Instant) -> Option<&mut Entry> {
        let place = key.place as usize;
        let present = matches!(self.entries.get(place), Some(Some(entry)) if entry.key == key);
        if !present {
            self.admit_key(key, now)?;
        }
        self.entries.get_mut(place)?.as_mut()
    }

    fn admit_key(&mut self, key: KeyRef, now: Instant) -> Option<()> {
        let (name, gate) = self.directory.resolve(key)?;
        let place = key.place as usize;
        if self.entries.len() <= place {
            self.entries.resize_with(place + 1, || None);
        }
        // Requests admitted before anyone watched carry the gate's present era: theirs counts, if
        // the gate is fresh; after a registry was lost, the next era begins.
        let fresh = gate.era() == 0;
        let era = if fresh { 0 } else { gate.era().wrapping_add(1) };
        let seed = self.seed ^ u64::from(key.incarnation).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut breaker = Breaker::new(&self.rules, gate.profile(), era, seed, now);
        if let Some(pinned) = gate.left_guarded(now) {
            breaker.take_over(pinned, now);
        }
        let published = breaker.posture();
        gate.publish(&published, self.widespread, now, self.state_ttl);
        let name = name.to_string().into();
        self.entries[place] = Some(Entry {
            key,
            name,
            gate,
            breaker,
            published,
        });
        Some(())
    }

    /// Publishes a posture that has changed.
    fn publish(&mut self, key: KeyRef, now: Instant) {
        let stale = match self.entries.get(key.place as usize) {
            Some(Some(entry)) => entry.published != entry.breaker.posture(),
            _ => false,
        };
        if stale {
            self.renew(key, now);
        }
    }

    /// Publishes, so that a posture other than closed does not expire.
    fn renew(&mut self, key: KeyRef, now: Instant) {
        let (limited, ttl) = (self.widespread, self.state_ttl);
        if let Some(Some(entry)) = self.entries.get_mut(key.place as usize) {
            entry.published = entry.breaker.posture();
            entry.gate.publish(&entry.published, limited, now, ttl);
        }
    }

    fn tick_process(&mut self, now: Instant, changes: &mut Vec<KeyTransition>) {
        while self.process.next_due().is_some_and(|due| due <= now) {
            let change = self.process.tick(now);
            self.note_process(change, changes);
        }
    }

    fn note_process(&mut self, change: Option<Transition>, changes: &mut Vec<KeyTransition>) {
        let Some(transition) = change else { return };
        self.process_era_began = transition.at;
        changes.push(KeyTransition {
            key: PROCESS.into(),
            transition,
        });
    }

    fn judge_widespread(&mut self) {
        let entries = self.entries.iter().flatten();
        let (mut known, mut open) = (0, 0);
        for entry in entries {
            known += 1;
            // One that an operator holds open says nothing about a fault.
            let posture = entry.breaker.posture();
            open += usize::from(posture.state == State::Open && !posture.pinned);
        }
        let most = known >= self.widespread_min_keys && 2 * open > known;
        self.widespread = most || self.process.posture().state != State::Closed;
    }
}

/// Everything an operator can see.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct RegistrySnapshot {
    pub breakers: Vec<BreakerSnapshot>,
    pub widespread: bool,
    /// Reports of keys that have been forgotten.
    pub unknown_reports: u64,
    /// Reports of requests that were in flight while the process stood still, and not counted.
    pub interrupted_reports: u64,
}

impl Entry {
    fn run_due(&mut self, now: Instant, changes: &mut Vec<KeyTransition>) {
        while self.breaker.next_due().is_some_and(|due| due <= now) {
            let change = self.breaker.tick(now);
            self.note(change, changes);
        }
    }

    fn note(&mut self, change: Option<Transition>, changes: &mut Vec<KeyTransition>) {
        if let Some(transition) = change {
            changes.push(KeyTransition {
                key: Arc::clone(&self.name),
                transition,
            });
        }
    }
}

#[cfg(test)]
mod tests;
