//! A recommend request that names its candidates.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use gateway::features::{Catalogue, Item};
use serde::Deserialize;

/// As many as MovieLens 100K has.
const ITEMS: u32 = 1682;

/// What the general parsers are told.
#[derive(Deserialize)]
struct Request<'b> {
    user_id: &'b str,
    scene: &'b str,
    #[serde(borrow)]
    candidates: Vec<&'b str>,
}

impl Request<'_> {
    fn known(&self, catalogue: &Catalogue) -> usize {
        assert!(!self.user_id.is_empty() && !self.scene.is_empty());
        let slots = self.candidates.iter().filter_map(|id| catalogue.find(id));
        slots.collect::<Vec<_>>().len()
    }
}

pub(crate) fn bench(c: &mut Criterion) {
    let catalogue = Catalogue::new((1..=ITEMS).map(item).collect()).unwrap();
    let mut group = c.benchmark_group("recommend_json");
    for candidates in [10, 100, 1000] {
        let body = body(candidates);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::new("own", candidates), &body, |b, body| {
            b.iter(|| {
                let known = gateway::parsing::recommend(black_box(body.as_bytes()), &catalogue);
                assert_eq!(known, Some(candidates));
            });
        });
        group.bench_with_input(
            BenchmarkId::new("serde_json", candidates),
            &body,
            |b, body| {
                b.iter(|| {
                    let request: Request<'_> = serde_json::from_str(black_box(body)).unwrap();
                    assert_eq!(request.known(&catalogue), candidates);
                });
            },
        );
        group.bench_with_input(
            BenchmarkId::new("sonic-rs", candidates),
            &body,
            |b, body| {
                b.iter(|| {
                    let request: Request<'_> = sonic_rs::from_str(black_box(body)).unwrap();
                    assert_eq!(request.known(&catalogue), candidates);
                });
            },
        );
        group.bench_with_input(
            BenchmarkId::new("simd-json", candidates),
            &body,
            |b, body| {
                b.iter(|| {
                    // It parses in place, so the bytes of the connection have to be copied first.
                    let mut bytes = black_box(body).clone().into_bytes();
                    let request: Request<'_> = simd_json::serde::from_slice(&mut bytes).unwrap();
                    assert_eq!(request.known(&catalogue), candidates);
                });
            },
        );
    }
    group.finish();
}

fn body(candidates: usize) -> String {
    let mut items: Vec<u32> = (1..=ITEMS).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut items);
    let ids: Vec<String> = items[..candidates]
        .iter()
        .map(|id| format!("\"{id}\""))
        .collect();
    format!(
        r#"{{"user_id":"196","scene":"home_feed","candidates":[{}]}}"#,
        ids.join(",")
    )
}

fn item(index: u32) -> Item {
    Item {
        id: index.to_string(),
        index,
        title: format!("Film {index}"),
        year: None,
        genres: Vec::new(),
        popularity: 1,
    }
}
