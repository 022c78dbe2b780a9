//! One graph from two: what both need is computed once, the rest lies in the branches of an `If` that
//! asks whether the run holds one request.

use std::collections::BTreeSet;

use super::{Lowered, messages};
use crate::{
    Error,
    graph::{Def, Graph, Id},
    proto::{AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfo},
};

/// Writes the nodes; gives the constants that they use.
pub(super) fn write(
    lowered: &Lowered,
    outputs: &[ValueInfo],
    proto: &mut GraphProto,
) -> Result<BTreeSet<Id>, Error> {
    let graph = &lowered.builder.graph;
    let (one, many) = (graph.live(&lowered.one), graph.live(&lowered.many));
    let mut used: BTreeSet<Id> = BTreeSet::new();
    let mut put = |kept: &dyn Fn(usize) -> bool, into: &mut Vec<NodeProto>| -> Result<(), Error> {
        for (index, node) in graph
            .nodes
            .iter()
            .enumerate()
            .filter(|(index, _)| kept(*index))
        {
            if node.op.is_internal() {
                return Err(Error::Unsupported(format!(
                    "node {index} has no form in ONNX"
                )));
            }
            used.extend(node.inputs.iter().filter(|id| **id != Id::NONE));
            into.push(messages::node(graph, node));
        }
        Ok(())
    };
    put(&|i| one[i] && many[i], &mut proto.node)?;
    let mut differing = Vec::new();
    for (info, (first, second)) in outputs.iter().zip(lowered.one.iter().zip(&lowered.many)) {
        let name = info.name.clone().unwrap_or_default();
        if first == second {
            proto.node.push(copy(graph, *first, &name));
        } else {
            differing.push((name, *first, *second));
        }
    }
    if !differing.is_empty() {
        let (mut then_nodes, mut else_nodes) = (Vec::new(), Vec::new());
        put(&|i| one[i] && !many[i], &mut then_nodes)?;
        put(&|i| many[i] && !one[i], &mut else_nodes)?;
        let side = |name: &str, nodes, pick: fn(&(String, Id, Id)) -> Id| {
            branch(
                graph,
                name,
                nodes,
                differing.iter().map(|d| (d.0.as_str(), pick(d))),
            )
        };
        let then_branch = side("one", then_nodes, |d| d.1);
        let else_branch = side("many", else_nodes, |d| d.2);
        let request = lowered.request.ok_or_else(|| {
            Error::Unsupported("no input tells how many requests there are".into())
        })?;
        condition(graph, request, proto);
        proto.node.push(NodeProto {
            input: vec!["is_one_request".into()],
            output: differing.iter().map(|d| d.0.clone()).collect(),
            name: Some("by_requests".into()),
            op_type: Some("If".into()),
            attribute: vec![
                graph_attribute("then_branch", then_branch),
                graph_attribute("else_branch", else_branch),
            ],
            domain: None,
        });
    }
    used.extend(lowered.one.iter().chain(&lowered.many));
    used.retain(|id| matches!(graph.value(*id).def, Def::Constant(_)));
    Ok(used)
}

fn copy(graph: &Graph, from: Id, to: &str) -> NodeProto {
    NodeProto {
        input: vec![graph.value(from).name.clone()],
        output: vec![to.to_owned()],
        name: Some(to.to_owned()),
        op_type: Some("Identity".into()),
        attribute: Vec::new(),
        domain: None,
    }
}

fn branch<'n>(
    graph: &Graph,
    name: &str,
    mut nodes: Vec<NodeProto>,
    results: impl Iterator<Item = (&'n str, Id)>,
) -> GraphProto {
    let mut output = Vec::new();
    for (result, id) in results {
        let own = format!("{result}.{name}");
        let value = &graph.value(id).name;
        // A result that nothing else reads takes the name itself.
        let read = nodes_read(&nodes, value);
        match nodes.iter_mut().find(|node| node.output.contains(value)) {
            Some(node) if !read => {
                for output in node.output.iter_mut().filter(|o| *o == value) {
                    output.clone_from(&own);
                }
            }
            _ => nodes.push(copy(graph, id, &own)),
        }
        output.push(messages::result(&own, graph.value(id)));
    }
    GraphProto {
        node: nodes,
        name: Some(name.to_owned()),
        output,
        ..GraphProto::default()
    }
}

fn nodes_read(nodes: &[NodeProto], value: &String) -> bool {
    nodes.iter().any(|node| node.input.contains(value))
}

/// `is_one_request = (shape(request)[0] = 1)`.
fn condition(graph: &Graph, request: Id, proto: &mut GraphProto) {
    let node = |op: &str, input: &[&str], output: &str| NodeProto {
        input: input.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(output.to_owned()),
        op_type: Some(op.to_owned()),
        attribute: Vec::new(),
        domain: None,
    };
    let name = &graph.value(request).name;
    proto.node.push(node("Shape", &[name], "requests_shape"));
    proto.node.push(node(
        "Gather",
        &["requests_shape", "index_zero"],
        "requests",
    ));
    proto.node.push(node(
        "Equal",
        &["requests", "requests_one"],
        "is_one_request",
    ));
    for (name, value) in [("index_zero", 0), ("requests_one", 1)] {
        proto.initializer.push(TensorProto {
            dims: vec![1],
            data_type: Some(7),
            int64_data: vec![value],
            name: Some(name.to_owned()),
            ..TensorProto::default()
        });
    }
}

fn graph_attribute(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        g: Some(graph),
        r#type: Some(5),
        ..AttributeProto::default()
    }
}
