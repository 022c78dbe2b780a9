//! Reading lists out of answers, and telling whether two say the same.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::{client::Answer, workspace};

/// Item ids with their scores, best first.
pub type List = Vec<(String, f64)>;

/// What batching may change: sums are added in another order.
const SCORE_TOLERANCE: f64 = 1e-6;
/// Neighbours nearer than this may change places.
const TIE: f64 = 2e-6;

/// The list of an answer that must be one, well formed.
pub fn list(answer: &Answer) -> List {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let item = |item: &Value| {
        let (id, score) = (item["item_id"].as_str(), item["score"].as_f64());
        (id.unwrap().to_owned(), score.unwrap())
    };
    let list: List = body["items"].as_array().unwrap().iter().map(item).collect();
    let ordered = |pair: &[(String, f64)]| {
        pair[0].1 > pair[1].1 || pair[0].1 == pair[1].1 && pair[0].0 < pair[1].0
    };
    assert!(list.windows(2).all(ordered), "not best first: {list:?}");
    let probable = |(_, score): &(String, f64)| (0.0..=1.0).contains(score);
    assert!(list.iter().all(probable), "not probabilities: {list:?}");
    assert_eq!(ids(&list).len(), list.len(), "an item twice: {list:?}");
    list
}

pub fn ids(list: &List) -> BTreeSet<&str> {
    list.iter().map(|(id, _)| id.as_str()).collect()
}

/// Whether both say the same, as far as batching may not matter.
pub fn assert_same(expected: &List, found: &List) {
    assert_eq!(expected.len(), found.len());
    let scores: HashMap<_, _> = expected.iter().cloned().collect();
    let last = expected.last().map_or(0.0, |(_, score)| *score);
    for (position, ((id, score), wanted)) in found.iter().zip(expected).enumerate() {
        let place = format!("place {position}: {id} {score}, expected {wanted:?}");
        assert!((score - wanted.1).abs() <= TIE, "{place}");
        match scores.get(id) {
            Some(same) => assert!((score - same).abs() <= SCORE_TOLERANCE, "{place}: {same}"),
            // The end of a list is a place where neighbours change as well.
            None => assert!((score - last).abs() <= TIE, "{place}"),
        }
    }
}

/// The item ids a user has rated, as the feature store was filled.
pub fn rated_by(user: &str) -> BTreeSet<String> {
    let users = std::fs::read_to_string(workspace().join(".cache/features/users.jsonl")).unwrap();
    let mut records = users
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let record = records.find(|record| record["user"] == user).unwrap();
    // Model indexes, which for MovieLens are the item ids themselves.
    let history = record["history"].as_array().unwrap();
    history.iter().map(ToString::to_string).collect()
}

/// MovieLens' 1682 items.
pub fn every_item() -> Vec<String> {
    (1..=1682).map(|id: u32| id.to_string()).collect()
}
