//! What must hold whatever the traffic does.

use breaker::sim::{Arrival, Driver, Fate, Logged};
use breaker::{
    Breaker, BreakerSettings, KeyProfile, Outcome, Preset, Reason, Report, Rules, State,
};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Some time of traffic that is all alike.
#[derive(Debug, Clone)]
struct Segment {
    lasting_s: u64,
    gap_ms: u64,
    latency_ms: u64,
    fail_percent: u64,
    shed_percent: u64,
}

fn segments(most: usize) -> impl Strategy<Value = Vec<Segment>> {
    let gap = prop_oneof![5u64..50, 50u64..1_000, 1_000u64..20_000];
    let latency = prop_oneof![1u64..20, 20u64..300, 300u64..1_500];
    let fail = prop_oneof![Just(0u64), 0u64..20, 20u64..=100];
    let segment = (1u64..120, gap, latency, fail, 0u64..30);
    prop::collection::vec(
        segment.prop_map(
            |(lasting_s, gap_ms, latency_ms, fail_percent, shed_percent)| Segment {
                lasting_s,
                gap_ms,
                latency_ms,
                fail_percent,
                shed_percent,
            },
        ),
        1..most,
    )
}

fn presets() -> impl Strategy<Value = Preset> {
    prop::sample::select(vec![Preset::Evidence, Preset::Classic])
}

/// The arrivals of the segments; latencies vary by a factor of three, evenly.
fn arrivals(segments: &[Segment]) -> impl Iterator<Item = Arrival> + '_ {
    let mut start_ms = 0;
    segments.iter().flat_map(move |segment| {
        let from_ms = start_ms;
        start_ms += segment.lasting_s * 1_000;
        let count = segment.lasting_s * 1_000 / segment.gap_ms;
        (0..count).map(move |i| {
            let dice = (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % 100;
            let outcome = if dice < segment.fail_percent {
                Outcome::Failure
            } else if dice < segment.fail_percent + segment.shed_percent {
                Outcome::Shed
            } else {
                Outcome::Ok
            };
            let latency =
                Duration::from_millis(segment.latency_ms).mul_f64(0.5 + dice as f64 / 100.0);
            let at = Duration::from_millis(from_ms + i * segment.gap_ms);
            Arrival {
                at,
                fate: Fate {
                    latency,
                    outcome,
                    short_deadline: false,
                    batch: None,
                },
            }
        })
    })
}

fn driver(preset: Preset) -> Driver {
    let settings = BreakerSettings {
        preset,
        ..BreakerSettings::default()
    };
    Driver::new(&settings, KeyProfile::default(), 1)
}

