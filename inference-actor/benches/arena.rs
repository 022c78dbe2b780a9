//! A lease from the arena against memory of its own: `cargo bench -p inference-actor --bench arena`.
//!
//! Made and dropped on one thread, as a request on the thread that serves it; and dropped on another
//! thread, as one that was answered by an actor of its own.

#![expect(clippy::unwrap_used, reason = "a bench that cannot lease must stop")]

use std::{hint::black_box, sync::mpsc, thread, time::Duration};

use common::{
    Clock, Criticality, SystemClock,
    tensor::{DType, Shape, Tensor},
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use inference_actor::arena::{self, ArenaRules, Arenas, Classes};

/// Leases that are out on their way to the other thread.
const ON_THE_WAY: usize = 256;

fn rules() -> ArenaRules {
    ArenaRules {
        classes: Classes::new([16 << 10, 128 << 10, 1 << 20, 8 << 20]),
        large_bytes: 1 << 20,
        idle: Duration::from_secs(30),
        most_leases: 8192,
    }
}

fn leased(bytes: usize) -> Tensor {
    let shape = Shape::from_dims([bytes]);
    arena::tensor(DType::Uint8, shape, Criticality::Critical).unwrap()
}

fn benches(criterion: &mut Criterion) {
    let arenas = Arenas::new(rules(), 1 << 30);
    arenas.settle("bench", SystemClock.now());
    let mut group = criterion.benchmark_group("tensor memory");
    for bytes in [400usize, 17 << 10, 200 << 10, 4 << 20] {
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("lease", bytes), |bencher| {
            bencher.iter(|| black_box(leased(black_box(bytes))));
        });
        group.bench_function(BenchmarkId::new("own, zeroed", bytes), |bencher| {
            let zeros = || Tensor::zeros(DType::Uint8, Shape::from_dims([black_box(bytes)]));
            bencher.iter(|| black_box(zeros().unwrap()));
        });
    }
    // What a recommend request has out at once.
    group.bench_function("lease, six at once", |bencher| {
        bencher.iter(|| black_box([200, 200, 12, 12, 400, 400].map(leased)));
    });
    let (send, receive) = mpsc::sync_channel::<Tensor>(ON_THE_WAY);
    let dropper = thread::spawn(move || receive.into_iter().for_each(drop));
    group.bench_function("lease, dropped on another thread", |bencher| {
        bencher.iter(|| send.send(leased(400)).unwrap());
    });
    group.finish();
    drop(send);
    dropper.join().unwrap();
}

criterion_group!(all, benches);
criterion_main!(all);
