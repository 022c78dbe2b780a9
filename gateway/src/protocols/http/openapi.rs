//! `GET /openapi.json`: what the data port serves, as OpenAPI 3.1.
//!
//! Each protocol describes its own paths: bodies by the types in its `openapi/bodies.rs` and by
//! those that are written to the wire themselves; errors by the closed list and the table that maps
//! it to statuses. A test holds the document against what the server answers.

pub(super) mod describe;

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, ServiceConfig},
};
use pool::ModelStatus;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use self::describe::responses;
use super::{
    fallback::{get, reading},
    oip::openapi::Described,
    respond::ErrorBody,
    rest::openapi as rest,
};
use crate::{live::Live, recommend::Recommender, request::Protocol};

/// Models named as examples; a repository may hold thousands.
const MAX_EXAMPLES: usize = 20;

/// The path of the document.
pub(super) fn configure(config: &mut ServiceConfig) {
    get(config, Protocol::Rest, "/openapi.json", reading().to(show));
}

/// The document for this process's configuration.
async fn show(recommender: Data<Recommender>) -> HttpResponse {
    let front = recommender.front();
    let table = front.pool().table();
    let serving = table.models().filter(|m| m.status == ModelStatus::Ready);
    let mut models: Vec<String> = serving.map(|m| m.name.to_string()).collect();
    models.sort();
    models.truncate(MAX_EXAMPLES);
    HttpResponse::Ok().json(document(&front.live(), &models))
}

fn document(live: &Live, models: &[String]) -> Value {
    let mut schemas = schemas();
    let mut paths = rest::paths(live, &mut schemas);
    let own = json!({ "type": "object", "description": "this document" });
    let this = json!({
        "operationId": "openapi",
        "summary": "This document.",
        "responses": responses(vec![(StatusCode::OK, "This document.", own)], &[]),
    });
    paths.insert("/openapi.json".into(), json!({ "get": this }));
    paths.insert("/v2/thrift".into(), super::thrift::described(&live.limits));
    paths.extend(Described { live, models }.paths(&mut schemas));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fusebox gateway",
            "summary": "ONNX inference for recommendation ranking.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": components(schemas) },
    })
}

/// JSON Schema 2020-12, which OpenAPI 3.1 speaks, with references into its components.
fn schemas() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.into_generator()
}

fn components(mut schemas: SchemaGenerator) -> Value {
    let error = schemas.root_schema_for::<ErrorBody<'_>>();
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
        let live = crate::live::tests::defaults();
        let document = document(&live, &["m".to_owned()]);
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        assert!(text.contains("genre_comedy"));
    }
}
