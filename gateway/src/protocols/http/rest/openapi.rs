//! The part of `GET /openapi.json` that describes the JSON paths: recommending, and health.

mod bodies;

use actix_web::http::StatusCode;
use common::ErrorCode;
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use self::bodies::{RecommendAnswer, RecommendRequest};
use super::{
    super::openapi::describe::{header, request_id, responses, schema},
    health::Health,
};
use crate::live::Live;

/// Every JSON path of the data port.
pub(in crate::protocols::http) fn paths(
    live: &Live,
    schemas: &mut SchemaGenerator,
) -> Map<String, Value> {
    let recommend = recommend(live, schemas);
    let health = schema::<Health>(schemas);
    let live = json!({
        "operationId": "live",
        "summary": "Whether the process answers at all.",
        "responses": responses(vec![(StatusCode::OK, "The process answers.", health.clone())], &[]),
    });
    let ready = json!({
        "operationId": "ready",
        "summary": "Whether to send requests here: once every model is warm, until draining.",
        "responses": responses(vec![
            (StatusCode::OK, "Send requests.", health.clone()),
            (StatusCode::SERVICE_UNAVAILABLE, "Send no requests: starting or draining.", health),
        ], &[]),
    });
    let mut paths = Map::new();
    paths.insert("/v2/recommend/item".into(), json!({ "post": recommend }));
    paths.insert("/v2/health/live".into(), json!({ "get": live }));
    paths.insert("/v2/health/ready".into(), json!({ "get": ready }));
    paths
}

/// The codes that `POST /v2/recommend/item` may answer with.
const RECOMMEND_FAILS_WITH: &[ErrorCode] = &[
    ErrorCode::Invalid,
    ErrorCode::InputRejected,
    ErrorCode::Forbidden,
    ErrorCode::SlowRequest,
    ErrorCode::TooLarge,
    ErrorCode::MediaType,
    ErrorCode::FeatureStore,
    ErrorCode::EngineFailed,
    ErrorCode::EnginePanicked,
    ErrorCode::Internal,
    ErrorCode::Overloaded,
    ErrorCode::BreakerOpen,
    ErrorCode::ModelUnavailable,
    ErrorCode::NotReady,
    ErrorCode::Deadline,
];

fn recommend(live: &Live, schemas: &mut SchemaGenerator) -> Value {
    let mut request = schemas.subschema_for::<RecommendRequest>().to_value();
    let scenes: Vec<_> = live.scenes.keys().collect();
    if let Some(body) = request.as_object_mut() {
        // Only here the scenes are known; the rest of the schema is the type's.
        body.insert("properties".into(), json!({ "scene": { "enum": scenes } }));
    }
    let limit = live.limits.deadline;
    json!({
        "operationId": "recommend",
        "summary": "Rank candidates for a user.",
        "description": format!(
            "Ranks the named candidates, or the scene's own. The deadline is the smallest of timeout_ms, \
             X-Request-Timeout-Ms and {limit}, counted from the last header byte. Unknown fields are ignored."
        ),
        "parameters": [
            request_id(),
            header("X-Request-Timeout-Ms", "Time the caller gives.", json!({ "type": "integer", "minimum": 1 })),
            header("X-Criticality", "What is shed last to first; critical_plus takes the key.",
                json!({ "type": "string", "enum": ["critical_plus", "critical", "sheddable_plus", "sheddable"], "default": "critical" })),
            header("X-Criticality-Key", "The key that lets a caller send critical_plus.", json!({ "type": "string" })),
        ],
        "requestBody": {
            "required": true,
            "description": format!("At most {}.", live.limits.recommend_body),
            "content": { "application/json": { "schema": request } },
        },
        "responses": responses(
            vec![(StatusCode::OK, "The list, best first.", schema::<RecommendAnswer>(schemas))],
            RECOMMEND_FAILS_WITH,
        ),
    })
}
