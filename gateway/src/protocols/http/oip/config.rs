//! `GET …/config`: a model's configuration in Triton's terms, as its clients read it.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use common::{ModelName, tensor::DType};
use inference_actor::{ModelSpec, Role};
use serde::Serialize;
use serde_json::json;

use super::{super::fallback::with_id, metadata, target};
use crate::{recommend::Recommender, request::Target};

/// A model's configuration.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename = "ModelConfig")]
pub(super) struct Config<'a> {
    #[schemars(with = "String")]
    name: &'a ModelName,
    platform: &'static str,
    backend: &'static str,
    max_batch_size: usize,
    input: Vec<Input<'a>>,
    output: Vec<Tensor<'a>>,
    default_model_filename: &'static str,
    version_policy: serde_json::Value,
    instance_group: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamic_batching: Option<serde_json::Value>,
    parameters: serde_json::Value,
}

#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "InputConfig")]
struct Input<'a> {
    #[serde(flatten)]
    tensor: Tensor<'a>,
    format: &'static str,
    optional: bool,
}

#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "TensorConfig")]
struct Tensor<'a> {
    name: &'a str,
    data_type: String,
    dims: Vec<i64>,
}

pub(super) async fn show(request: HttpRequest, recommender: Data<Recommender>) -> HttpResponse {
    let front = recommender.front();
    match target::serving(&request, &front.pool().table()) {
        Ok(Target { spec, route, .. }) => {
            HttpResponse::Ok().json(config(&spec, route.actors.len()))
        }
        Err(failure) => with_id(&request, front, &failure),
    }
}

fn config(spec: &ModelSpec, instances: usize) -> Config<'_> {
    // Per-candidate inputs of a ranker have other first dimensions than its per-request ones, which
    // Triton's notion of a batch cannot say: to its clients such a model has no batch dimension.
    let max_batch_size = spec.max_batch_size.unwrap_or(0);
    let dims = |mut dims: Vec<i64>| {
        if max_batch_size > 0 && !dims.is_empty() {
            dims.remove(0);
        }
        dims
    };
    let inputs = spec.inputs.iter().map(|i| Input {
        tensor: Tensor {
            name: &i.name,
            data_type: data_type(i.dtype),
            dims: dims(metadata::input_shape(i)),
        },
        format: "FORMAT_NONE",
        // The row index of a ranker may be left out while there is one request.
        optional: i.optional || i.role == Role::RowIndex,
    });
    let outputs = spec.outputs.iter().map(|o| Tensor {
        name: &o.name,
        data_type: data_type(o.dtype),
        dims: dims(metadata::sizes(&o.dims)),
    });
    Config {
        name: &spec.name,
        platform: "onnxruntime_onnx",
        backend: "onnxruntime",
        max_batch_size,
        input: inputs.collect(),
        output: outputs.collect(),
        default_model_filename: "model.onnx",
        version_policy: json!({ "specific": { "versions": [spec.version.get()] } }),
        instance_group: json!([{ "name": spec.name, "kind": "KIND_CPU", "count": instances }]),
        dynamic_batching: (max_batch_size > 0)
            .then(|| json!({ "preferred_batch_size": [], "max_queue_delay_microseconds": 0 })),
        parameters: json!({ "business_code": { "string_value": spec.business_code } }),
    }
}

fn data_type(dtype: DType) -> String {
    match dtype {
        DType::Bytes => "TYPE_STRING".to_owned(),
        other => format!("TYPE_{other}"),
    }
}
