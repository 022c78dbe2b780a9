//! From a lowered graph to the two files that are served: the model, and its large weights.

mod branches;
mod messages;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use bytes::Bytes;
use prost::Message;

use self::messages::entry;
use crate::{
    Error,
    builder::Builder,
    graph::{Def, Id, Value},
    proto::{GraphProto, Model, TensorProto, ValueInfo},
    tensor::Tensor,
};

/// Name of the model in its folder.
pub const MODEL: &str = "model.onnx";
/// Name of the file of its large weights.
pub const WEIGHTS: &str = "weights.bin";
/// Smaller tensors lie in the model itself, where the engine folds them.
const INLINE_BYTES: usize = 16 << 10;
/// Tensors begin on page boundaries, as mapping needs it.
const PAGE_BYTES: usize = 4096;

/// A model, and the weights that lie outside of it.
#[derive(Debug, Clone)]
pub struct Files {
    model: Vec<u8>,
    weights: Vec<(usize, Bytes)>,
}

impl Files {
    /// Writes both into a folder.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        if !self.weights.is_empty() {
            let mut file = BufWriter::new(File::create(folder.join(WEIGHTS))?);
            let mut at = 0;
            for (offset, bytes) in &self.weights {
                file.write_all(&vec![0; offset - at])?;
                file.write_all(bytes)?;
                at = offset + bytes.len();
            }
            file.into_inner()
                .map_err(io::IntoInnerError::into_error)?
                .sync_all()?;
        }
        let mut file = File::create(folder.join(MODEL))?;
        file.write_all(&self.model)?;
        file.sync_all()
    }

    /// Bytes of the weights outside of the model.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        self.weights.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

/// A graph that was lowered twice: what its outputs are in runs of one request and of several.
pub(crate) struct Lowered {
    pub(crate) builder: Builder,
    pub(crate) one: Vec<Id>,
    pub(crate) many: Vec<Id>,
    /// A value of the request, whose rows tell how many requests there are.
    pub(crate) request: Option<Id>,
}

/// Writes the files.
pub(crate) fn export(
    lowered: &Lowered,
    outputs: &[ValueInfo],
    like: &Model,
) -> Result<Files, Error> {
    let graph = &lowered.builder.graph;
    let mut proto = GraphProto {
        name: Some("optimised".into()),
        output: outputs.to_vec(),
        input: graph
            .inputs
            .iter()
            .map(|id| messages::input(graph.value(*id)))
            .collect(),
        ..GraphProto::default()
    };
    let used = branches::write(lowered, outputs, &mut proto)?;
    let mut weights = Vec::new();
    let mut end = 0;
    for id in used {
        let value: &Value = graph.value(id);
        let Def::Constant(tensor) = &value.def else {
            continue;
        };
        let mut message = initializer(&value.name, tensor);
        if tensor.bytes.len() > INLINE_BYTES {
            let offset = usize::next_multiple_of(end, PAGE_BYTES);
            end = offset + tensor.bytes.len();
            message.raw_data = None;
            message.data_location = Some(1);
            message.external_data = vec![
                entry("location", WEIGHTS.to_owned()),
                entry("offset", offset.to_string()),
                entry("length", tensor.bytes.len().to_string()),
            ];
            weights.push((offset, tensor.bytes.clone()));
        }
        proto.initializer.push(message);
    }
    let model = Model {
        ir_version: like.ir_version,
        producer_name: Some("fusebox optimiser".into()),
        graph: Some(proto),
        opset_import: like.opset_import.clone(),
        functions: Vec::new(),
    };
    Ok(Files {
        model: model.encode_to_vec(),
        weights,
    })
}

fn initializer(name: &str, tensor: &Tensor) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        raw_data: Some(tensor.bytes.clone()),
        ..messages::tensor(tensor)
    }
}
