use std::{sync::mpsc, thread, time::Duration};

use common::{
    Clock, Criticality, ManualClock,
    tensor::{DType, Shape, Tensor},
};

use super::*;

fn arenas(budget: u64) -> Arc<Arenas> {
    let rules = ArenaRules {
        classes: Classes::new([16 << 10, 128 << 10]),
        large_bytes: 64 << 10,
        idle: Duration::from_secs(30),
        most_leases: 1000,
    };
    Arenas::new(rules, budget)
}

fn floats(count: usize) -> Result<Tensor, NoTensor> {
    tensor(
        DType::Fp32,
        Shape::from_dims([count]),
        Criticality::Critical,
    )
}

/// Runs on a thread of its own, which has no arena yet.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}

#[test]
fn a_thread_without_an_arena_gets_plain_memory() {
    apart(|| {
        assert!(here().is_none());
        assert_eq!(floats(3).unwrap().elements::<f32>().unwrap(), [0.0; 3]);
    });
}

#[test]
fn a_lease_comes_back_when_dropped_and_is_given_again_uncleared() {
    let arenas = arenas(1 << 30);
    apart(|| {
        arenas.settle("t", ManualClock::new().now());
        let mut first = floats(16).unwrap();
        first.elements_mut::<f32>().unwrap().fill(7.0);
        drop(first);
        assert_eq!(floats(16).unwrap().elements::<f32>().unwrap(), [7.0; 16]);
        let cleared = zeros(DType::Fp32, Shape::from_dims([16]), Criticality::Critical);
        assert_eq!(cleared.unwrap().elements::<f32>().unwrap(), [0.0; 16]);
        let told = arenas.snapshot();
        assert_eq!(
            (told.total.leases, told.total.hits, told.total.leases_out),
            (3, 2, 0)
        );
        assert_eq!(told.arenas[0].name, "t");
    });
    // The thread has ended and its memory with it.
    assert_eq!(arenas.budget().held_bytes(), 0);
}

#[test]
fn a_lease_dropped_on_another_thread_comes_back_through_the_queue() {
    let arenas = arenas(1 << 30);
    let clock = ManualClock::new();
    let (send, receive) = mpsc::sync_channel::<Tensor>(8);
    let (done, wait) = mpsc::sync_channel(1);
    thread::scope(|scope| {
        scope.spawn(move || {
            receive.into_iter().for_each(drop);
            done.send(()).unwrap();
        });
        let (arenas, clock) = (&arenas, &clock);
        scope.spawn(move || {
            arenas.settle("t", clock.now());
            for _ in 0..100 {
                send.send(floats(100).unwrap()).unwrap();
            }
            drop(send);
            wait.recv().unwrap();
            tick(clock.now());
            let total = arenas.snapshot().total;
            assert_eq!(
                (total.leases, total.leases_out, total.leased_bytes),
                (100, 0, 0)
            );
            assert!(total.returned_from_afar > 0);
        });
    });
}

#[test]
fn a_panic_gives_the_lease_back() {
    let arenas = arenas(1 << 30);
    apart(|| {
        arenas.settle("t", ManualClock::new().now());
        let caught = std::panic::catch_unwind(|| {
            let _held = floats(100).unwrap();
            panic!("on purpose");
        });
        assert!(caught.is_err());
        assert_eq!(arenas.snapshot().total.leases_out, 0);
    });
}

#[test]
fn visitors_share_arenas_one_after_the_other() {
    let arenas = arenas(1 << 30);
    let now = ManualClock::new().now();
    let kept = apart(|| arenas.visit(now, || floats(100).unwrap()));
    assert_eq!(arenas.snapshot().total.leases_out, 1);
    drop(kept);
    apart(|| arenas.visit(now, || drop(floats(100).unwrap())));
    let told = arenas.snapshot();
    assert_eq!((told.arenas.len(), told.total.leases), (1, 2));
    assert_eq!(told.total.leases_out, 0);
    let panicked =
        apart(|| std::panic::catch_unwind(|| arenas.visit(now, || panic!("on purpose"))).is_err());
    assert!(panicked && arenas.snapshot().arenas.len() == 1);
}

#[test]
fn all_arenas_share_one_budget() {
    let arenas = arenas(600 << 10);
    let now = ManualClock::new().now();
    apart(|| {
        arenas.settle("a", now);
        let _held = floats(140_000).unwrap();
        apart(|| {
            arenas.settle("b", now);
            assert_eq!(floats(100).unwrap_err(), NoTensor::Memory(Refused::Budget));
        });
        // A request that was let in is finished all the same.
        let copy = copied(DType::Fp32, Shape::from_dims([40_000]), &[1; 160_000]).unwrap();
        assert_eq!(copy.shape().dims(), [40_000]);
        assert_eq!(arenas.snapshot().state, State::Pressured);
    });
}
