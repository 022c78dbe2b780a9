//! Small ONNX graphs, written field by field.

#![allow(dead_code, reason = "each file of tests uses a part of this")]

pub(crate) const FLOAT: u64 = 1;
pub(crate) const INT32: u64 = 6;
pub(crate) const INT64: u64 = 7;
pub(crate) const BOOL: u64 = 9;

pub(crate) fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

pub(crate) fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [
        varint(field << 3 | 2),
        varint(value.len() as u64),
        value.to_vec(),
    ]
    .concat()
}

pub(crate) fn text(field: u64, value: &str) -> Vec<u8> {
    bytes(field, value.as_bytes())
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut encoded = Vec::new();
    while value >= 0x80 {
        encoded.push(value as u8 | 0x80);
        value >>= 7;
    }
    encoded.push(value as u8);
    encoded
}

/// A node of this operator; attributes as `number_attribute` and `graph_attribute` make them.
pub(crate) fn node(
    operator: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[Vec<u8>],
) -> Vec<u8> {
    let mut node: Vec<u8> = inputs.iter().flat_map(|input| text(1, input)).collect();
    node.extend(outputs.iter().flat_map(|output| text(2, output)));
    node.extend(text(4, operator));
    node.extend(attributes.iter().flat_map(|attribute| bytes(5, attribute)));
    bytes(1, &node)
}

pub(crate) fn number_attribute(name: &str, value: u64) -> Vec<u8> {
    [text(1, name), number(3, value), number(20, 2)].concat()
}

pub(crate) fn graph_attribute(name: &str, graph: &[u8]) -> Vec<u8> {
    [text(1, name), bytes(6, graph), number(20, 5)].concat()
}

/// A tensor's name, element type and dimensions: sizes or names.
pub(crate) fn value(name: &str, element: u64, dims: &[&str]) -> Vec<u8> {
    let dim = |dim: &&str| match dim.parse() {
        Ok(size) => bytes(1, &number(1, size)),
        Err(_) => bytes(1, &text(2, dim)),
    };
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    let tensor = [number(1, element), bytes(2, &shape)].concat();
    [text(1, name), bytes(2, &bytes(1, &tensor))].concat()
}

/// An initialiser with its elements inside.
pub(crate) fn constant(name: &str, element: u64, dims: &[u64], raw: &[u8]) -> Vec<u8> {
    let mut tensor: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    tensor.extend([number(2, element), text(8, name), bytes(9, raw)].concat());
    bytes(5, &tensor)
}

/// An initialiser with its elements in a file beside the model.
pub(crate) fn external(name: &str, element: u64, dims: &[u64], file: &str) -> Vec<u8> {
    let mut tensor: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    let location = [text(1, "location"), text(2, file)].concat();
    tensor.extend([number(2, element), text(8, name)].concat());
    tensor.extend([bytes(13, &location), number(14, 1)].concat());
    bytes(5, &tensor)
}

/// A graph of nodes and initialisers with these inputs and outputs.
pub(crate) fn graph(parts: &[Vec<u8>], inputs: &[Vec<u8>], outputs: &[Vec<u8>]) -> Vec<u8> {
    let mut graph = parts.concat();
    graph.extend(text(2, "g"));
    graph.extend(inputs.iter().flat_map(|input| bytes(11, input)));
    graph.extend(outputs.iter().flat_map(|output| bytes(12, output)));
    graph
}

pub(crate) fn model(graph: &[u8]) -> Vec<u8> {
    model_of(8, 17, graph)
}

/// A model of this format and set of operators.
pub(crate) fn model_of(format: u64, opset: u64, graph: &[u8]) -> Vec<u8> {
    let operators = [text(1, ""), number(2, opset)].concat();
    [number(1, format), bytes(7, graph), bytes(8, &operators)].concat()
}
