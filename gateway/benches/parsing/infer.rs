//! An inference request of a DeepFM: ten floats and sixteen ids a row.

use std::{fmt::Write, hint::black_box};

use common::{ModelVersion, tensor::DType};
use criterion::{BenchmarkId, Criterion, Throughput};
use inference_actor::{Dim, InputSpec, ModelSpec, OutputRole, OutputSpec};
use serde::Deserialize;

const NUMBERS: usize = 10;
const IDS: usize = 16;

/// What the general parsers are told.
#[derive(Deserialize)]
struct Request {
    inputs: (Input<f32>, Input<i64>),
}

#[derive(Deserialize)]
struct Input<T> {
    shape: [usize; 2],
    data: Vec<T>,
}

impl Request {
    fn bytes(&self) -> usize {
        let (numbers, ids) = &self.inputs;
        assert_eq!(numbers.shape[0], ids.shape[0]);
        size_of_val(numbers.data.as_slice()) + size_of_val(ids.data.as_slice())
    }
}

pub(crate) fn bench(c: &mut Criterion) {
    let spec = spec();
    let mut group = c.benchmark_group("infer_json");
    for rows in [1, 10, 100, 1000] {
        let body = body(rows);
        let expected = rows * (NUMBERS * 4 + IDS * 8);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::new("own", rows), &body, |b, body| {
            b.iter(|| {
                assert_eq!(
                    gateway::parsing::infer(black_box(body), &spec),
                    Some(expected)
                )
            });
        });
        group.bench_with_input(BenchmarkId::new("serde_json", rows), &body, |b, body| {
            b.iter(|| {
                let request: Request = serde_json::from_str(black_box(body)).unwrap();
                assert_eq!(request.bytes(), expected);
            });
        });
        group.bench_with_input(BenchmarkId::new("sonic-rs", rows), &body, |b, body| {
            b.iter(|| {
                let request: Request = sonic_rs::from_str(black_box(body)).unwrap();
                assert_eq!(request.bytes(), expected);
            });
        });
        group.bench_with_input(BenchmarkId::new("simd-json", rows), &body, |b, body| {
            b.iter(|| {
                // It parses in place, so the bytes of the connection have to be copied first.
                let mut bytes = black_box(body).clone().into_bytes();
                let request: Request = simd_json::serde::from_slice(&mut bytes).unwrap();
                assert_eq!(request.bytes(), expected);
            });
        });
    }
    group.finish();
}

/// Floats with all their digits, as clients write them.
fn body(rows: usize) -> String {
    let mut draw = fastrand::Rng::with_seed(7);
    let mut numbers = |count: usize, one: &mut dyn FnMut(&mut fastrand::Rng) -> String| {
        let all: Vec<String> = (0..count).map(|_| one(&mut draw)).collect();
        all.join(",")
    };
    let floats = numbers(rows * NUMBERS, &mut |draw| {
        format!("{}", draw.f32() * 2.0 - 1.0)
    });
    let ids = numbers(rows * IDS, &mut |draw| draw.u32(..10_000).to_string());
    let mut body = String::new();
    write!(
        body,
        r#"{{"inputs":[{{"name":"numbers","shape":[{rows},{NUMBERS}],"datatype":"FP32","data":[{floats}]}},"#
    )
    .unwrap();
    write!(
        body,
        r#"{{"name":"ids","shape":[{rows},{IDS}],"datatype":"INT64","data":[{ids}]}}]}}"#
    )
    .unwrap();
    body
}

fn spec() -> ModelSpec {
    let input = |name: &str, dtype, width| {
        let dims = vec![Dim::Dynamic("rows".into()), Dim::Fixed(width)];
        InputSpec::whole(name.into(), dtype, dims)
    };
    let version = ModelVersion::new(1).unwrap();
    ModelSpec {
        inputs: vec![
            input("numbers", DType::Fp32, NUMBERS),
            input("ids", DType::Int64, IDS),
        ],
        outputs: vec![OutputSpec {
            name: "score".into(),
            dtype: DType::Fp32,
            dims: vec![Dim::Dynamic("rows".into())],
            role: OutputRole::Score,
        }],
        ..ModelSpec::empty("deepfm".parse().unwrap(), version)
    }
}
