//! The bodies that the protocol reads and writes by hand, as types that describe them.
//!
//! Requests are parsed and answers written without these, in one pass each; they exist for the
//! document, and the test that holds it against the server keeps them true.
#![expect(dead_code, reason = "only their shape is used")]

use common::tensor::DType;
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::super::super::openapi::describe::absent_not_null;

/// Inputs, and which outputs are wanted. Unknown fields are ignored.
#[derive(JsonSchema)]
#[schemars(transform = absent_not_null)]
pub(super) struct InferRequest {
    /// Echoed; made where absent.
    id: Option<String>,
    parameters: Option<RequestParameters>,
    /// Each input of the model once; optional ones may be left out.
    inputs: Option<Vec<InputTensor>>,
    /// Absent or empty, all.
    outputs: Option<Vec<WantedOutput>>,
}

#[derive(JsonSchema)]
#[schemars(transform = absent_not_null)]
struct RequestParameters {
    /// Whether outputs come as binary data unless they say otherwise.
    binary_data_output: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(transform = absent_not_null)]
struct InputTensor {
    name: String,
    #[schemars(extend("enum" = dtypes()))]
    datatype: String,
    shape: Vec<u64>,
    parameters: Option<InputParameters>,
    /// Flat, or nested as the shape says; a scalar may stand alone. Absent where the data is binary.
    data: Option<Value>,
}

#[derive(JsonSchema)]
#[schemars(transform = absent_not_null)]
struct InputParameters {
    /// Bytes behind the JSON that are this input's.
    binary_data_size: Option<u64>,
}

#[derive(JsonSchema)]
#[schemars(transform = absent_not_null)]
struct WantedOutput {
    name: String,
    parameters: Option<OutputParameters>,
}

#[derive(JsonSchema)]
#[schemars(transform = absent_not_null)]
struct OutputParameters {
    binary_data: Option<bool>,
}

/// Outputs of a run.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct InferAnswer {
    id: String,
    model_name: String,
    model_version: String,
    outputs: Vec<OutputTensor>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = absent_not_null)]
struct OutputTensor {
    name: String,
    #[schemars(extend("enum" = dtypes()))]
    datatype: String,
    shape: Vec<u64>,
    /// Flat and row-major. Absent where the data is binary.
    data: Option<Vec<Element>>,
    parameters: Option<BinarySize>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct BinarySize {
    binary_data_size: u64,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Element {
    Number(f64),
    Flag(bool),
    Text(String),
}

/// Which models to list.
#[derive(JsonSchema)]
#[schemars(transform = absent_not_null)]
pub(super) struct IndexRequest {
    /// Only those that serve.
    ready: Option<bool>,
}

/// Which version to load or unload. A model is what its folder holds: nothing else can be given.
#[derive(JsonSchema)]
#[schemars(transform = absent_not_null)]
pub(super) struct LoadRequest {
    parameters: Option<LoadParameters>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct LoadParameters {
    /// Accepted and of no effect: no model here depends on another.
    unload_dependents: Option<bool>,
    /// This version only; the others of the model are left alone. Without it, a load takes all
    /// versions that `model.toml` chooses, and an unload all that are in service.
    version: Option<String>,
}

fn dtypes() -> Value {
    json!(DType::ALL.iter().map(|d| d.as_str()).collect::<Vec<_>>())
}
