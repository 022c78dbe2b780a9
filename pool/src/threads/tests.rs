use common::SystemClock;
use inference_actor::arena::{ArenaRules, Classes};

use super::*;

const MS: Duration = Duration::from_millis(1);

fn memory() -> ThreadMemory {
    let rules = ArenaRules {
        classes: Classes::new([16 << 10]),
        large_bytes: 1 << 20,
        idle: Duration::from_secs(1),
        most_leases: 1000,
    };
    ThreadMemory {
        arenas: Arenas::new(rules, 1 << 30),
        clock: Arc::new(SystemClock),
    }
}

fn assigned(budget: &Arc<CoreBudget>, wanted: usize, existing: &Existing) -> Assigned {
    let assigned = assign(budget, &memory(), wanted, existing).unwrap();
    assigned.expect("there is a thread")
}

fn same(one: &[Arc<DedicatedThread>], other: &[Arc<DedicatedThread>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| Arc::ptr_eq(a, b))
}

#[actix_rt::test]
async fn threads_never_outnumber_what_was_granted_and_go_back_when_they_end() {
    let budget = CoreBudget::new(3);
    let first = assigned(&budget, 2, &Existing::default());
    let second = assigned(&budget, 5, &Existing::default());
    assert_eq!((first.threads.len(), second.threads.len()), (2, 1));
    assert_eq!(budget.used(), 3);
    assert!(
        assign(&budget, &memory(), 1, &Existing::default())
            .unwrap()
            .is_none()
    );
    drop(first);
    assert_eq!(budget.used(), 1);
}

#[actix_rt::test]
async fn a_reload_keeps_the_threads_it_has_and_takes_no_others() {
    let budget = CoreBudget::new(2);
    let former = assigned(&budget, 2, &Existing::default()).threads;
    let existing = Existing {
        inherited: former.clone(),
        neighbours: Vec::new(),
    };
    let reloaded = assigned(&budget, 2, &existing);
    assert!(same(&reloaded.threads, &former) && !reloaded.shared);
    let fewer = assigned(&budget, 1, &existing);
    assert!(same(&fewer.threads, &former[..1]));
    assert_eq!(budget.used(), 2);
}

#[actix_rt::test]
async fn with_none_left_the_thread_that_others_hold_for_the_shortest_time_is_shared() {
    let budget = CoreBudget::new(2);
    let held = assigned(&budget, 2, &Existing::default()).threads;
    let busy = [300 * MS, 5 * MS];
    let neighbours = held.iter().zip(busy);
    let neighbours = neighbours.map(|(thread, busy)| Neighbour {
        thread: Arc::clone(thread),
        busy,
    });
    let existing = Existing {
        inherited: Vec::new(),
        neighbours: neighbours.collect(),
    };
    let second = assigned(&budget, 2, &existing);
    assert!(second.shared && same(&second.threads, &held[1..]));
}

#[actix_rt::test]
async fn a_thread_ends_with_the_last_who_holds_it_and_its_successor_keeps_the_grant() {
    let budget = CoreBudget::new(1);
    let thread = assigned(&budget, 1, &Existing::default()).threads.remove(0);
    let also = Arc::clone(&thread);
    let arbiter = thread.end().expect("nobody took it before");
    assert!(also.end().is_none());
    let successor = thread.successor().unwrap();
    drop((thread, also));
    arbiter.join().unwrap();
    assert_eq!(budget.used(), 1, "the successor has it");
    let handle = successor.handle().clone();
    drop(successor);
    assert_eq!(budget.used(), 0);
    while handle.alive() {
        tokio::task::yield_now().await;
    }
}
