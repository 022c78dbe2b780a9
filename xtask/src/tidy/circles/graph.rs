//! Circles in a graph of names.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Whom each module knows.
pub(super) type Edges = BTreeMap<String, BTreeSet<String>>;

/// The shortest circle through each module that is in one, each circle once, each beginning with
/// its first name.
pub(super) fn circles(edges: &Edges) -> Vec<Vec<String>> {
    let mut found: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
    for start in edges.keys() {
        if let Some(circle) = shortest(edges, start) {
            // By name, so the first to be met begins with its smallest member.
            found
                .entry(circle.iter().cloned().collect())
                .or_insert(circle);
        }
    }
    found.into_values().collect()
}

/// The shortest way from a module back to itself.
fn shortest(edges: &Edges, start: &str) -> Option<Vec<String>> {
    let mut from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(module) = next.pop_front() {
        for known in edges.get(module).into_iter().flatten() {
            if known == start {
                let mut circle = vec![module.to_owned()];
                let mut at = module;
                while let Some(before) = from.get(at) {
                    circle.push((*before).to_owned());
                    at = before;
                }
                circle.reverse();
                return Some(circle);
            }
            if !from.contains_key(known.as_str()) {
                from.insert(known, module);
                next.push_back(known);
            }
        }
    }
    None
}
