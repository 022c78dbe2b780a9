//! The merged view of all instances, bounded and expiring.

use super::advice::{Advice, advise};
use super::record::InstanceRecord;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Instances and keys at once; a record beyond is refused and counted.
const MAX_RECORDS: usize = 16_384;

/// `(key, instance)`.
type Source = (String, String);

#[derive(Debug, Default)]
pub struct ClusterView {
    records: BTreeMap<Source, Held>,
    refused: u64,
}

#[derive(Debug, Clone)]
struct Held {
    record: InstanceRecord,
    expires_at: Instant,
}

impl ClusterView {
    /// Takes a record; true if it was news. One that is not newer than what is held changes
    /// nothing, not even when it expires.
    pub fn merge(&mut self, record: InstanceRecord, now: Instant) -> bool {
        let source = (record.key.clone(), record.instance.clone());
        let known = self.records.get(&source);
        if known.is_some_and(|held| held.record >= record) {
            return false;
        }
        if known.is_none() && self.records.len() >= MAX_RECORDS {
            self.expire(now);
            if self.records.len() >= MAX_RECORDS {
                self.refused += 1;
                return false;
            }
        }
        let ttl = Duration::from_millis(record.ttl_ms);
        let expires_at = now.checked_add(ttl).unwrap_or(now);
        self.records.insert(source, Held { record, expires_at });
        true
    }

    /// Drops what has outlived its time.
    pub fn expire(&mut self, now: Instant) {
        self.records.retain(|_, held| held.expires_at > now);
    }

    /// What the others mean for `key` on `instance`. Counted are the instances that report the key
    /// and this one.
    pub fn advice(&self, key: &str, instance: &str, now: Instant) -> Advice {
        let from = (key.to_owned(), String::new());
        let others = self
            .records
            .range(from..)
            .take_while(|((of, _), _)| of == key)
            .filter(|((_, who), held)| who != instance && held.expires_at > now);
        let (mut live, mut open) = (1, 0);
        for (_, held) in others {
            live += 1;
            open += usize::from(held.record.is_own_verdict());
        }
        advise(live, open)
    }

    /// The records held, in order.
    pub fn records(&self) -> impl Iterator<Item = &InstanceRecord> {
        self.records.values().map(|held| &held.record)
    }

    /// Records refused because there were too many.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests;
