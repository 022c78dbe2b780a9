//! Runs graphs with the interpreter.

use std::{collections::HashMap, sync::Arc};

use crate::{
    eval::{self, Array},
    graph::{Def, Graph, Id},
    proof::Batch,
    tensor::Tensor,
};

/// The original: inputs in the form it takes, the user's side repeated.
pub(super) fn original(graph: &Graph, batch: &Batch) -> Vec<Vec<f32>> {
    // Inputs with columns of both roles were read as two; what was read once a request is repeated.
    let tensors = batch.rewritten.clone();
    outputs(graph, &graph.output_ids(), &tensors)
}

/// The rewritten form, as the batch would run it.
pub(super) fn rewritten(graph: &Graph, ids: &[Id], batch: &Batch) -> Vec<Vec<f32>> {
    outputs(graph, ids, &batch.rewritten)
}

fn outputs(graph: &Graph, ids: &[Id], inputs: &[Tensor]) -> Vec<Vec<f32>> {
    let index = Array::of(inputs.last().unwrap()).unwrap();
    let mut known: HashMap<Id, Array> = HashMap::new();
    for (id, tensor) in graph.inputs.iter().zip(inputs) {
        known.insert(*id, Array::of(tensor).unwrap());
    }
    let live = graph.live(ids);
    for (at, node) in graph.nodes.iter().enumerate() {
        if !live[at] {
            continue;
        }
        let inputs: Vec<Option<Array>> = node
            .inputs
            .iter()
            .map(|id| (*id != Id::NONE).then(|| value(graph, &known, *id)))
            .collect();
        let made = match node.op.name.as_str() {
            // What the internal operator means.
            "Rows" => {
                let gather = crate::op::Op::new("Gather");
                eval::apply(&gather, &[inputs[0].clone(), Some(index.clone())])
            }
            _ => eval::apply(&node.op, &inputs),
        };
        let made = made.unwrap_or_else(|| panic!("{:?} of {inputs:?} is not supported", node.op));
        known.insert(node.outputs[0], made);
    }
    ids.iter()
        .map(|id| value(graph, &known, *id).as_floats().unwrap().to_vec())
        .collect()
}

fn value(graph: &Graph, known: &HashMap<Id, Array>, id: Id) -> Array {
    match &graph.value(id).def {
        Def::Constant(tensor) => Array::of(&Arc::clone(tensor)).unwrap(),
        _ => known[&id].clone(),
    }
}
