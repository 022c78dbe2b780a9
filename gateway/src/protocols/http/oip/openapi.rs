//! The protocol's part of `GET /openapi.json`: its paths, with what they take and how they answer.

mod bodies;

use actix_web::http::StatusCode;
use common::ErrorCode;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use self::bodies::{IndexRequest, InferAnswer, InferRequest, LoadRequest};
use super::{
    super::openapi::describe::{header, request_id, responses, schema},
    config, control, metadata, stats,
};
use crate::live::Live;

/// What any path of a model may answer with.
const MODEL_FAILS_WITH: &[ErrorCode] = &[ErrorCode::UnknownModel, ErrorCode::ModelUnavailable];

/// What reading a body may answer with.
const BODY_FAILS_WITH: &[ErrorCode] = &[
    ErrorCode::Invalid,
    ErrorCode::SlowRequest,
    ErrorCode::TooLarge,
    ErrorCode::Overloaded,
];

const INFER_FAILS_WITH: &[ErrorCode] = &[
    ErrorCode::InputRejected,
    ErrorCode::Forbidden,
    ErrorCode::MediaType,
    ErrorCode::Internal,
    ErrorCode::EngineFailed,
    ErrorCode::EnginePanicked,
    ErrorCode::BreakerOpen,
    ErrorCode::NotReady,
    ErrorCode::Deadline,
];

const CHANGE_FAILS_WITH: &[ErrorCode] = &[
    ErrorCode::Forbidden,
    ErrorCode::UnknownModel,
    ErrorCode::Conflict,
    ErrorCode::Draining,
];

/// What the description depends on.
pub(in crate::protocols::http) struct Described<'d> {
    pub(in crate::protocols::http) live: &'d Live,
    /// Names of models that serve.
    pub(in crate::protocols::http) models: &'d [String],
}

