//! What the server is and what each model takes and gives.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use common::ModelName;
use inference_actor::{Dim, InputSpec, ModelSpec, OutputSpec};
use pool::{ModelStatus, RoutingTable};
use serde::Serialize;

use super::{super::fallback::with_id, target};
use crate::recommend::Recommender;

/// What of the protocol and of Triton's extensions is served.
const EXTENSIONS: [&str; 4] = [
    "binary_tensor_data",
    "model_configuration",
    "model_repository",
    "statistics",
];

/// What this server is.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Server {
    name: &'static str,
    version: &'static str,
    extensions: [&'static str; 4],
}

/// `GET /v2`.
pub(super) async fn server() -> HttpResponse {
    HttpResponse::Ok().json(Server {
        name: "fusebox",
        version: env!("CARGO_PKG_VERSION"),
        extensions: EXTENSIONS,
    })
}

#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename = "TensorMetadata")]
struct Tensor<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: Vec<i64>,
}

/// What a model takes and gives; -1 is a dimension that requests choose.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename = "ModelMetadata")]
pub(super) struct Model<'a> {
    #[schemars(with = "String")]
    name: &'a ModelName,
    versions: Vec<String>,
    platform: &'static str,
    inputs: Vec<Tensor<'a>>,
    outputs: Vec<Tensor<'a>>,
}

/// `GET /v2/models/M[/versions/V]`.
pub(super) async fn model(request: HttpRequest, recommender: Data<Recommender>) -> HttpResponse {
    let front = recommender.front();
    let table = front.pool().table();
    match target::serving(&request, &table) {
        Ok(target) => HttpResponse::Ok().json(described(&target.spec, &table)),
        Err(failure) => with_id(&request, front, &failure),
    }
}

fn described<'a>(spec: &'a ModelSpec, table: &RoutingTable) -> Model<'a> {
    let input = |input: &'a InputSpec| Tensor {
        name: &input.name,
        datatype: input.dtype.as_str(),
        shape: input_shape(input),
    };
    let output = |output: &'a OutputSpec| Tensor {
        name: &output.name,
        datatype: output.dtype.as_str(),
        shape: sizes(&output.dims),
    };
    let ready = table
        .versions(&spec.name)
        .filter(|r| r.status == ModelStatus::Ready);
    let mut versions: Vec<u64> = ready.filter_map(|r| Some(r.version?.get())).collect();
    versions.sort_unstable();
    Model {
        name: &spec.name,
        versions: versions.iter().map(u64::to_string).collect(),
        platform: "onnxruntime_onnx",
        inputs: spec.inputs.iter().map(input).collect(),
        outputs: spec.outputs.iter().map(output).collect(),
    }
}

/// An input's dimensions, -1 for those that requests choose; `[-1]` where even the rank is theirs.
pub(super) fn input_shape(input: &InputSpec) -> Vec<i64> {
    if input.any_shape {
        vec![-1]
    } else {
        sizes(&input.dims)
    }
}

/// Dimensions, -1 for those that requests choose.
pub(super) fn sizes(dims: &[Dim]) -> Vec<i64> {
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => i64::try_from(*size).unwrap_or(i64::MAX),
        Dim::Dynamic(_) => -1,
    };
    dims.iter().map(size).collect()
}

/// Whether a model serves.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename = "ModelReady")]
pub(super) struct Ready<'a> {
    #[schemars(with = "String")]
    name: &'a ModelName,
    ready: bool,
}

/// `GET /v2/models/M[/versions/V]/ready`.
pub(super) async fn ready(request: HttpRequest, recommender: Data<Recommender>) -> HttpResponse {
    let front = recommender.front();
    let route = match target::route(&request, &front.pool().table()) {
        Ok(route) => route,
        Err(failure) => return with_id(&request, front, &failure),
    };
    let ready = route.status == ModelStatus::Ready;
    let body = Ready {
        name: &route.name,
        ready,
    };
    match ready {
        true => HttpResponse::Ok().json(body),
        false => HttpResponse::ServiceUnavailable().json(body),
    }
}
