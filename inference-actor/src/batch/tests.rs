use std::time::Duration;

use common::{Clock, ManualClock};
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Probe {
    id: usize,
    rows: usize,
    deadline: Deadline,
    abandoned: bool,
    since: Instant,
    class: Criticality,
}

impl Entry for Probe {
    fn rows(&self) -> usize {
        self.rows
    }
    fn deadline(&self) -> Deadline {
        self.deadline
    }
    fn abandoned(&self) -> bool {
        self.abandoned
    }
    fn criticality(&self) -> Criticality {
        self.class
    }
    fn waits_since(&self) -> Instant {
        self.since
    }
}

fn codel() -> CodelSettings {
    let ms = Duration::from_millis;
    CodelSettings {
        target: ms(20),
        interval: ms(100),
    }
}

fn queue(budget: Option<usize>) -> (BatchQueue<Probe>, ManualClock) {
    let mut queue = BatchQueue::new(64, codel());
    queue.set_row_budget(budget);
    (queue, ManualClock::new())
}

fn probe(clock: &ManualClock, id: usize, rows: usize) -> Probe {
    let deadline = Deadline::after(clock.now(), Duration::from_millis(10));
    Probe {
        id,
        rows,
        deadline,
        abandoned: false,
        since: clock.now(),
        class: Criticality::Critical,
    }
}

fn ids(job: Option<Job<Probe>>) -> Vec<usize> {
    match job {
        Some(Job::Batch(batch)) => batch.into_iter().map(|p| p.id).collect(),
        Some(Job::Part { entry, .. }) => vec![entry.id],
        None => Vec::new(),
    }
}

#[test]
fn small_requests_share_a_run_up_to_the_budget_in_order() {
    let (mut queue, clock) = queue(Some(100));
    for id in 0..12 {
        queue.push(probe(&clock, id, 10)).unwrap();
    }
    assert_eq!(
        ids(queue.next(clock.now(), &mut Vec::new())),
        (0..10).collect::<Vec<_>>()
    );
    assert_eq!(ids(queue.next(clock.now(), &mut Vec::new())), [10, 11]);
}

#[test]
fn a_large_request_runs_in_even_parts_and_lets_others_pass() {
    let (mut queue, clock) = queue(Some(100));
    queue.push(probe(&clock, 0, 201)).unwrap();
    queue.push(probe(&clock, 1, 10)).unwrap();
    let Some(Job::Part { entry, rows, last }) = queue.next(clock.now(), &mut Vec::new()) else {
        panic!()
    };
    assert_eq!((rows.clone(), last), (0..67, false));
    queue.resume(entry, rows.end);
    assert_eq!(ids(queue.next(clock.now(), &mut Vec::new())), [1]);
    let Some(Job::Part { entry, rows, .. }) = queue.next(clock.now(), &mut Vec::new()) else {
        panic!()
    };
    assert_eq!(rows, 67..134);
    queue.resume(entry, rows.end);
    let Some(Job::Part { rows, last, .. }) = queue.next(clock.now(), &mut Vec::new()) else {
        panic!()
    };
    assert_eq!((rows, last), (134..201, true));
}

#[test]
fn nobody_pays_for_expired_or_abandoned_entries() {
    let (mut queue, clock) = queue(Some(100));
    queue.push(probe(&clock, 0, 10)).unwrap();
    queue
        .push(Probe {
            abandoned: true,
            ..probe(&clock, 1, 10)
        })
        .unwrap();
    clock.advance(Duration::from_millis(10));
    queue.push(probe(&clock, 2, 10)).unwrap();
    let mut dropped = Vec::new();
    assert_eq!(ids(queue.next(clock.now(), &mut dropped)), [2]);
    let dropped: Vec<_> = dropped.into_iter().map(|(p, why)| (p.id, why)).collect();
    assert_eq!(dropped, [(0, Dropped::Expired), (1, Dropped::Abandoned)]);
}

#[test]
fn the_earliest_deadline_runs_first() {
    let (mut queue, clock) = queue(None);
    for (id, ms) in [(0, 50), (1, 10), (2, 30), (3, 50)] {
        let deadline = Deadline::after(clock.now(), Duration::from_millis(ms));
        queue
            .push(Probe {
                deadline,
                ..probe(&clock, id, 1)
            })
            .unwrap();
    }
    let order: Vec<_> = (0..4)
        .flat_map(|_| ids(queue.next(clock.now(), &mut Vec::new())))
        .collect();
    assert_eq!(order, [1, 2, 0, 3]);
}

