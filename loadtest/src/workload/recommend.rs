//! Recommend requests of our own, for `POST /v2/recommend/item`.

use bytes::Bytes;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::users::{Users, push_escaped, push_number};

/// MovieLens 100K knows the items 1 to 1682.
pub(crate) const MOVIELENS_ITEMS: u32 = 1682;

/// What a recommend request asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecommendSpec {
    /// Who asks.
    pub users: Users,
    /// The scene.
    pub scene: String,
    /// How many candidates each request names; 0 leaves them to the scene.
    pub candidates: u32,
    /// Candidates are drawn, all alike, from the item ids 1 to this.
    pub items: u32,
    /// How many items the answer may hold; absent leaves it to the server.
    pub top_k: Option<u32>,
}

impl RecommendSpec {
    /// Draws one request.
    pub fn body(&self, rng: &mut impl Rng) -> Bytes {
        let mut out = Vec::with_capacity(96 + 7 * self.candidates as usize);
        out.extend_from_slice(b"{\"user_id\":\"");
        self.users.draw(rng, &mut out);
        out.extend_from_slice(b"\",\"scene\":\"");
        push_escaped(&mut out, &self.scene);
        out.push(b'"');
        if let Some(top_k) = self.top_k {
            out.extend_from_slice(b",\"top_k\":");
            push_number(&mut out, u64::from(top_k));
        }
        if self.candidates > 0 {
            out.extend_from_slice(b",\"candidates\":[");
            push_candidates(&mut out, self.candidates, self.items, rng);
            out.push(b']');
        }
        out.push(b'}');
        Bytes::from(out)
    }
}

/// Appends `count` distinct item ids as JSON strings, drawn from 1 to `items` by Floyd's method:
/// one draw per candidate however close `count` comes to `items`.
pub(super) fn push_candidates(out: &mut Vec<u8>, count: u32, items: u32, rng: &mut impl Rng) {
    let count = count.min(items);
    let mut taken = vec![0_u64; items as usize / 64 + 1];
    for (position, upper) in (items - count + 1..=items).enumerate() {
        let drawn = rng.random_range(1..=upper);
        let is_taken = taken[drawn as usize / 64] >> (drawn % 64) & 1 == 1;
        let item = if is_taken { upper } else { drawn };
        taken[item as usize / 64] |= 1 << (item % 64);
        if position > 0 {
            out.push(b',');
        }
        out.push(b'"');
        push_number(out, u64::from(item));
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{SeedableRng, rngs::ChaCha8Rng};
    use serde_json::Value;

    use super::*;

    fn spec(candidates: u32) -> RecommendSpec {
        RecommendSpec {
            users: Users::movielens(1.0).expect("users"),
            scene: "home_feed".to_owned(),
            candidates,
            items: MOVIELENS_ITEMS,
            top_k: Some(20),
        }
    }

    #[test]
    fn bodies_are_json_with_distinct_known_candidates() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for candidates in [1, 100, 1682] {
            let body: Value =
                serde_json::from_slice(&spec(candidates).body(&mut rng)).expect("json");
            assert_eq!(body["scene"], "home_feed");
            assert_eq!(body["top_k"], 20);
            let user: u32 = body["user_id"]
                .as_str()
                .expect("string")
                .parse()
                .expect("number");
            assert!((1..=943).contains(&user));
            let items: BTreeSet<u32> = body["candidates"]
                .as_array()
                .expect("array")
                .iter()
                .map(|item| item.as_str().expect("string").parse().expect("number"))
                .collect();
            assert_eq!(items.len(), candidates as usize);
            assert!(items.iter().all(|item| (1..=1682).contains(item)));
        }
    }

    #[test]
    fn no_candidates_leaves_the_choice_to_the_scene() {
        let body = spec(0).body(&mut ChaCha8Rng::seed_from_u64(3));
        let body: Value = serde_json::from_slice(&body).expect("json");
        assert!(body.get("candidates").is_none());
    }
}
