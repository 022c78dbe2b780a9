//! Outputs of the real engine, which stay in its memory until they were encoded.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod support;

use common::tensor::{Shape, Tensor};
use inference_actor::ModelRunner;
use support::{library, open, open_file, run, zeros};

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

/// The engine answers with the request's own memory where a graph names an input as an output.
#[test]
fn an_input_that_is_an_output_is_copied_since_its_memory_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, handing_on()).unwrap();
    let mut engine = open_file(&library(), path, true);
    let mut inputs = vec![Tensor::from_elements(Shape::from_dims([3]), &[1f32, 2.0, 3.0]).unwrap()];
    let outputs = run(&mut engine, &inputs);
    // As whoever leases that memory next would.
    inputs[0].elements_mut::<f32>().unwrap().fill(9.0);
    assert_eq!(scores(&outputs[0]), [1.0, 2.0, 3.0]);
    assert_eq!(scores(&outputs[1]), [2.0, 4.0, 6.0]);
    assert!(outputs[0].share_rows(0, 1).is_none(), "a copy");
    assert!(outputs[1].share_rows(0, 1).is_some(), "where it lies");
}

/// An ONNX file whose graph takes `x` and gives `x` and `sum = x + x`: float vectors.
fn handing_on() -> Vec<u8> {
    // A field of a protobuf message that is itself bytes, and one that is a small number.
    fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        assert!(length < 128, "longer lengths take two bytes");
        [&[number << 3 | 2, length], content].concat()
    }
    let small = |number: u8, value: u8| vec![number << 3, value];
    let dimension = bytes(1, &bytes(2, b"n"));
    let tensor = [small(1, 1), bytes(2, &dimension)].concat();
    let value = |name: &[u8]| [bytes(1, name), bytes(2, &bytes(1, &tensor))].concat();
    let names = [bytes(1, b"x"), bytes(1, b"x"), bytes(2, b"sum")].concat();
    let node = [names, bytes(4, b"Add")].concat();
    let graph = [
        bytes(1, &node),
        bytes(2, b"g"),
        bytes(11, &value(b"x")),
        bytes(12, &value(b"x")),
        bytes(12, &value(b"sum")),
    ];
    let opset = bytes(8, &small(2, 17));
    [small(1, 8), bytes(7, &graph.concat()), opset].concat()
}

fn scores(tensor: &Tensor) -> Vec<f32> {
    tensor.elements::<f32>().unwrap().to_vec()
}