#[test]
fn a_standing_queue_serves_the_newest_and_sheds_the_lowest_class() {
    let (mut queue, clock) = queue(None);
    let long = |clock: &ManualClock, id, class| {
        let deadline = Deadline::after(clock.now(), Duration::from_secs(1));
        Probe {
            deadline,
            class,
            ..probe(clock, id, 1)
        }
    };
    for id in 0..4 {
        let class = if id % 2 == 0 {
            Criticality::Sheddable
        } else {
            Criticality::Critical
        };
        queue.push(long(&clock, id, class)).unwrap();
    }
    clock.advance(Duration::from_millis(21));
    let mut dropped = Vec::new();
    assert_eq!(ids(queue.next(clock.now(), &mut dropped)), [0]);
    clock.advance(Duration::from_millis(100));
    queue.push(long(&clock, 4, Criticality::Critical)).unwrap();
    assert_eq!(ids(queue.next(clock.now(), &mut dropped)), [4]);
    let dropped: Vec<_> = dropped.into_iter().map(|(p, why)| (p.id, why)).collect();
    assert_eq!(dropped, [(2, Dropped::Shed)]);
    // The newest of a lower class comes after all of a higher one.
    queue.push(long(&clock, 5, Criticality::Sheddable)).unwrap();
    assert_eq!(ids(queue.next(clock.now(), &mut Vec::new())), [3]);
    assert_eq!(ids(queue.next(clock.now(), &mut Vec::new())), [1]);
    assert_eq!(ids(queue.next(clock.now(), &mut Vec::new())), [5]);
}

#[test]
fn company_is_waited_for_neither_twice_nor_past_a_deadline() {
    let ms = Duration::from_millis;
    let (mut queue, clock) = queue(Some(100));
    let deadline = Deadline::after(clock.now(), Duration::from_secs(1));
    let first = Probe {
        deadline,
        ..probe(&clock, 0, 10)
    };
    queue.push(first).unwrap();
    assert_eq!(queue.remaining_batch_delay(ms(20), clock.now()), ms(20));
    clock.advance(ms(15));
    assert_eq!(queue.remaining_batch_delay(ms(20), clock.now()), ms(5));
    // This one has ten milliseconds altogether.
    queue.push(probe(&clock, 1, 10)).unwrap();
    assert_eq!(queue.remaining_batch_delay(ms(20), clock.now()), ms(0));
}

#[test]
fn a_model_without_batching_runs_one_by_one() {
    let (mut queue, clock) = queue(None);
    queue.push(probe(&clock, 0, 5000)).unwrap();
    queue.push(probe(&clock, 1, 1)).unwrap();
    assert_eq!(ids(queue.next(clock.now(), &mut Vec::new())), [0]);
    assert_eq!(ids(queue.next(clock.now(), &mut Vec::new())), [1]);
}

proptest! {
    /// Whatever arrives, expires and goes away: every entry comes out once, every row of a
    /// live one exactly once and in order, and no run exceeds the budget.
    #[test]
    fn nothing_is_lost_doubled_or_over_budget(
        arrivals in proptest::collection::vec((0usize..350, 0u64..12, any::<bool>()), 1..60),
        budget in 1usize..150,
    ) {
        let (mut queue, clock) = queue(Some(budget));
        let mut rows_run = vec![0usize; arrivals.len()];
        let mut outcome = vec![0usize; arrivals.len()];
        let mut dropped = Vec::new();
        let mut waiting = arrivals.iter().enumerate();
        loop {
            let arrival = waiting.next();
            if let Some((id, (rows, gap_ms, abandoned))) = arrival {
                clock.advance(Duration::from_millis(*gap_ms));
                let entry = Probe { abandoned: *abandoned && id % 3 == 0, ..probe(&clock, id, *rows) };
                prop_assert!(queue.push(entry).is_ok());
                if id % 4 != 0 { continue; }
            } else if queue.is_empty() {
                break;
            }
            match queue.next(clock.now(), &mut dropped) {
                Some(Job::Batch(batch)) => {
                    let rows: usize = batch.iter().map(Entry::rows).sum();
                    prop_assert!(rows <= budget || batch.len() == 1);
                    for p in batch { rows_run[p.id] += p.rows; outcome[p.id] += 1; }
                }
                Some(Job::Part { entry, rows, last }) => {
                    prop_assert!(rows.len() <= budget && rows.start == rows_run[entry.id]);
                    rows_run[entry.id] = rows.end;
                    if last { outcome[entry.id] += 1; } else { queue.resume(entry, rows.end); }
                }
                None => {}
            }
        }
        for (p, _) in &dropped { outcome[p.id] += 1; }
        let gaps = arrivals.iter().map(|(_, gap, _)| *gap).sum::<u64>();
        prop_assert!(gaps > 100 || dropped.iter().all(|(_, why)| *why != Dropped::Shed));
        prop_assert!(outcome.iter().all(|n| *n == 1));
        let dead: Vec<_> = dropped.iter().map(|(p, _)| p.id).collect();
        for (id, (rows, ..)) in arrivals.iter().enumerate() {
            prop_assert!(dead.contains(&id) || rows_run[id] == *rows);
        }
    }

    #[test]
    fn the_queue_never_exceeds_its_capacity(pushes in 0usize..100) {
        let clock = ManualClock::new();
        let mut queue = BatchQueue::new(8, codel());
        let refused = (0..pushes).filter(|id| queue.push(probe(&clock, *id, 1)).is_err()).count();
        prop_assert_eq!(refused, pushes.saturating_sub(8));
    }
}
