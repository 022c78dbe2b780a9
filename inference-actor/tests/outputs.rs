//! Outputs of the real engine, which stay in its memory until they were encoded.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod support;

use common::tensor::Tensor;
use inference_actor::ModelRunner;
use support::{library, open, run, zeros};

const CANDIDATES: usize = 100;

/// As the gateway may see it: later runs, a session taken away, and an answer that is encoded last and
/// elsewhere.
#[test]
fn outputs_outlive_later_runs_and_their_session_and_may_be_dropped_on_any_thread() {
    for arena in [true, false] {
        let mut engine = open(&library(), "1/model.onnx", arena);
        let ask = |first: i32| -> Vec<Tensor> {
            let mut inputs = zeros(&engine, CANDIDATES);
            let mut declared = engine.spec().inputs.iter();
            let candidates = declared.position(|input| input.name == "candidates");
            let ids = inputs[candidates.unwrap()].elements_mut::<i32>().unwrap();
            let each = ids.iter_mut().zip(first..);
            each.for_each(|(id, item)| *id = item);
            inputs
        };
        let (ours, others) = (ask(1), ask(900));
        let first = run(&mut engine, &ours);
        let as_given: Vec<Vec<f32>> = first.iter().map(scores).collect();
        for _ in 0..50 {
            assert_ne!(run(&mut engine, &others), first);
        }
        drop((engine, ours));
        let read_elsewhere = move || first.iter().map(scores).collect::<Vec<_>>();
        let read = std::thread::spawn(read_elsewhere).join().unwrap();
        assert_eq!(read, as_given);
    }
}

#[test]
fn rows_of_an_output_lie_where_the_output_lies() {
    let mut engine = open(&library(), "1/model.onnx", true);
    let inputs = zeros(&engine, CANDIDATES);
    let outputs = run(&mut engine, &inputs);
    let rows = outputs[0].share_rows(40, 10).unwrap();
    let (whole, part) = (
        outputs[0].elements::<f32>().unwrap(),
        rows.elements::<f32>().unwrap(),
    );
    assert_eq!(part.as_ptr(), whole[40..].as_ptr());
    drop(outputs);
    assert_eq!(rows.shape().dims(), [10]);
}

fn scores(tensor: &Tensor) -> Vec<f32> {
    tensor.elements::<f32>().unwrap().to_vec()
}
