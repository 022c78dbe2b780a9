//! Finding the integer divisions of a graph, and of what type they are.

use std::{collections::HashMap, ops::Range};

use super::{
    ATTRIBUTE_NAME, ATTRIBUTE_NUMBER, ATTRIBUTE_TENSOR, GRAPH_INITIALIZER, GRAPH_NODE,
    GRAPH_VALUES, INT32, INT64, MODEL_OPSET, NODE_ATTRIBUTE, NODE_DOMAIN, NODE_INPUT,
    NODE_OPERATOR, NODE_OUTPUT, OPSET_DOMAIN, OPSET_VERSION, TENSOR_ELEMENT, TENSOR_NAME,
    TENSOR_RAW, TENSOR_TYPE, TYPE_TENSOR, VALUE_NAME, VALUE_TYPE,
};
use crate::onnx::wire::{Field, Fields, Payload, WireError};

/// Operators whose outputs are of their first input's type.
const LIKE_FIRST: &[&str] = &[
    "Abs",
    "Add",
    "Clip",
    "Compress",
    "Concat",
    "CumSum",
    "Div",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "Identity",
    "Max",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "Pad",
    "Pow",
    "Range",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "Relu",
    "Reshape",
    "ScatterElements",
    "ScatterND",
    "Sign",
    "Slice",
    "Split",
    "Squeeze",
    "Sub",
    "Sum",
    "Tile",
    "Transpose",
    "Trilu",
    "Unsqueeze",
];
/// Operators whose output is INT64 whatever their input is.
const GIVES_INT64: &[&str] = &["ArgMax", "ArgMin", "NonZero", "Shape", "Size"];

/// A node to be written anew.
pub(super) struct Division {
    /// Where its message lies.
    pub(super) message: Range<usize>,
    /// INT32 or INT64.
    pub(super) element: u64,
    pub(super) node: Node,
}

/// What must be known of a node.
#[derive(Default)]
pub(super) struct Node {
    pub(super) operator: String,
    domain: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    /// The element type that an attribute `to` or a tensor inside says.
    said: Option<u64>,
    /// The value of `fmod`.
    fmod: u64,
}

pub(super) struct Reader<'a> {
    pub(super) file: &'a [u8],
}

