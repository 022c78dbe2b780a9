//! A real ONNX model small enough to be written by hand.

/// A model that gives every candidate the score 0.5: `Sigmoid(Cast(candidates - candidates))`.
pub(crate) fn all_equal() -> Vec<u8> {
    const FLOAT: u64 = 1;
    const INT64: u64 = 7;
    let to_float = [
        text(1, "to"),
        number(3, FLOAT),
        number(20, 2), // the attribute holds an integer
    ];
    let graph = [
        node("Sub", &["candidates", "candidates"], "zero", &[]),
        node("Cast", &["zero"], "real", &[bytes(5, &to_float.concat())]),
        node("Sigmoid", &["real"], "score", &[]),
        text(2, "all_equal"),
        bytes(11, &tensor("candidates", INT64)),
        bytes(12, &tensor("score", FLOAT)),
    ];
    let opset = [text(1, ""), number(2, 13)];
    let model = [
        number(1, 8), // format
        bytes(7, &graph.concat()),
        bytes(8, &opset.concat()),
    ];
    model.concat()
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut node: Vec<u8> = inputs.iter().flat_map(|input| text(1, input)).collect();
    node.extend(text(2, output));
    node.extend(text(4, operator));
    node.extend(attributes.concat());
    bytes(1, &node)
}

/// A one-dimensional tensor of any length.
fn tensor(name: &str, element: u64) -> Vec<u8> {
    let shape = bytes(2, &bytes(1, &text(2, "n")));
    let tensor = [number(1, element), shape].concat();
    [text(1, name), bytes(2, &bytes(1, &tensor))].concat()
}

/// The three kinds of protobuf field that ONNX needs here.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    let mut encoded = varint(field << 3 | 2);
    encoded.extend(varint(value.len() as u64));
    encoded.extend(value);
    encoded
}

fn text(field: u64, value: &str) -> Vec<u8> {
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
