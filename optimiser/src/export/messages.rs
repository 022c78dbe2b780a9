//! Messages of `onnx.proto` for parts of a graph.

use crate::{
    graph::{Dim, Graph, Id, Node, Value},
    op::Attr,
    proto::{
        AttributeProto, Dimension, Entry, NodeProto, ShapeProto, TensorProto, TensorType,
        TypeProto, ValueInfo,
    },
    tensor::Tensor,
};

pub(super) fn entry(key: &str, value: String) -> Entry {
    Entry {
        key: Some(key.to_owned()),
        value: Some(value),
    }
}

pub(super) fn tensor(tensor: &Tensor) -> TensorProto {
    TensorProto {
        dims: tensor
            .dims
            .iter()
            .map(|d| i64::try_from(*d).unwrap_or(i64::MAX))
            .collect(),
        data_type: Some(tensor.elem.code()),
        raw_data: Some(tensor.bytes.clone()),
        ..TensorProto::default()
    }
}

/// An input of the model, its rows named for whose they are.
pub(super) fn input(value: &Value) -> ValueInfo {
    let rows = if value.roots.request {
        "requests"
    } else {
        "candidates"
    };
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(size) => Dimension {
            dim_value: i64::try_from(*size).ok(),
            dim_param: None,
        },
        Dim::Rows(_) => Dimension {
            dim_value: None,
            dim_param: Some(rows.to_owned()),
        },
        Dim::Unknown => Dimension::default(),
    };
    let dims = value.dims.iter().flatten().map(dim).collect();
    typed(&value.name, value, Some(ShapeProto { dim: dims }))
}

/// A result of a branch, of a shape that is not said.
pub(super) fn result(name: &str, value: &Value) -> ValueInfo {
    typed(name, value, None)
}

fn typed(name: &str, value: &Value, shape: Option<ShapeProto>) -> ValueInfo {
    ValueInfo {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorType {
                elem_type: Some(value.elem.code()),
                shape,
            }),
        }),
    }
}

pub(super) fn node(graph: &Graph, node: &Node) -> NodeProto {
    let name = |id: &Id| match *id {
        Id::NONE => String::new(),
        id => graph.value(id).name.clone(),
    };
    let attributes = node
        .op
        .attrs
        .iter()
        .map(|(key, value)| attribute(key, value));
    NodeProto {
        input: node.inputs.iter().map(name).collect(),
        output: node.outputs.iter().map(name).collect(),
        name: node.outputs.first().map(name),
        op_type: Some(node.op.name.clone()),
        attribute: attributes.collect(),
        domain: (!node.op.domain.is_empty()).then(|| node.op.domain.clone()),
    }
}

fn attribute(key: &str, value: &Attr) -> AttributeProto {
    let mut message = AttributeProto {
        name: Some(key.to_owned()),
        ..AttributeProto::default()
    };
    message.r#type = Some(match value {
        Attr::Float(v) => {
            message.f = Some(*v);
            1
        }
        Attr::Int(v) => {
            message.i = Some(*v);
            2
        }
        Attr::Text(v) => {
            message.s = Some(v.clone().into());
            3
        }
        Attr::Tensor(v) => {
            message.t = Some(tensor(v));
            4
        }
        Attr::Floats(v) => {
            message.floats.clone_from(v);
            6
        }
        Attr::Ints(v) => {
            message.ints.clone_from(v);
            7
        }
        Attr::Texts(v) => {
            message.strings = v.iter().map(|text| text.clone().into()).collect();
            8
        }
    });
    message
}