impl Reader<'_> {
    pub(super) fn fields(&self, range: Range<usize>) -> Result<Vec<Field>, WireError> {
        Fields::of(self.file, range).collect()
    }

    fn text(&self, range: &Range<usize>) -> String {
        String::from_utf8_lossy(&self.file[range.clone()]).into_owned()
    }

    /// The version of the standard operators; 0 where none is said.
    pub(super) fn opset(&self) -> Result<u64, WireError> {
        let mut standard = 0;
        for field in self.fields(0..self.file.len())? {
            let Payload::Bytes(range) = field.payload else {
                continue;
            };
            if field.number != MODEL_OPSET {
                continue;
            }
            let (mut domain, mut version) = (String::new(), 0);
            for field in self.fields(range)? {
                match (field.number, field.payload) {
                    (OPSET_DOMAIN, Payload::Bytes(text)) => domain = self.text(&text),
                    (OPSET_VERSION, Payload::Number(number)) => version = number,
                    _ => {}
                }
            }
            if is_standard(&domain) {
                standard = version;
            }
        }
        Ok(standard)
    }

    pub(super) fn divisions(&self, graph: Range<usize>) -> Result<Vec<Division>, WireError> {
        let (mut types, mut constants, mut nodes) = (HashMap::new(), HashMap::new(), Vec::new());
        let mut replaceable = Vec::new();
        for field in self.fields(graph)? {
            let Payload::Bytes(range) = field.payload else {
                continue;
            };
            match field.number {
                GRAPH_NODE => nodes.push((range.clone(), self.node(range)?)),
                GRAPH_INITIALIZER => {
                    let (name, element, safe) = self.tensor(range)?;
                    types.insert(name.clone(), element);
                    constants.insert(name, safe);
                }
                number if GRAPH_VALUES.contains(&number) => {
                    let (name, element) = self.value(range)?;
                    if number == GRAPH_VALUES[0] {
                        replaceable.push(name.clone());
                    }
                    if element != 0 {
                        types.insert(name, element);
                    }
                }
                _ => {}
            }
        }
        // A caller may replace an initialiser that is an input as well.
        constants.retain(|name, _| !replaceable.contains(name));
        let mut divisions = Vec::new();
        for (message, node) in nodes {
            let of = |index: usize| {
                node.inputs
                    .get(index)
                    .and_then(|name| types.get(name))
                    .copied()
            };
            let result = node.result_type(of);
            let element = [of(0), of(1), result].into_iter().flatten().next();
            let safe = node.inputs.get(1).and_then(|name| constants.get(name));
            let needs = node.divides() && safe != Some(&true);
            if let Some(element) = result {
                for output in &node.outputs {
                    types.entry(output.clone()).or_insert(element);
                }
            }
            if let Some(element @ (INT32 | INT64)) = element.filter(|_| needs) {
                divisions.push(Division {
                    message,
                    element,
                    node,
                });
            }
        }
        Ok(divisions)
    }

    pub(super) fn node(&self, range: Range<usize>) -> Result<Node, WireError> {
        let mut node = Node::default();
        for field in self.fields(range)? {
            let Payload::Bytes(range) = field.payload else {
                continue;
            };
            match field.number {
                NODE_INPUT => node.inputs.push(self.text(&range)),
                NODE_OUTPUT => node.outputs.push(self.text(&range)),
                NODE_OPERATOR => node.operator = self.text(&range),
                NODE_DOMAIN => node.domain = self.text(&range),
                NODE_ATTRIBUTE => self.attribute(range, &mut node)?,
                _ => {}
            }
        }
        Ok(node)
    }

    fn attribute(&self, range: Range<usize>, node: &mut Node) -> Result<(), WireError> {
        let (mut name, mut number, mut element) = (String::new(), 0, None);
        for field in self.fields(range)? {
            match (field.number, field.payload) {
                (ATTRIBUTE_NAME, Payload::Bytes(text)) => name = self.text(&text),
                (ATTRIBUTE_NUMBER, Payload::Number(value)) => number = value,
                (ATTRIBUTE_TENSOR, Payload::Bytes(tensor)) => {
                    element = Some(self.tensor(tensor)?.1)
                }
                _ => {}
            }
        }
        match name.as_str() {
            "to" => node.said = Some(number),
            "value" => node.said = element,
            "value_int" | "value_ints" => node.said = Some(INT64),
            "fmod" => node.fmod = number,
            _ => {}
        }
        Ok(())
    }

    /// Name and element type of a tensor, and whether none of its elements is −1.
    fn tensor(&self, range: Range<usize>) -> Result<(String, u64, bool), WireError> {
        let (mut name, mut element, mut raw) = (String::new(), 0, None);
        for field in self.fields(range)? {
            match (field.number, field.payload) {
                (TENSOR_NAME, Payload::Bytes(text)) => name = self.text(&text),
                (TENSOR_TYPE, Payload::Number(number)) => element = number,
                (TENSOR_RAW, Payload::Bytes(data)) => raw = Some(data),
                _ => {}
            }
        }
        let width = if element == INT32 { 4 } else { 8 };
        // Elements that are written in another way are rare, and guarding them does no harm.
        let safe = raw.is_some_and(|data| {
            let mut elements = self.file[data].chunks(width);
            elements.all(|element| element.iter().any(|byte| *byte != 0xff))
        });
        Ok((name, element, safe))
    }

    /// Name and element type of a value; 0 where the type is not said.
    fn value(&self, range: Range<usize>) -> Result<(String, u64), WireError> {
        let (mut name, mut element) = (String::new(), 0);
        for field in self.fields(range)? {
            match (field.number, field.payload) {
                (VALUE_NAME, Payload::Bytes(text)) => name = self.text(&text),
                (VALUE_TYPE, Payload::Bytes(kind)) => {
                    for field in self.fields(kind)? {
                        let (TYPE_TENSOR, Payload::Bytes(tensor)) = (field.number, field.payload)
                        else {
                            continue;
                        };
                        for field in self.fields(tensor)? {
                            if let (TENSOR_ELEMENT, Payload::Number(number)) =
                                (field.number, field.payload)
                            {
                                element = number;
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        Ok((name, element))
    }
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

impl Node {
    fn divides(&self) -> bool {
        let divides = self.operator == "Div" || self.operator == "Mod" && self.fmod == 0;
        let whole = self.inputs.len() == 2 && self.outputs.len() == 1;
        divides && whole && is_standard(&self.domain)
    }

    /// The element type of its outputs, from those of its inputs.
    fn result_type(&self, input: impl Fn(usize) -> Option<u64>) -> Option<u64> {
        let operator = self.operator.as_str();
        match operator {
            _ if !is_standard(&self.domain) => None,
            "Cast" | "Constant" => self.said,
            "Where" => input(1).or_else(|| input(2)),
            _ if GIVES_INT64.contains(&operator) => Some(INT64),
            _ if LIKE_FIRST.contains(&operator) => input(0),
            _ => None,
        }
    }
}
