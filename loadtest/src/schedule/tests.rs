//! What a schedule promises, checked against computed values.

use super::{stage_text::StageTextError, *};

fn spec(arrivals: ArrivalSpec, stages: &str, warmup_s: u64) -> ScheduleSpec {
    ScheduleSpec {
        arrivals,
        stages: parse_stages(stages).expect("stages"),
        warmup: Duration::from_secs(warmup_s),
        seed: 7,
    }
}

fn gaps(spec: &ScheduleSpec) -> Vec<f64> {
    let at: Vec<f64> = spec.arrivals().map(|a| a.due.as_secs_f64()).collect();
    at.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn mean_and_cv(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt() / mean)
}

#[test]
fn constant_arrivals_are_evenly_spaced_and_exactly_rate_times_duration() {
    let all: Vec<Arrival> = spec(ArrivalSpec::Constant, "hold:400:5s", 0)
        .arrivals()
        .collect();
    assert_eq!(all.len(), 2000);
    for (k, arrival) in all.iter().enumerate() {
        assert_eq!(arrival.index, k as u64);
        assert!((arrival.due.as_secs_f64() - k as f64 / 400.0).abs() < 1e-8);
    }
}

#[test]
fn poisson_gaps_have_the_asked_mean_and_a_variation_of_one() {
    let gaps = gaps(&spec(ArrivalSpec::Poisson, "hold:500:400s", 0));
    let (mean, cv) = mean_and_cv(&gaps);
    // 200 000 gaps: four standard errors are 0.9 % of the mean and about 0.9 % of the variation.
    assert!((mean * 500.0 - 1.0).abs() < 0.009, "mean gap {mean}");
    assert!((cv - 1.0).abs() < 0.013, "variation {cv}");
}

#[test]
fn gamma_gaps_have_the_asked_variation() {
    for wanted in [0.5, 2.0] {
        let spec = spec(ArrivalSpec::Gamma { cv: wanted }, "hold:500:400s", 0);
        let (mean, cv) = mean_and_cv(&gaps(&spec));
        assert!((mean * 500.0 - 1.0).abs() < 0.02, "mean gap {mean}");
        assert!(
            (cv / wanted - 1.0).abs() < 0.03,
            "variation {cv}, wanted {wanted}"
        );
    }
}

#[test]
fn mmpp_keeps_the_mean_rate_and_is_burstier_than_poisson() {
    let mmpp = MmppSpec {
        burst_ratio: 5.0,
        burst_s: 0.2,
        calm_s: 0.8,
    };
    let spec = spec(ArrivalSpec::Mmpp(mmpp), "hold:500:400s", 0);
    let counts = spec
        .arrivals()
        .fold(vec![0.0; 4000], |mut bins: Vec<f64>, arrival| {
            bins[(arrival.due.as_secs_f64() * 10.0) as usize] += 1.0;
            bins
        });
    let (mean, cv) = mean_and_cv(&counts);
    assert!(
        (mean / 50.0 - 1.0).abs() < 0.06,
        "requests per 100 ms {mean}"
    );
    // Index of dispersion of counts: 1 for Poisson.
    assert!(cv * cv * mean > 5.0, "dispersion {}", cv * cv * mean);
}

#[test]
fn a_trace_is_followed_to_the_letter_and_cut_at_the_end() {
    let trace = ArrivalSpec::Trace {
        at_s: vec![0.0, 0.25, 0.25, 1.5, 9.0],
    };
    let due: Vec<f64> = spec(trace, "hold:1:2s", 0)
        .arrivals()
        .map(|a| a.due.as_secs_f64())
        .collect();
    assert_eq!(due, [0.0, 0.25, 0.25, 1.5]);
}

#[test]
fn the_same_seed_gives_the_same_schedule_and_another_seed_another() {
    let base = spec(ArrivalSpec::Poisson, "ramp:10..500:20s", 1);
    let other = ScheduleSpec {
        seed: 8,
        ..base.clone()
    };
    let list = |spec: &ScheduleSpec| spec.arrivals().collect::<Vec<_>>();
    assert_eq!(list(&base), list(&base));
    assert_ne!(list(&base), list(&other));
}

#[test]
fn every_stage_offers_what_its_integral_says() {
    let cases = [
        ("ramp:100..900:10s", 5000.0),
        ("step:100..500/5:10s", 3000.0),
        ("spike:100..1000:9s", 3600.0),
        ("sine:100..300/4s:8s", 1600.0),
        ("soak:50:1m,hold:10:5s", 3050.0),
    ];
    for (text, wanted) in cases {
        let spec = spec(ArrivalSpec::Constant, text, 0);
        assert!(
            (spec.curve().total() - wanted).abs() < 1e-6,
            "{text}: {}",
            spec.curve().total()
        );
        let count = spec.arrivals().count() as f64;
        assert!((count - wanted).abs() <= 1.0, "{text}: {count}");
    }
}

#[test]
fn time_and_count_are_inverse_over_every_stage() {
    let text = "hold:50:3s,ramp:50..400:5s,ramp:400..1:5s,sine:10..200/3s:7s";
    let curve = spec(ArrivalSpec::Constant, text, 2).curve();
    for step in 0..=2200 {
        let t = f64::from(step) / 100.0 * 0.999;
        let back = curve.time_of(curve.due_by(t)).expect("inside");
        assert!((back - t).abs() < 1e-6, "{t} came back as {back}");
    }
    assert_eq!(curve.time_of(curve.total()), None);
}

#[test]
fn warm_up_comes_before_the_stages_at_their_first_rate() {
    let spec = spec(ArrivalSpec::Constant, "ramp:100..200:10s", 3);
    let warm = spec.arrivals().take_while(|a| a.due < spec.warmup).count();
    assert_eq!(warm, 300);
    assert_eq!(spec.measured(), Duration::from_secs(10));
    assert_eq!(spec.windows()[0].1, Duration::from_secs(3));
}

#[test]
fn stages_that_mean_nothing_are_refused() {
    let bad = [
        "",
        "hold",
        "hold:5",
        "hold:0:5s",
        "hold:5:0s",
        "hold:5..6:5s",
        "ramp:5:5s",
        "step:1..5:5s",
        "step:1..5/1:5s",
        "sine:1..5:5s",
        "sine:1..5/0s:5s",
        "ramp:1..5:5",
        "dance:1..5:5s",
        "hold:5:5s:5",
    ];
    for text in bad {
        assert!(parse_stages(text).is_err(), "`{text}` was accepted");
    }
    let many = vec!["hold:1:1s"; 65].join(",");
    assert_eq!(parse_stages(&many), Err(StageTextError::TooMany(65)));
}
