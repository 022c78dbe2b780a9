//! Integer division that cannot end the process.
//!
//! The least integer divided by −1 has no result in its type. The processor traps, and the engine does
//! not catch it: `Div` and `Mod` of INT32 and INT64 end the process (SIGFPE) on a divisor of −1 that a
//! caller sends. Narrower types are divided as INT32, and `Mod` with `fmod = 1` as floating point: they
//! are safe. A divisor of zero is an error of the engine.
//!
//! So where the divisor is no constant, these nodes are written anew:
//!
//! ```text
//! Div(a, b) = Where(b = −1, −a, Div(a, Where(b = −1, 1, b)))
//! Mod(a, b) = Mod(a, Where(b = −1, 1, b))
//! ```
//!
//! Every result stays what it was; the least integer by −1 is itself, and its remainder 0. Nodes inside
//! the bodies of `If`, `Loop` and `Scan` and of functions are left alone, as are those whose type cannot
//! be told from the graph, and models of an operator set below 9, which has no `Where` for them.

mod read;

use std::ops::Range;

use self::read::{Division, Reader};
use super::{
    facts::Facts,
    wire::{Fields, Payload, WireError, put_bytes, put_varint},
};

// Field numbers of onnx.proto.
const MODEL_GRAPH: u64 = 7;
const MODEL_OPSET: u64 = 8;
const OPSET_DOMAIN: u64 = 1;
const OPSET_VERSION: u64 = 2;
const GRAPH_NODE: u64 = 1;
const GRAPH_INITIALIZER: u64 = 5;
/// Inputs, outputs, and values in between.
const GRAPH_VALUES: [u64; 3] = [11, 12, 13];
const NODE_INPUT: u64 = 1;
const NODE_OUTPUT: u64 = 2;
const NODE_OPERATOR: u64 = 4;
const NODE_ATTRIBUTE: u64 = 5;
const NODE_DOMAIN: u64 = 7;
const ATTRIBUTE_NAME: u64 = 1;
const ATTRIBUTE_NUMBER: u64 = 3;
const ATTRIBUTE_TENSOR: u64 = 5;
const ATTRIBUTE_TYPE: u64 = 20;
const ATTRIBUTE_IS_TENSOR: u64 = 4;
const TENSOR_TYPE: u64 = 2;
const TENSOR_RAW: u64 = 9;
const TENSOR_NAME: u64 = 8;
const VALUE_NAME: u64 = 1;
const VALUE_TYPE: u64 = 2;
const TYPE_TENSOR: u64 = 1;
const TENSOR_ELEMENT: u64 = 1;
// Element types of onnx.proto.
const INT32: u64 = 6;
const INT64: u64 = 7;

/// The first set of operators in which `Where` exists.
const MIN_OPSET: u64 = 9;
/// The same model with its integer divisions guarded; none where it has none that need it.
pub(crate) fn guarded(file: &[u8], facts: &Facts) -> Result<Option<Vec<u8>>, WireError> {
    let [graph] = facts.graphs.as_slice() else {
        return Ok(None);
    };
    let reader = Reader { file };
    if reader.opset()? < MIN_OPSET {
        return Ok(None);
    }
    let divisions = reader.divisions(graph.clone())?;
    if divisions.is_empty() {
        return Ok(None);
    }
    let mut model = Vec::with_capacity(file.len() + 1024);
    for field in Fields::of(file, 0..file.len()) {
        let field = field?;
        match field.payload {
            Payload::Bytes(graph) if field.number == MODEL_GRAPH => {
                let graph = rewritten(file, graph, &divisions)?;
                put_bytes(&mut model, MODEL_GRAPH, &graph);
            }
            _ => model.extend_from_slice(&file[field.whole]),
        }
    }
    Ok(Some(model))
}

/// The graph with these nodes written anew, each where it stood.
fn rewritten(
    file: &[u8],
    graph: Range<usize>,
    divisions: &[Division],
) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    for field in Fields::of(file, graph) {
        let field = field?;
        let found = match &field.payload {
            Payload::Bytes(range) if field.number == GRAPH_NODE => divisions
                .iter()
                .enumerate()
                .find(|(_, d)| d.message == *range),
            _ => None,
        };
        match found {
            Some((number, division)) => guard(&mut out, number, division),
            None => out.extend_from_slice(&file[field.whole]),
        }
    }
    Ok(out)
}

/// Writes the nodes that stand for one division.
fn guard(out: &mut Vec<u8>, number: usize, division: &Division) {
    let Division { element, node, .. } = division;
    let ([a, b], [y]) = (node.inputs.as_slice(), node.outputs.as_slice()) else {
        return;
    };
    let own = |part: &str| format!("fusebox/division/{number}/{part}");
    let (minus, one) = (own("minus_one"), own("one"));
    let (is_minus, divisor) = (own("is_minus_one"), own("divisor"));
    put_constant(out, &minus, *element, -1);
    put_constant(out, &one, *element, 1);
    put_node(out, "Equal", &[b, &minus], &is_minus);
    put_node(out, "Where", &[&is_minus, &one, b], &divisor);
    if node.operator == "Mod" {
        return put_node(out, "Mod", &[a, &divisor], y);
    }
    let (quotient, negated) = (own("quotient"), own("negated"));
    put_node(out, "Div", &[a, &divisor], &quotient);
    put_node(out, "Neg", &[a], &negated);
    put_node(out, "Where", &[&is_minus, &negated, &quotient], y);
}

fn put_node(out: &mut Vec<u8>, operator: &str, inputs: &[&str], output: &str) {
    let mut node = Vec::new();
    for input in inputs {
        put_bytes(&mut node, NODE_INPUT, input.as_bytes());
    }
    put_bytes(&mut node, NODE_OUTPUT, output.as_bytes());
    put_bytes(&mut node, NODE_OPERATOR, operator.as_bytes());
    put_bytes(out, GRAPH_NODE, &node);
}

/// A scalar.
fn put_constant(out: &mut Vec<u8>, output: &str, element: u64, value: i32) {
    let (mut tensor, mut attribute, mut node) = (Vec::new(), Vec::new(), Vec::new());
    put_varint(&mut tensor, TENSOR_TYPE << 3);
    put_varint(&mut tensor, element);
    match element {
        INT32 => put_bytes(&mut tensor, TENSOR_RAW, &value.to_le_bytes()),
        _ => put_bytes(&mut tensor, TENSOR_RAW, &i64::from(value).to_le_bytes()),
    }
    put_bytes(&mut attribute, ATTRIBUTE_NAME, b"value");
    put_bytes(&mut attribute, ATTRIBUTE_TENSOR, &tensor);
    put_varint(&mut attribute, ATTRIBUTE_TYPE << 3);
    put_varint(&mut attribute, ATTRIBUTE_IS_TENSOR);
    put_bytes(&mut node, NODE_OUTPUT, output.as_bytes());
    put_bytes(&mut node, NODE_OPERATOR, b"Constant");
    put_bytes(&mut node, NODE_ATTRIBUTE, &attribute);
    put_bytes(out, GRAPH_NODE, &node);
}

#[cfg(test)]
mod tests;
