use common::ModelVersion;
use inference_actor::{Dim, InputSpec, OutputRole, OutputSpec};

use super::*;

fn spec() -> ModelSpec {
    let input = |name: &str, dtype, dims| InputSpec::whole(name.into(), dtype, dims);
    let output = |name: &str| OutputSpec {
        name: name.into(),
        dtype: DType::Fp32,
        dims: Vec::new(),
        role: OutputRole::Whole,
    };
    let any = || Dim::Dynamic(String::new());
    ModelSpec {
        inputs: vec![
            input("a", DType::Fp32, vec![any(), Dim::Fixed(2)]),
            input("b", DType::Bytes, vec![any()]),
        ],
        outputs: vec![output("x"), output("y")],
        ..ModelSpec::empty("m".parse().unwrap(), ModelVersion::new(1).unwrap())
    }
}

fn parsed(json: &str, rest: &[u8]) -> Result<InferRequest, String> {
    parse(json, rest, &spec(), Criticality::Critical).map_err(|f| f.message)
}

const A: &str = r#"{"name":"a","shape":[1,2],"datatype":"FP32","data":[1,2.5]}"#;
const B: &str = r#"{"name":"b","shape":[1],"datatype":"BYTES","data":["é"]}"#;

#[test]
fn keys_may_come_in_any_order() {
    let usual = parsed(&format!(r#"{{"id":"7","inputs":[{A},{B}]}}"#), &[]).unwrap();
    let turned = r#"{"data":[[1,2.5]],"x":[{}],"datatype":"FP32","shape":[1,2],"name":"a"}"#;
    let other = parsed(&format!(r#"{{"inputs":[{B},{turned}],"id":"7"}}"#), &[]).unwrap();
    assert_eq!(usual.inputs, other.inputs);
    assert_eq!(
        (usual.id.as_deref(), other.id.as_deref()),
        (Some("7"), Some("7"))
    );
    assert_eq!(
        usual.inputs[0].as_ref().unwrap().elements::<f32>().unwrap(),
        [1.0, 2.5]
    );
}

#[test]
fn binary_data_is_taken_in_the_order_of_the_inputs() {
    let json = r#"{"inputs":[
        {"name":"b","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":9}},
        {"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}"#;
    let mut rest = vec![1, 0, 0, 0, 0xff, 0, 0, 0, 0];
    rest.extend_from_slice(&1.5f32.to_le_bytes());
    rest.extend_from_slice(&2.5f32.to_le_bytes());
    let read = parsed(json, &rest).unwrap();
    assert_eq!(
        read.inputs[0].as_ref().unwrap().elements::<f32>().unwrap(),
        [1.5, 2.5]
    );
    for (length, why) in [(rest.len() - 1, "bytes"), (0, "bytes")] {
        assert!(parsed(json, &rest[..length]).unwrap_err().contains(why));
    }
    rest.push(0);
    assert!(
        parsed(json, &rest)
            .unwrap_err()
            .contains("1 bytes of binary data belong to no input")
    );
}

#[test]
fn outputs_default_to_all_and_binary_to_the_requests_word() {
    let read = |more: &str| {
        parsed(&format!(r#"{{"inputs":[{A},{B}]{more}}}"#), &[])
            .unwrap()
            .outputs
    };
    let want = |index, binary| RequestedOutput { index, binary };
    assert_eq!(read(""), [want(0, false), want(1, false)]);
    assert_eq!(read(r#","outputs":[]"#).len(), 2);
    let more = r#","outputs":[{"name":"y"},{"name":"x","parameters":{"binary_data":false}}],"parameters":{"binary_data_output":true}"#;
    assert_eq!(read(more), [want(1, true), want(0, false)]);
}

#[test]
fn each_mistake_is_named() {
    let with = |input: &str| parsed(&format!(r#"{{"inputs":[{input}]}}"#), &[]).unwrap_err();
    for (input, told) in [
        (
            r#"{"name":"z","shape":[1],"datatype":"FP32","data":[1]}"#,
            "no input `z`; it has `a`, `b`",
        ),
        (
            r#"{"name":"a","shape":[1,3],"datatype":"FP32","data":[1,2,3]}"#,
            "declares [-1, 2]",
        ),
        (
            r#"{"name":"a","shape":[2],"datatype":"FP32","data":[1,2]}"#,
            "declares [-1, 2]",
        ),
        (
            r#"{"name":"a","shape":[1,2],"datatype":"INT32","data":[1,2]}"#,
            "is FP32, not INT32",
        ),
        (
            r#"{"name":"a","shape":[1,2],"datatype":"BF16","data":[1,2]}"#,
            "unknown datatype `BF16`",
        ),
        (
            r#"{"name":"a","shape":[-1,2],"datatype":"FP32","data":[]}"#,
            "at least 0",
        ),
        (
            r#"{"name":"a","shape":[1099511627776,2],"datatype":"FP32","data":[1]}"#,
            "more than the data",
        ),
        (
            r#"{"name":"a","shape":[4294967296,4294967296,2],"datatype":"FP32","data":[1]}"#,
            "addressed",
        ),
        (r#"{"name":"a","shape":[1,2],"datatype":"FP32"}"#, "neither"),
        (
            r#"{"name":"a","datatype":"FP32","data":[]}"#,
            "needs `name`, `shape`",
        ),
        (
            r#"{"name":"a","name":"a","shape":[1,2],"datatype":"FP32","data":[1,2]}"#,
            "twice",
        ),
        (
            r#"{"name":"a","shape":[1,2],"datatype":"FP32","data":[1,2],"parameters":{"binary_data_size":0}}"#,
            "both",
        ),
        (
            r#"{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"shared_memory_region":"r"}}"#,
            "shared memory",
        ),
    ] {
        let message = with(input);
        assert!(message.contains(told), "{input}: {message}");
    }
    assert!(with(&format!("{A},{A}")).contains("`a` is given twice"));
    for broken in [
        "",
        "[]",
        "{",
        r#"{"inputs":[]} x"#,
        r#"{"inputs":[],"inputs":[]}"#,
        r#"{"outputs":[{"name":"q"}]}"#,
        r#"{"outputs":[{"name":"x"},{"name":"x"}]}"#,
    ] {
        assert!(parsed(broken, &[]).is_err(), "{broken}");
    }
}

mod any_bytes {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A request with one byte changed is read or refused, and never panics.
        #[test]
        fn a_changed_request_is_read_or_refused(at in 0usize..1000, byte in any::<u8>(), cut in any::<bool>()) {
            let json = format!(r#"{{"id":"7","inputs":[{A},{B}],"outputs":[{{"name":"x"}}]}}"#);
            let mut bytes = json.into_bytes();
            let at = at % bytes.len();
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            if let Ok(text) = std::str::from_utf8(&bytes) {
                let _ = parse(text, &[], &spec(), Criticality::Critical);
            }
        }
    }
}
