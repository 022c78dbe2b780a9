//! An inference answer: JSON, and behind it the outputs that were wanted as binary data.

use common::{ErrorCode, tensor::Tensor};
use inference_actor::ModelSpec;

use super::{binary, numbers, request::RequestedOutput};
use crate::failure::Failure;

/// A body, and the length of its JSON where binary data follows.
#[derive(Debug)]
pub(super) struct EncodedResponse {
    pub(super) body: Vec<u8>,
    pub(super) json_bytes: Option<usize>,
}

/// Writes the outputs that were asked for. `outputs` follow the model's order.
pub(super) fn write(
    spec: &ModelSpec,
    id: &str,
    wanted: &[RequestedOutput],
    outputs: &[Tensor],
) -> Result<EncodedResponse, Failure> {
    let mut body = Vec::with_capacity(256 + estimate(wanted, outputs));
    body.extend_from_slice(b"{\"id\":");
    text(&mut body, id);
    body.extend_from_slice(b",\"model_name\":");
    text(&mut body, spec.name.as_str());
    body.extend_from_slice(b",\"model_version\":");
    text(&mut body, &spec.version.to_string());
    body.extend_from_slice(b",\"outputs\":[");
    let mut behind = Vec::new();
    for (position, want) in wanted.iter().enumerate() {
        let declared = &spec.outputs[want.index];
        let tensor = outputs.get(want.index).ok_or_else(|| {
            let message = format!("the model returned no output `{}`", declared.name);
            Failure::new(ErrorCode::EngineFailed, message)
        })?;
        if position > 0 {
            body.push(b',');
        }
        body.extend_from_slice(b"{\"name\":");
        text(&mut body, &declared.name);
        body.extend_from_slice(b",\"datatype\":\"");
        body.extend_from_slice(tensor.dtype().as_str().as_bytes());
        body.extend_from_slice(b"\",\"shape\":");
        shape(&mut body, tensor);
        if want.binary {
            let size = binary::size_bytes(tensor);
            body.extend_from_slice(b",\"parameters\":{\"binary_data_size\":");
            body.extend_from_slice(itoa::Buffer::new().format(size).as_bytes());
            body.extend_from_slice(b"}}");
            behind.push((tensor, declared.name.as_str()));
        } else {
            body.extend_from_slice(b",\"data\":");
            numbers::write(&mut body, tensor).ok_or_else(|| not_text(&declared.name))?;
            body.push(b'}');
        }
    }
    body.extend_from_slice(b"]}");
    let json_bytes = body.len();
    for (tensor, name) in &behind {
        binary::write(&mut body, tensor).ok_or_else(|| {
            let message = format!("a string of output `{name}` is longer than 4 GiB");
            Failure::new(ErrorCode::EngineFailed, message)
        })?;
    }
    Ok(EncodedResponse {
        body,
        json_bytes: (!behind.is_empty()).then_some(json_bytes),
    })
}

/// About how large the outputs will be, written.
pub(super) fn estimate(wanted: &[RequestedOutput], outputs: &[Tensor]) -> usize {
    // A number takes about this many times its bytes as text.
    const TEXT_FACTOR: usize = 3;
    let of = |want: &RequestedOutput| {
        let bytes = outputs.get(want.index).map_or(0, binary::size_bytes);
        bytes * if want.binary { 1 } else { TEXT_FACTOR } + 128
    };
    wanted.iter().map(of).sum()
}

fn not_text(name: &str) -> Failure {
    Failure::invalid(format!(
        "output `{name}` holds bytes that are not UTF-8, which JSON cannot carry; ask for it with the parameter binary_data"
    ))
}

fn shape(out: &mut Vec<u8>, tensor: &Tensor) {
    out.push(b'[');
    for (index, size) in tensor.shape().dims().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(itoa::Buffer::new().format(*size).as_bytes());
    }
    out.push(b']');
}

fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(&mut *out, text).expect("a text is written to memory");
}
