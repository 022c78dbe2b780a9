use super::*;
use crate::transition::{Reason, State};
use proptest::prelude::*;

#[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
fn origin() -> Instant {
    Instant::now()
}

fn record(instance: &str, incarnation: u64, epoch: u64, state: State) -> InstanceRecord {
    InstanceRecord {
        incarnation,
        epoch,
        state,
        reason: Some(Reason::P99OverThreshold),
        ttl_ms: 10_000,
        samples: 100,
        key: "din:1:home".to_owned(),
        instance: instance.to_owned(),
    }
}

fn states() -> impl Strategy<Value = State> {
    prop::sample::select(vec![
        State::Closed,
        State::Open,
        State::HalfOpen,
        State::Ramp,
    ])
}

fn any_record() -> impl Strategy<Value = InstanceRecord> {
    (0..4u8, 0..3u64, 0..6u64, states(), 0..3u64).prop_map(|(who, inc, epoch, state, samples)| {
        InstanceRecord {
            samples,
            ..record(&format!("i{who}"), inc, epoch, state)
        }
    })
}

fn merged(records: &[InstanceRecord], now: Instant) -> Vec<InstanceRecord> {
    let mut view = ClusterView::default();
    records.iter().for_each(|r| {
        view.merge(r.clone(), now);
    });
    view.records().cloned().collect()
}

#[test]
fn a_remote_open_makes_cautious_until_it_expires() {
    let now = origin();
    let mut view = ClusterView::default();
    view.merge(record("b", 1, 1, State::Open), now);
    assert_eq!(view.advice("din:1:home", "a", now), Advice::BeCautious);
    assert_eq!(view.advice("din:1:other", "a", now), Advice::Carry);
    assert_eq!(
        view.advice("din:1:home", "a", now + Duration::from_secs(11)),
        Advice::Carry
    );
}

#[test]
fn an_instance_does_not_listen_to_itself() {
    let now = origin();
    let mut view = ClusterView::default();
    view.merge(record("a", 1, 1, State::Open), now);
    assert_eq!(view.advice("din:1:home", "a", now), Advice::Carry);
}

#[test]
fn openings_that_only_followed_others_do_not_count() {
    let now = origin();
    let mut view = ClusterView::default();
    for who in ["b", "c"] {
        let followed = InstanceRecord {
            reason: Some(Reason::ClusterAgreed),
            ..record(who, 1, 1, State::Open)
        };
        view.merge(followed, now);
    }
    assert_eq!(view.advice("din:1:home", "a", now), Advice::Carry);
    view.merge(record("b", 1, 2, State::Open), now);
    view.merge(record("c", 1, 2, State::Open), now);
    assert_eq!(view.advice("din:1:home", "a", now), Advice::Open);
}

#[test]
fn a_repeated_record_does_not_live_longer() {
    let now = origin();
    let mut view = ClusterView::default();
    view.merge(record("b", 1, 1, State::Open), now);
    assert!(!view.merge(record("b", 1, 1, State::Open), now + Duration::from_secs(9)));
    assert_eq!(
        view.advice("din:1:home", "a", now + Duration::from_secs(11)),
        Advice::Carry
    );
}

#[test]
fn the_view_is_bounded() {
    let now = origin();
    let mut view = ClusterView::default();
    for i in 0..MAX_RECORDS + 5 {
        view.merge(record(&format!("i{i}"), 1, 1, State::Closed), now);
    }
    assert_eq!((view.records().count(), view.refused()), (MAX_RECORDS, 5));
}

proptest! {
    #[test]
    fn the_order_of_records_and_repeats_do_not_matter(
        records in prop::collection::vec(any_record(), 0..40),
        shuffle in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
    ) {
        let now = origin();
        let expected = merged(&records, now);
        let mut mixed: Vec<_> = if records.is_empty() {
            Vec::new()
        } else {
            shuffle.iter().map(|i| i.get(&records).clone()).collect()
        };
        mixed.extend(records.iter().rev().cloned());
        prop_assert_eq!(merged(&mixed, now), expected);
    }

    #[test]
    fn one_resync_makes_up_for_lost_messages(
        records in prop::collection::vec(any_record(), 1..40),
        lost in prop::collection::vec(any::<bool>(), 40),
    ) {
        let now = origin();
        let expected = merged(&records, now);
        let mut kept: Vec<_> =
            records.iter().zip(&lost).filter(|(_, lost)| !**lost).map(|(r, _)| r.clone()).collect();
        // The snapshot that a resync reads holds each instance's newest record.
        kept.extend(expected.clone());
        prop_assert_eq!(merged(&kept, now), expected);
    }
}
