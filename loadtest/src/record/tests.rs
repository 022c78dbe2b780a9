//! Filing, merging and reading back.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn layout() -> Layout {
    Layout {
        warmup: 1000 * MS,
        measured: 4000 * MS,
        stage_ends: vec![3000 * MS, 5000 * MS],
        timeout: 2000 * MS,
    }
}

fn sample(due_ms: u32, lag_ms: u32, service_ms: u32, outcome: Outcome) -> Sample {
    let sent = due_ms + lag_ms;
    Sample {
        due: due_ms * MS,
        sent: sent * MS,
        done: (sent + service_ms) * MS,
        outcome,
    }
}

fn near(actual_us: f64, wanted_us: f64) -> bool {
    (actual_us / wanted_us - 1.0).abs() < 2e-3
}

#[test]
fn latency_counts_from_the_schedule_and_service_from_the_write() {
    let mut recorder = Recorder::new(layout());
    recorder.scheduled(2000 * MS);
    recorder.finished(&sample(2000, 30, 70, Outcome::Status(200)));
    let recording = recorder.finish();
    assert!(near(recording.latency.max_us(), 100_000.0));
    assert!(near(recording.service.max_us(), 70_000.0));
    assert!(near(recording.send_lag.max_us(), 30_000.0));
}

#[test]
fn the_warm_up_is_counted_and_otherwise_left_out() {
    let mut recorder = Recorder::new(layout());
    recorder.scheduled(500 * MS);
    recorder.finished(&sample(500, 0, 10, Outcome::Status(500)));
    let recording = recorder.finish();
    assert_eq!(
        (
            recording.warmup_requests,
            recording.scheduled,
            recording.sent
        ),
        (1, 0, 0)
    );
    assert!(recording.latency.is_empty() && recording.statuses.is_empty());
}

#[test]
fn a_request_belongs_to_the_second_and_stage_it_was_due_in() {
    let mut recorder = Recorder::new(layout());
    recorder.scheduled(2900 * MS);
    recorder.finished(&sample(2900, 0, 1500, Outcome::Status(200)));
    recorder.seal(60_000 * MS);
    let recording = recorder.finish();
    assert_eq!(recording.stages[0].sent, 1);
    assert_eq!(recording.seconds[1].sent, 1);
    assert_eq!(recording.seconds[1].answered, 0);
    assert_eq!(recording.seconds[3].answered, 1);
    assert!(near(
        recording.seconds[1].latency.unpack().max_us(),
        1_500_000.0
    ));
}

#[test]
fn errors_count_statuses_from_400_and_requests_without_an_answer() {
    let mut recorder = Recorder::new(layout());
    let outcomes = [
        Outcome::Status(200),
        Outcome::Status(302),
        Outcome::Status(404),
        Outcome::Status(503),
        Outcome::Failed(ErrorKind::Timeout),
    ];
    for outcome in outcomes {
        recorder.finished(&sample(1500, 0, 5, outcome));
    }
    let recording = recorder.finish();
    assert_eq!((recording.answered(), recording.failed()), (4, 3));
    assert!((recording.error_rate() - 0.6).abs() < 1e-12);
    assert_eq!(recording.latency.len(), 5);
    assert_eq!(recording.latency_ok.len(), 2);
}

#[test]
fn parts_merge_to_what_one_recorder_would_have_held() {
    let mut whole = Recorder::new(layout());
    let mut parts = [Recorder::new(layout()), Recorder::new(layout())];
    for index in 0..400_u32 {
        let due = 1000 + index * 10;
        let outcome = if index % 7 == 0 {
            Outcome::Status(503)
        } else {
            Outcome::Status(200)
        };
        let sample = sample(due, index % 3, 1 + index % 50, outcome);
        for recorder in [&mut whole, &mut parts[(index % 2) as usize]] {
            recorder.scheduled(sample.due);
            recorder.finished(&sample);
        }
    }
    let whole = whole.finish();
    let mut merged = Recording::default();
    for part in parts {
        merged.merge(&part.finish());
    }
    assert_eq!(merged.latency.quantiles(), whole.latency.quantiles());
    assert_eq!(merged.send_lag.quantiles(), whole.send_lag.quantiles());
    assert_eq!(merged.statuses, whole.statuses);
    for (mine, theirs) in merged.seconds.iter().zip(&whole.seconds) {
        assert_eq!((mine.sent, mine.answered), (theirs.sent, theirs.answered));
        assert_eq!(
            mine.latency.unpack().quantiles(),
            theirs.latency.unpack().quantiles()
        );
    }
    assert_eq!(
        merged.stages[1].latency.quantiles(),
        whole.stages[1].latency.quantiles()
    );
}

#[test]
fn a_late_answer_stretches_the_time_that_the_rate_is_taken_over() {
    let mut recorder = Recorder::new(layout());
    recorder.finished(&sample(4900, 0, 2100, Outcome::Status(200)));
    let recording = recorder.finish();
    assert!((recording.rate(4000 * MS) - 1.0 / 6.0).abs() < 1e-9);
}

#[test]
fn histograms_survive_their_own_text_form() {
    let mut hist = Hist::default();
    for us in [1.0, 35.5, 900.0, 11_000.0, 400_000.0, 6e7] {
        hist.record_us(us, 3);
    }
    let text = serde_json::to_string(&hist).expect("json");
    let back: Hist = serde_json::from_str(&text).expect("hist");
    assert_eq!(back.quantiles(), hist.quantiles());
    assert!(serde_json::from_str::<Hist>("\"AAAA\"").is_err());
    assert!(Hist::decode("no base64!").is_err());
}
