//! `GET /openapi.json`: what the data port serves, as OpenAPI 3.1.
//!
//! Bodies are described by the types in `openapi/bodies.rs` and by those that are written to the
//! wire themselves; errors by the closed list and the table that maps it to statuses. The Open
//! Inference Protocol describes its own paths. A test holds the document against what the server
//! answers.

mod bodies;

use std::{collections::BTreeMap, rc::Rc};

use actix_web::{HttpResponse, http::StatusCode, web::Data};
use common::{ErrorCode, config::Settings};
use pool::ModelStatus;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

pub(in crate::protocols) use self::bodies::absent_not_null;
use self::bodies::{RecommendAnswer, RecommendRequest};
use super::health::Health;
use crate::{front::Front, protocols::oip, respond};

/// The document for this process's configuration.
pub(super) async fn show(front: Data<Rc<Front>>) -> HttpResponse {
    let table = front.pool().table();
    let serving = table.models().filter(|m| m.status == ModelStatus::Ready);
    let mut models: Vec<String> = serving.map(|m| m.name.to_string()).collect();
    models.sort();
    models.truncate(MAX_EXAMPLES);
    HttpResponse::Ok().json(document(&front.shared().settings, &models))
}

/// Models named as examples; a repository may hold thousands.
const MAX_EXAMPLES: usize = 20;

fn document(settings: &Settings, models: &[String]) -> Value {
    let mut schemas = schemas();
    let recommend = recommend(settings, &mut schemas);
    let health = schema::<Health>(&mut schemas);
    let own = json!({ "type": "object", "description": "this document" });
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fusebox gateway",
            "summary": "ONNX inference for recommendation ranking.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": {
            "/v2/recommend/item": { "post": recommend },
            "/v2/health/live": { "get": {
                "operationId": "live",
                "summary": "Whether the process answers at all.",
                "responses": responses(vec![(StatusCode::OK, "The process answers.", health.clone())], &[]),
            } },
            "/v2/health/ready": { "get": {
                "operationId": "ready",
                "summary": "Whether to send requests here: once every model is warm, until draining.",
                "responses": responses(vec![
                    (StatusCode::OK, "Send requests.", health.clone()),
                    (StatusCode::SERVICE_UNAVAILABLE, "Send no requests: starting or draining.", health),
                ], &[]),
            } },
            "/openapi.json": { "get": {
                "operationId": "openapi",
                "summary": "This document.",
                "responses": responses(vec![(StatusCode::OK, "This document.", own)], &[]),
            } },
        },
    });
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.extend(oip::openapi::Described { settings, models }.paths(&mut schemas));
    }
    document["components"] = json!({ "schemas": components(schemas) });
    document
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

fn recommend(settings: &Settings, schemas: &mut SchemaGenerator) -> Value {
    let mut request = schemas.subschema_for::<RecommendRequest>().to_value();
    let scenes: Vec<_> = settings.scenes.keys().collect();
    if let Some(body) = request.as_object_mut() {
        // Only here the scenes are known; the rest of the schema is the type's.
        body.insert("properties".into(), json!({ "scene": { "enum": scenes } }));
    }
    let limit = settings.limits.deadline;
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
            "description": format!("At most {}.", settings.limits.recommend_body),
            "content": { "application/json": { "schema": request } },
        },
        "responses": responses(
            vec![(StatusCode::OK, "The list, best first.", schema::<RecommendAnswer>(schemas))],
            RECOMMEND_FAILS_WITH,
        ),
    })
}

pub(in crate::protocols) fn header(name: &str, told: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "header", "required": false, "description": told, "schema": schema })
}

pub(in crate::protocols) fn request_id() -> Value {
    let schema = json!({ "type": "string", "pattern": "^[!#-\\[\\]-~]{1,128}$" });
    header("X-Request-Id", "Echoed; made where absent.", schema)
}

/// Answers by status: these, and the errors that the table maps the codes to. A method that a path
/// does not have is answered 405 everywhere.
pub(in crate::protocols) fn responses(
    good: Vec<(StatusCode, &str, Value)>,
    codes: &[ErrorCode],
) -> Value {
    let mut by_status: BTreeMap<String, Value> = BTreeMap::new();
    for (status, told, schema) in good {
        let content = json!({ "application/json": { "schema": schema } });
        by_status.insert(
            status.as_str().to_owned(),
            json!({ "description": told, "content": content }),
        );
    }
    let everywhere = [ErrorCode::MethodNotAllowed];
    let mut failures: BTreeMap<StatusCode, Vec<&str>> = BTreeMap::new();
    for code in codes.iter().chain(&everywhere) {
        let of_status = failures.entry(respond::status(*code)).or_default();
        of_status.push(code.as_str());
    }
    for (status, codes) in failures {
        let mut answer = json!({
            "description": codes.join(", "),
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
        });
        if status == StatusCode::SERVICE_UNAVAILABLE {
            answer["headers"] = json!({ "Retry-After": {
                "description": "Seconds to wait before the next try.",
                "schema": { "type": "integer", "minimum": 1 },
            } });
        }
        by_status.insert(status.as_str().to_owned(), answer);
    }
    json!(by_status)
}

/// JSON Schema 2020-12, which OpenAPI 3.1 speaks, with references into its components.
fn schemas() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.into_generator()
}

pub(in crate::protocols) fn schema<T: schemars::JsonSchema>(
    schemas: &mut SchemaGenerator,
) -> Value {
    schemas.subschema_for::<T>().to_value()
}

fn components(mut schemas: SchemaGenerator) -> Value {
    let error = schemas.root_schema_for::<respond::ErrorBody<'_>>();
    let mut all = schemas.take_definitions(true);
    let mut error = error.to_value();
    // What the error refers to is among the components already.
    if let Some(body) = error.as_object_mut() {
        body.remove("components");
    }
    all.insert("Error".into(), error);
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere_and_every_scene_is_named() {
        let settings = common::config::load(None, &[], &|_| Vec::new()).unwrap();
        let document = document(&settings, &["m".to_owned()]);
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        assert!(text.contains("genre_comedy"));
    }
}
