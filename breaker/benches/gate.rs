//! What reading the breaker costs a request, against a plain atomic load.
//!
//! `admit` on a closed breaker against the same load and comparison without a breaker around it;
//! then the same through a front's map of keys, and a rejection.

use breaker::{
    Admission, BreakerKey, BreakerSettings, FrontView, Gate, GateOptions, KeyProfile, Outcome,
    Registry, Report, Rules,
};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[expect(
    clippy::disallowed_methods,
    reason = "a bench needs one real instant to count from"
)]
fn origin() -> Instant {
    Instant::now()
}

fn gate(origin: Instant) -> Arc<Gate> {
    let settings = BreakerSettings::default();
    let options = GateOptions {
        rules: Rules::new(&settings),
        limited_concurrency: 8,
        origin,
    };
    Gate::standalone(KeyProfile::default(), &options)
}

fn reading(c: &mut Criterion) {
    let now = origin();
    let mut group = c.benchmark_group("breaker_read");

    let plain = AtomicU64::new(7);
    group.bench_function("plain_atomic_load", |b| {
        b.iter(|| black_box(black_box(&plain).load(Ordering::Acquire) & 0xffff == 7));
    });

    let closed = gate(now);
    group.bench_function("admit_closed", |b| {
        b.iter(|| {
            matches!(
                black_box(&closed).admit(black_box(now)),
                Some(Admission::Allow(_))
            )
        });
    });
    group.bench_function("admit_and_complete_closed", |b| {
        let report = Report::new(Outcome::Ok, Duration::from_millis(4));
        b.iter(|| match black_box(&closed).admit(black_box(now)) {
            Some(Admission::Allow(ticket)) => Some(ticket.complete(report, now)),
            _ => None,
        });
    });
    group.finish();
}

fn by_key(c: &mut Criterion) {
    let now = origin();
    let settings = BreakerSettings::default();
    let deadline = Duration::from_millis(800);
    let mut registry = Registry::new(&settings, deadline, 1, now);
    let mut view = FrontView::new(registry.directory());
    let key = BreakerKey::new("din", 1, "home_feed");
    let profile = KeyProfile::default();
    let mut group = c.benchmark_group("breaker_front");
    group.bench_function("admit_closed_by_key", |b| {
        b.iter(|| {
            matches!(
                view.admit(black_box(&key), profile, now),
                Admission::Allow(_)
            )
        });
    });
    let forced = registry.force("din:1:home_feed", breaker::Force::Open, now);
    assert!(forced.is_some(), "the key was looked up above");
    group.bench_function("reject_open_by_key", |b| {
        b.iter(|| {
            matches!(
                view.admit(black_box(&key), profile, now),
                Admission::Reject(_)
            )
        });
    });
    group.finish();
}

fn recording(c: &mut Criterion) {
    let now = origin();
    let settings = BreakerSettings::default();
    let mut registry = Registry::new(&settings, Duration::from_millis(800), 1, now);
    let mut view = FrontView::new(registry.directory());
    let key = BreakerKey::new("din", 1, "home_feed");
    let profile = KeyProfile::default();
    let batch: Vec<_> = (0..256)
        .filter_map(|i| match view.admit(&key, profile, now) {
            Admission::Allow(ticket) => {
                let report = Report::new(Outcome::Ok, Duration::from_micros(3_000 + i * 10));
                Some(ticket.complete(report, now))
            }
            Admission::Reject(_) => None,
        })
        .collect();
    let mut changes = Vec::new();
    c.bench_function("registry_record_256", |b| {
        b.iter(|| registry.record(black_box(&batch), now, &mut changes));
    });
}

criterion_group!(benches, reading, by_key, recording);
criterion_main!(benches);
