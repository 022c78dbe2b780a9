//! The bodies that the recommend path reads and writes by hand, as types that describe them.
//!
//! The request is parsed and the answer written without these, in one pass each; they exist for the
//! document, and the test that holds it against the server keeps them true.
#![expect(dead_code, reason = "only their shape is used")]

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::super::super::{openapi::describe::absent_not_null, respond::distinct_values};
use crate::recommend::{MAX_ID_BYTES, MAX_TOP_K};

/// The user to recommend to, and what to choose from. Unknown fields are ignored.
#[derive(JsonSchema)]
#[schemars(transform = absent_not_null)]
pub(super) struct RecommendRequest {
    /// The user to recommend to. An unknown user is a cold start, not an error.
    #[schemars(length(min = 1, max = MAX_ID_BYTES))]
    user_id: String,
    /// The place in the shop that asks.
    #[schemars(extend("default" = "home_feed"))]
    scene: Option<String>,
    /// The device, for stickiness where the user is unknown.
    #[schemars(length(min = 1, max = MAX_ID_BYTES))]
    device_id: Option<String>,
    /// What the model may know of the moment.
    context: Option<Context>,
    /// Item ids; absent, the scene's own. Unknown ones are left out and counted.
    candidates: Option<Vec<String>>,
    /// How many items to answer with.
    #[schemars(range(min = 1, max = MAX_TOP_K), extend("default" = 20))]
    top_k: Option<u32>,
    /// Time the caller gives, in milliseconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<i64>,
    /// Whether the scene's own candidates may hold items the user has rated.
    #[schemars(extend("default" = false))]
    include_seen: Option<bool>,
    /// What items carry beyond id and score.
    include: Option<Vec<Extra>>,
}

/// The moment of a request. Unknown keys are ignored.
#[derive(JsonSchema)]
#[schemars(transform = absent_not_null)]
struct Context {
    /// Hour of the day, `"0"` to `"23"`.
    #[schemars(regex(pattern = "^([01]?[0-9]|2[0-3])$"))]
    hour: Option<String>,
    /// Day of the week, `"1"` Monday to `"7"`.
    #[schemars(regex(pattern = "^[1-7]$"))]
    weekday: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Extra {
    Title,
}

/// A ranked list.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = absent_not_null)]
pub(super) struct RecommendAnswer {
    request_id: String,
    user_id: String,
    scene: String,
    /// The model that ranked.
    model: String,
    /// Its version.
    model_version: String,
    /// Best first, ties by item id.
    items: Vec<Item>,
    /// Candidates that the catalogue does not know.
    unknown_candidates: u64,
    /// Whether a fallback answered in the model's place.
    degraded: bool,
    /// Why, if so: a code of the closed list.
    #[schemars(extend("enum" = distinct_values(|code| code)))]
    degraded_reason: Option<String>,
    /// Where the time went, in microseconds; each measured, none a difference.
    timing_us: BTreeMap<String, u64>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = absent_not_null)]
struct Item {
    item_id: String,
    /// A probability.
    #[schemars(range(min = 0.0, max = 1.0))]
    score: f64,
    /// Where `include` asked for it.
    title: Option<String>,
}
