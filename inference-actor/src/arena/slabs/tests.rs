use common::{Clock, ManualClock, tensor::Shape};
use proptest::prelude::*;

use super::*;

const KIB: usize = 1 << 10;

fn rules() -> Arc<ArenaRules> {
    Arc::new(ArenaRules {
        classes: Classes::new([16 * KIB, 128 * KIB]),
        large_bytes: 64 * KIB,
        idle: Duration::from_secs(30),
        most_leases: 64,
    })
}

fn slabs(budget: usize) -> (Slabs, Arc<Budget>, ManualClock) {
    let clock = ManualClock::new();
    let budget = Arc::new(Budget::new(budget as u64));
    let slabs = Slabs::new(rules(), Arc::clone(&budget), clock.now());
    (slabs, budget, clock)
}

fn kind(dtype: DType) -> Kind {
    Kind::of(dtype, &Shape::from_dims([1]))
}

fn lease(slabs: &mut Slabs, bytes: usize) -> Result<Block, Refused> {
    slabs.lease(kind(DType::Fp32), bytes, Criticality::Critical)
}

#[test]
fn leases_of_a_kind_share_a_slab_and_kinds_do_not() {
    let (mut slabs, budget, _) = slabs(1 << 30);
    let first = lease(&mut slabs, 100).unwrap();
    let second = lease(&mut slabs, 100).unwrap();
    assert_eq!((first.slab, second.slab), (0, 0));
    assert_eq!(first.lines.len(), 128);
    let other = slabs
        .lease(kind(DType::Int64), 100, Criticality::Critical)
        .unwrap();
    assert_eq!(other.slab, 1);
    assert_eq!(budget.held_bytes(), 2 * 64 * KIB as u64);
    let figures = super::super::ArenaFigures::of(slabs.figures());
    assert_eq!(
        (figures.leases, figures.hits, figures.leases_out),
        (3, 1, 3)
    );
    assert!((figures.internal_fragmentation() - (128.0 - 100.0) / 128.0).abs() < 1e-9);
}

#[test]
fn an_empty_slab_goes_after_its_idle_time_the_longest_empty_first() {
    let (mut slabs, budget, clock) = slabs(1 << 30);
    let early = lease(&mut slabs, 100).unwrap();
    let late = lease(&mut slabs, 100 * KIB).unwrap();
    slabs.take_back(early);
    clock.advance(Duration::from_secs(20));
    slabs.tick(clock.now());
    slabs.take_back(late);
    clock.advance(Duration::from_secs(10));
    slabs.tick(clock.now());
    assert_eq!(budget.held_bytes(), 512 * KIB as u64);
    clock.advance(Duration::from_secs(20));
    slabs.tick(clock.now());
    assert_eq!(budget.held_bytes(), 0);
    // The numbers of slabs that are gone are used again.
    assert!(lease(&mut slabs, 100).unwrap().slab < 2);
}

#[test]
fn beyond_the_classes_a_lease_gets_its_own_size() {
    let (mut slabs, budget, _) = slabs(1 << 30);
    let block = lease(&mut slabs, 300 * KIB + 1).unwrap();
    assert_eq!(block.lines.len(), 300 * KIB + 64);
    let other = lease(&mut slabs, 300 * KIB + 1).unwrap();
    assert_ne!(other.slab, block.slab);
    assert_eq!(budget.held_bytes(), 600 * KIB as u64 + 128);
    // Given back at once: memory of that size waits for nobody.
    slabs.take_back(block);
    slabs.take_back(other);
    assert_eq!(budget.held_bytes(), 0);
}

#[test]
fn a_short_budget_takes_empty_slabs_first_and_then_refuses() {
    let (mut slabs, budget, _) = slabs(600 * KIB);
    let block = lease(&mut slabs, 100).unwrap();
    slabs.take_back(block);
    let large = lease(&mut slabs, 550 * KIB).unwrap();
    assert_eq!(budget.held_bytes(), 550 * KIB as u64);
    assert_eq!(budget.state(), super::super::State::Pressured);
    assert_eq!(lease(&mut slabs, 100).unwrap_err(), Refused::Budget);
    let sheddable = slabs.lease(kind(DType::Fp32), 64 * KIB, Criticality::Sheddable);
    assert_eq!(sheddable.unwrap_err(), Refused::Pressured);
    slabs.take_back(large);
    assert_eq!(budget.held_bytes(), 0);
    slabs.tick(slabs.now);
    budget.review(0);
    assert_eq!(budget.state(), super::super::State::Idle);
}

#[test]
fn pressed_empty_slabs_go_without_waiting_for_their_idle_time() {
    let (mut slabs, budget, _) = slabs(600 * KIB);
    let block = lease(&mut slabs, 100).unwrap();
    let large = lease(&mut slabs, 500 * KIB).unwrap();
    assert_eq!(budget.state(), super::super::State::Pressured);
    slabs.take_back(block);
    slabs.tick(slabs.now);
    assert_eq!(budget.held_bytes(), 500 * KIB as u64);
    drop(large);
}

#[derive(Debug, Clone)]
enum Step {
    Lease(usize, usize),
    Return(usize),
    Tick(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..3, prop_oneof![1usize..2000, 1usize..40_000, 100_000usize..300_000])
            .prop_map(|(kind, bytes)| Step::Lease(kind, bytes)),
        4 => any::<prop::sample::Index>().prop_map(|i| Step::Return(i.index(64))),
        1 => (0u64..40).prop_map(Step::Tick),
    ]
}

proptest! {
    /// Whatever is leased and returned in whatever order: no byte is in two leases at once, the
    /// budget holds, and in the end everything is free again and can be given back.
    #[test]
    fn nothing_is_lent_twice_or_lost(steps in proptest::collection::vec(step(), 1..200)) {
        let most = 2 << 20;
        let (mut slabs, budget, clock) = slabs(most);
        let mut out: Vec<Block> = Vec::new();
        for step in steps {
            match step {
                Step::Lease(dtype, bytes) => {
                    let kind = kind([DType::Fp32, DType::Int32, DType::Int64][dtype]);
                    if let Ok(block) = slabs.lease(kind, bytes, Criticality::Critical) {
                        let begin = block.lines.as_ptr().addr();
                        let end = begin + block.lines.len();
                        prop_assert!(begin % 64 == 0 && block.lines.len() >= bytes);
                        for other in &out {
                            let other_begin = other.lines.as_ptr().addr();
                            let apart = end <= other_begin || other_begin + other.lines.len() <= begin;
                            prop_assert!(apart);
                        }
                        out.push(block);
                    }
                }
                Step::Return(index) if !out.is_empty() => {
                    let block = out.swap_remove(index % out.len());
                    slabs.take_back(block);
                }
                Step::Return(_) => {}
                Step::Tick(seconds) => {
                    clock.advance(Duration::from_secs(seconds));
                    slabs.tick(clock.now());
                }
            }
            prop_assert!(budget.held_bytes() <= most as u64);
            let leased: usize = out.iter().map(|block| block.lines.len()).sum();
            prop_assert_eq!(get(&slabs.figures().leased_bytes), leased as u64);
            prop_assert!(leased as u64 <= budget.held_bytes());
        }
        out.drain(..).for_each(|block| slabs.take_back(block));
        clock.advance(Duration::from_secs(31));
        slabs.tick(clock.now());
        clock.advance(Duration::from_secs(31));
        slabs.tick(clock.now());
        prop_assert_eq!(budget.held_bytes(), 0);
        prop_assert_eq!(get(&slabs.figures().leases_out), 0);
    }
}