fn healthy(at: Duration) -> Arrival {
    let latency = Duration::from_millis(5);
    Arrival {
        at,
        fate: Fate {
            latency,
            outcome: Outcome::Ok,
            short_deadline: false,
            batch: None,
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_threshold_never_passes_the_ceiling(segments in segments(8)) {
        let mut driver = driver(Preset::Evidence);
        for arrival in arrivals(&segments) {
            driver.offer(arrival);
            let learned = driver.snapshot().learned;
            prop_assert!(learned.threshold_us <= learned.ceiling_us);
        }
    }

    #[test]
    fn the_baseline_moves_only_while_closed_or_when_learned_anew(segments in segments(10)) {
        let mut driver = driver(Preset::Evidence);
        let mut before = driver.snapshot();
        for arrival in arrivals(&segments) {
            driver.offer(arrival);
            let now = driver.snapshot();
            let changes = driver.drain_log();
            let anew = changes.iter().any(|l| l.transition.reason == Reason::Rebaselined);
            match (before.learned.baseline_us, now.learned.baseline_us) {
                (Some(_), None) => prop_assert!(anew, "a baseline was lost without being let go"),
                (None, Some(_)) => prop_assert_eq!(now.state, State::Closed),
                (Some(old), Some(new)) if old != new => {
                    // Between two arrivals it may have moved first and opened then.
                    let to_closed = |l: &Logged| l.transition.to == State::Closed;
                    let closed = before.state == State::Closed || changes.iter().any(to_closed);
                    prop_assert!(closed || anew);
                    let elapsed_s = (arrival.at.as_secs_f64() / 5.0).ceil() * 5.0;
                    prop_assert!(new / old <= 1.05f64.powf(elapsed_s.max(5.0) / 60.0) + 1e-9);
                }
                _ => {}
            }
            before = now;
        }
    }

    #[test]
    fn nothing_opens_without_evidence(segments in segments(10), preset in presets()) {
        // Of the rules by evidence the least that any asks for is five slow calls of the last ten; the
        // plain one compares a quantile of whatever there is.
        let least = match preset {
            Preset::Evidence => 5,
            Preset::Classic => 1,
        };
        let mut driver = driver(preset);
        let mut admitted = 0;
        for arrival in arrivals(&segments) {
            let counts = !matches!(arrival.fate.outcome, Outcome::Shed);
            let arrived = driver.offer(arrival);
            for logged in driver.drain_log() {
                let opened = logged.transition.to == State::Open;
                if opened && logged.transition.from == State::Closed {
                    prop_assert!(admitted >= least, "opened after {admitted} requests");
                }
                admitted = 0;
            }
            // Whatever changed had done so when this one was let in.
            admitted += u64::from(arrived && counts);
        }
    }

    #[test]
    fn once_the_fault_is_gone_it_closes_within_open_probe_and_ramp(segments in segments(12)) {
        let mut driver = driver(Preset::Evidence);
        arrivals(&segments).for_each(|arrival| {
            driver.offer(arrival);
        });
        let gone = driver.now();
        // The longest open time with its jitter, 30 probes of which one a second is certain, the
        // ramp, and what was in flight.
        let limit = Duration::from_secs(360 + 31 + 20 + 5);
        let mut at = gone;
        while at < gone + limit {
            driver.offer(healthy(at));
            at += Duration::from_millis(50);
        }
        prop_assert_eq!(driver.state(), State::Closed);
    }

    #[test]
    fn changes_in_an_hour_are_bounded(segments in segments(60)) {
        let mut driver = driver(Preset::Evidence);
        let hour = Duration::from_secs(3_600);
        let mut at = Duration::ZERO;
        let mut offset = Duration::ZERO;
        // The same traffic over and over, so that the breaker can be driven round its circle.
        while at < hour {
            for arrival in arrivals(&segments) {
                at = offset + arrival.at;
                driver.offer(Arrival { at, ..arrival });
            }
            let lasting = segments.iter().map(|s| s.lasting_s).sum();
            offset += Duration::from_secs(lasting);
            at = offset;
        }
        // Open times of 24, 48, 96, 192, 240, 240… s make at most 18 rounds of four changes; a
        // baseline let go adds two for every two openings.
        let first_hour = driver.log().iter().filter(|l| l.at < hour).count();
        prop_assert!(first_hour <= 92, "{first_hour} changes");
    }

    #[test]
    fn what_is_no_evidence_changes_nothing(
        segments in segments(8),
        noise in prop::collection::vec((0usize..5, 0usize..4), 1..200),
        preset in presets(),
    ) {
        let settings = BreakerSettings { preset, ..BreakerSettings::default() };
        let start = origin();
        let fresh = || Breaker::new(&Rules::new(&settings), KeyProfile::default(), 0, 1, start);
        let (mut plain, mut noisy) = (fresh(), fresh());
        let mut noise = noise.iter().cycle();
        for arrival in arrivals(&segments) {
            let now = start + arrival.at;
            let report = Report::new(arrival.fate.outcome, arrival.fate.latency);
            let expected = step(&mut plain, &report, now);
            let &(many, kind) = noise.next().expect("a cycle of at least one");
            let seen = step_with_noise(&mut noisy, &report, now, (many, kind));
            prop_assert_eq!(seen.last().copied(), expected.last().copied());
        }
        let end = start + Duration::from_secs(1);
        prop_assert_eq!(
            noisy.snapshot(String::new(), end).learned,
            plain.snapshot(String::new(), end).learned
        );
        prop_assert_eq!(noisy.posture(), plain.posture());
    }
}

fn step(breaker: &mut Breaker, report: &Report, now: Instant) -> Vec<(State, Reason)> {
    let mut changes = Vec::new();
    while breaker.next_due().is_some_and(|due| due <= now) {
        changes.extend(breaker.tick(now));
    }
    let era = breaker.posture().era;
    changes.extend(breaker.record(era, report, now));
    changes.into_iter().map(|t| (t.to, t.reason)).collect()
}

fn step_with_noise(
    breaker: &mut Breaker,
    report: &Report,
    now: Instant,
    (many, kind): (usize, usize),
) -> Vec<(State, Reason)> {
    let second = Duration::from_secs(1);
    let late = Report {
        short_deadline: true,
        latency: None,
        ..Report::new(Outcome::Timeout, second)
    };
    let kinds = [
        Report::new(Outcome::Shed, second),
        Report::new(Outcome::Cancelled, second),
        Report::new(Outcome::BadInput, second),
        late,
    ];
    for _ in 0..many {
        let era = breaker.posture().era;
        assert_eq!(breaker.record(era, &kinds[kind], now), None);
    }
    step(breaker, report, now)
}

#[expect(clippy::disallowed_methods, reason = "an origin for a test's own time")]
fn origin() -> Instant {
    Instant::now()
}

/// Jumps of the wall clock cannot matter to code that never looks at it.
#[test]
fn the_rules_read_no_clock() {
    let mut pending = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src"
    ))];
    let mut files = 0;
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("the crate's own sources");
            pending.extend(entries.map(|entry| entry.expect("a readable entry").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source file");
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_test = path.ends_with("tests.rs") || path.to_string_lossy().contains("/sim/");
        files += 1;
        assert!(
            !production.contains("SystemTime"),
            "{} reads the wall clock",
            path.display()
        );
        assert!(
            is_test || !production.contains("Instant::now"),
            "{}",
            path.display()
        );
    }
    assert!(files > 30, "only {files} sources were found");
}

/// A clock that goes back by an hour is taken as one that stands still.
#[test]
fn a_clock_that_goes_back_is_survived() {
    let now = origin() + Duration::from_secs(7_200);
    let settings = BreakerSettings::default();
    let mut breaker = Breaker::new(&Rules::new(&settings), KeyProfile::default(), 0, 1, now);
    let ok = Report::new(Outcome::Ok, Duration::from_millis(5));
    for second in 0..600 {
        let back = if second % 2 == 0 {
            Duration::ZERO
        } else {
            Duration::from_secs(3_600)
        };
        step(&mut breaker, &ok, now + Duration::from_secs(second) - back);
    }
    assert_eq!(breaker.posture().state, State::Closed);
}