impl Described<'_> {
    /// Every path of the protocol on the data port but health, which all protocols share.
    pub(in crate::protocols::http) fn paths(
        &self,
        schemas: &mut SchemaGenerator,
    ) -> Map<String, Value> {
        let mut paths = Map::new();
        let server = answer::<metadata::Server>(schemas, "Name, version and extensions.");
        let operation = json!({
            "operationId": "server",
            "summary": "What this server is.",
            "responses": responses(vec![server], &[]),
        });
        paths.insert("/v2".into(), json!({ "get": operation }));
        let all = answer::<stats::AllStats>(schemas, "Every model that is known.");
        let operation = json!({
            "operationId": "statsOfAll",
            "summary": "Counts and times of every model since it was loaded.",
            "responses": responses(vec![all], &[]),
        });
        paths.insert("/v2/models/stats".into(), json!({ "get": operation }));
        for versioned in [false, true] {
            self.of_model(versioned, schemas, &mut paths);
        }
        self.of_repository(schemas, &mut paths);
        paths
    }

    fn of_model(
        &self,
        versioned: bool,
        schemas: &mut SchemaGenerator,
        paths: &mut Map<String, Value>,
    ) {
        let (base, suffix) = match versioned {
            false => ("/v2/models/{model}", ""),
            true => ("/v2/models/{model}/versions/{version}", "OfVersion"),
        };
        let mut parameters = vec![self.model()];
        if versioned {
            parameters.push(path_parameter("version", "A version in service.", &["1"]));
        }
        parameters.push(request_id());
        let get = |id: &str, told: &str, answers, codes: &[ErrorCode]| {
            json!({ "get": {
                "operationId": format!("{id}{suffix}"),
                "summary": told,
                "parameters": parameters,
                "responses": responses(answers, codes),
            } })
        };
        let told = "What the model takes and gives.";
        let answers = vec![answer::<metadata::Model<'_>>(
            schemas,
            "Inputs and outputs.",
        )];
        paths.insert(base.into(), get("model", told, answers, MODEL_FAILS_WITH));
        let ready = schema::<metadata::Ready<'_>>(schemas);
        let answers = vec![
            (StatusCode::OK, "It serves.", ready.clone()),
            (StatusCode::SERVICE_UNAVAILABLE, "It does not.", ready),
        ];
        let operation = get(
            "modelReady",
            "Whether the model serves.",
            answers,
            &[ErrorCode::UnknownModel],
        );
        paths.insert(format!("{base}/ready"), operation);
        let told = "The model's configuration in Triton's terms.";
        let answers = vec![answer::<config::Config<'_>>(schemas, "The configuration.")];
        paths.insert(
            format!("{base}/config"),
            get("config", told, answers, MODEL_FAILS_WITH),
        );
        let told = "Counts and times of the model since it was loaded.";
        let answers = vec![answer::<stats::AllStats>(schemas, "Of this model alone.")];
        let operation = get("stats", told, answers, &[ErrorCode::UnknownModel]);
        paths.insert(format!("{base}/stats"), operation);
        let infer = self.infer(&format!("infer{suffix}"), parameters, schemas);
        paths.insert(format!("{base}/infer"), json!({ "post": infer }));
    }

    fn infer(&self, id: &str, mut parameters: Vec<Value>, schemas: &mut SchemaGenerator) -> Value {
        let limits = &self.live.limits;
        let coding = || json!({ "type": "string", "enum": ["identity", "gzip", "deflate"] });
        parameters.extend([
            header(
                "Inference-Header-Content-Length",
                "Length of the JSON in front of binary data.",
                json!({ "type": "integer", "minimum": 0 }),
            ),
            header(
                "X-Request-Timeout-Ms",
                "Time the caller gives.",
                json!({ "type": "integer", "minimum": 1 }),
            ),
            header("Content-Encoding", "How the body is compressed.", coding()),
            header(
                "Accept-Encoding",
                "How the answer may be compressed.",
                coding(),
            ),
        ]);
        let mut answers = responses(
            vec![answer::<InferAnswer>(
                schemas,
                "The outputs that were asked for. As binary data where the request says so, the header Inference-Header-Content-Length then telling the length of the JSON in front. JSON holds NaN, Infinity and -Infinity where the tensor does.",
            )],
            &[INFER_FAILS_WITH, BODY_FAILS_WITH, MODEL_FAILS_WITH].concat(),
        );
        answers["200"]["content"]["application/octet-stream"] = json!({});
        json!({
            "operationId": id,
            "summary": "Run the model.",
            "description": format!("The deadline is the smaller of X-Request-Timeout-Ms and {}.", limits.infer_deadline),
            "parameters": parameters,
            "requestBody": {
                "required": true,
                "description": format!("At most {}, also once it is decompressed.", limits.infer_body),
                "content": {
                    "application/json": { "schema": schema::<InferRequest>(schemas) },
                    "application/octet-stream": {},
                },
            },
            "responses": answers,
        })
    }

    fn of_repository(&self, schemas: &mut SchemaGenerator, paths: &mut Map<String, Value>) {
        let listed = answer::<Vec<control::Entry>>(schemas, "Models by name and version.");
        let index = json!({
            "operationId": "repositoryIndex",
            "summary": "Every model of the repository with its state.",
            "parameters": [request_id()],
            "requestBody": optional_body::<IndexRequest>(schemas),
            "responses": responses(vec![listed], BODY_FAILS_WITH),
        });
        paths.insert("/v2/repository/index".into(), json!({ "post": index }));
        for (change, told) in [
            (
                "load",
                "Bring a model into service as its folder is now. Answers 403 unless models.model_control opens it on this port.",
            ),
            (
                "unload",
                "Take a model out of service. Answers 403 unless models.model_control opens it on this port.",
            ),
        ] {
            let mut answers = responses(Vec::new(), &[CHANGE_FAILS_WITH, BODY_FAILS_WITH].concat());
            answers["200"] = json!({ "description": "Done." });
            let operation = json!({
                "operationId": change,
                "summary": told,
                "parameters": [self.model(), request_id()],
                "requestBody": optional_body::<LoadRequest>(schemas),
                "responses": answers,
            });
            let path = format!("/v2/repository/models/{{model}}/{change}");
            paths.insert(path, json!({ "post": operation }));
        }
    }

    fn model(&self) -> Value {
        let names: Vec<&str> = self.models.iter().map(String::as_str).collect();
        path_parameter("model", "The model's name.", &names)
    }
}

fn path_parameter(name: &str, told: &str, examples: &[&str]) -> Value {
    let mut schema = json!({ "type": "string", "minLength": 1 });
    if !examples.is_empty() {
        schema["examples"] = json!(examples);
    }
    json!({ "name": name, "in": "path", "required": true, "description": told, "schema": schema })
}

fn answer<'t, T: JsonSchema>(
    schemas: &mut SchemaGenerator,
    told: &'t str,
) -> (StatusCode, &'t str, Value) {
    (StatusCode::OK, told, schema::<T>(schemas))
}

fn optional_body<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    let content = json!({ "application/json": { "schema": schema::<T>(schemas) } });
    json!({ "required": false, "content": content })
}
