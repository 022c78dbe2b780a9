//! The parts that descriptions of paths are made of.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use common::ErrorCode;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::super::status::status as status_of;

pub(in crate::protocols::http) fn header(name: &str, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "header", "required": false, "description": description, "schema": schema })
}

pub(in crate::protocols::http) fn request_id() -> Value {
    let schema = json!({ "type": "string", "pattern": "^[!#-\\[\\]-~]{1,128}$" });
    header("X-Request-Id", "Echoed; made where absent.", schema)
}

/// Answers by status: these, and the errors that the table maps the codes to. A method that a path
/// does not have is answered 405 everywhere.
pub(in crate::protocols::http) fn responses(
    good: Vec<(StatusCode, &str, Value)>,
    codes: &[ErrorCode],
) -> Value {
    let mut by_status: BTreeMap<String, Value> = BTreeMap::new();
    for (status, description, schema) in good {
        let content = json!({ "application/json": { "schema": schema } });
        by_status.insert(
            status.as_str().to_owned(),
            json!({ "description": description, "content": content }),
        );
    }
    let everywhere = [ErrorCode::MethodNotAllowed];
    let mut failures: BTreeMap<StatusCode, Vec<&str>> = BTreeMap::new();
    for code in codes.iter().chain(&everywhere) {
        let of_status = failures.entry(status_of(*code)).or_default();
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

pub(in crate::protocols::http) fn schema<T: schemars::JsonSchema>(
    schemas: &mut SchemaGenerator,
) -> Value {
    schemas.subschema_for::<T>().to_value()
}

/// A field of ours that is optional may be left out; it may not be null.
pub(in crate::protocols::http) fn absent_not_null(schema: &mut Schema) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for property in properties.values_mut().filter_map(Value::as_object_mut) {
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|name| name != "null");
            if let [one] = types.as_slice() {
                let one = one.clone();
                property.insert("type".into(), one);
            }
        }
        if let Some(Value::Array(choices)) = property.get_mut("anyOf") {
            choices.retain(|choice| *choice != json!({ "type": "null" }));
        }
    }
}
