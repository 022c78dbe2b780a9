//! Large weights moved out of an `.onnx` to a file beside a small copy of it.
//!
//! The engine copies weights that lie inside the `.onnx` to the memory of each session, but maps
//! those that lie in a file of their own, and mapped pages are shared by all sessions and processes.
//! Nothing but the place of the weights changes; operators and everything else are copied as they are.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use super::{
    digest::{Hashed, MODEL, Written, write_file},
    facts::Facts,
    wire::{Field, Fields, Payload, WireError, put_bytes, put_varint},
};

/// A tensor below this stays where it is: a page's worth of sharing is not worth a mapping.
const LARGE_TENSOR_BYTES: usize = 64 << 10;
/// A model whose large tensors are less than this together stays whole.
pub(super) const WORTH_MOVING_BYTES: usize = 1 << 20;
/// Tensors begin on page boundaries, as mapping needs it.
const PAGE_BYTES: u64 = 4096;
/// Name of the file of weights in the cache.
pub(super) const WEIGHTS: &str = "weights.bin";

// Field numbers of onnx.proto.
const MODEL_GRAPH: u64 = 7;
const GRAPH_INITIALIZER: u64 = 5;
const TENSOR_TYPE: u64 = 2;
const TENSOR_FLOATS: u64 = 4;
const TENSOR_RAW: u64 = 9;
const TENSOR_DOUBLES: u64 = 10;
const TENSOR_EXTERNAL: u64 = 13;
const TENSOR_LOCATION: u64 = 14;
const EXTERNAL: u64 = 1;
// Element types of onnx.proto.
const TYPE_FLOAT: u64 = 1;
const TYPE_DOUBLE: u64 = 11;
/// Types whose raw bytes are their elements, little-endian: numbers of whole bytes.
const PLAIN_TYPES: [u64; 13] = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16];

/// A large tensor of the main graph.
pub(super) struct Large {
    /// Where its message lies in the file.
    message: std::ops::Range<usize>,
    /// Where its elements lie.
    pub(super) data: std::ops::Range<usize>,
    /// The field that holds them.
    field: u64,
}

/// The tensors of the main graph that are worth a mapping.
pub(super) fn large_tensors(file: &[u8], facts: &Facts) -> Result<Vec<Large>, WireError> {
    let mut large = Vec::new();
    for message in &facts.initializers {
        if message.len() < LARGE_TENSOR_BYTES {
            continue;
        }
        let (mut element, mut data) = (0, Vec::new());
        for field in Fields::of(file, message.clone()) {
            match field? {
                Field {
                    number: TENSOR_TYPE,
                    payload: Payload::Number(number),
                    ..
                } => element = number,
                Field {
                    number: number @ (TENSOR_FLOATS | TENSOR_RAW | TENSOR_DOUBLES),
                    payload: Payload::Bytes(range),
                    ..
                } => data.push((number, range)),
                _ => {}
            }
        }
        let [(field, data)] = data.as_slice() else {
            continue;
        };
        // Packed floats and doubles lie in the file just as raw data would.
        let plain = match *field {
            TENSOR_FLOATS => element == TYPE_FLOAT,
            TENSOR_DOUBLES => element == TYPE_DOUBLE,
            _ => PLAIN_TYPES.contains(&element),
        };
        if plain && data.len() >= LARGE_TENSOR_BYTES {
            large.push(Large {
                message: message.clone(),
                data: data.clone(),
                field: *field,
            });
        }
    }
    Ok(large)
}

/// Writes the weights and the small model to an empty folder.
pub(super) fn write_files(folder: &Path, file: &[u8], moved: &[Large]) -> io::Result<Vec<Written>> {
    let broken = |error: WireError| io::Error::other(error);
    let mut out = File::create_new(folder.join(WEIGHTS))?;
    let mut weights = BufWriter::new(Hashed::new(&mut out));
    let mut offset = 0u64;
    let mut places = Vec::with_capacity(moved.len());
    for tensor in moved {
        let padding = offset.next_multiple_of(PAGE_BYTES) - offset;
        weights.write_all(&[0u8; PAGE_BYTES as usize][..padding as usize])?;
        offset += padding;
        places.push(offset);
        weights.write_all(&file[tensor.data.clone()])?;
        offset += tensor.data.len() as u64;
    }
    let sha256 = weights.into_inner()?.finish();
    out.sync_all()?;
    let path = WEIGHTS.into();
    let weights = Written { path, sha256 };

    let mut model = Vec::new();
    for field in Fields::of(file, 0..file.len()) {
        match field.map_err(broken)? {
            Field {
                number: MODEL_GRAPH,
                payload: Payload::Bytes(graph),
                ..
            } => {
                let graph = graph_without(file, graph, moved, &places).map_err(broken)?;
                put_bytes(&mut model, MODEL_GRAPH, &graph);
            }
            other => model.extend_from_slice(&file[other.whole]),
        }
    }
    Ok(vec![weights, write_file(folder, MODEL, &model)?])
}

fn graph_without(
    file: &[u8],
    graph: std::ops::Range<usize>,
    moved: &[Large],
    places: &[u64],
) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    for field in Fields::of(file, graph) {
        let Field {
            number,
            payload,
            whole,
        } = field?;
        let found = match payload {
            Payload::Bytes(range) if number == GRAPH_INITIALIZER => {
                moved.iter().position(|tensor| tensor.message == range)
            }
            _ => None,
        };
        match found {
            Some(index) => {
                let tensor = tensor_outside(file, &moved[index], places[index])?;
                put_bytes(&mut out, GRAPH_INITIALIZER, &tensor);
            }
            None => out.extend_from_slice(&file[whole]),
        }
    }
    Ok(out)
}

fn tensor_outside(file: &[u8], tensor: &Large, offset: u64) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    for field in Fields::of(file, tensor.message.clone()) {
        let field = field?;
        if field.number != tensor.field {
            out.extend_from_slice(&file[field.whole]);
        }
    }
    let length = tensor.data.len().to_string();
    let offset = offset.to_string();
    for (key, value) in [
        ("location", WEIGHTS),
        ("offset", &offset),
        ("length", &length),
    ] {
        let mut entry = Vec::new();
        put_bytes(&mut entry, 1, key.as_bytes());
        put_bytes(&mut entry, 2, value.as_bytes());
        put_bytes(&mut out, TENSOR_EXTERNAL, &entry);
    }
    put_varint(&mut out, TENSOR_LOCATION << 3);
    put_varint(&mut out, EXTERNAL);
    Ok(out)
}
