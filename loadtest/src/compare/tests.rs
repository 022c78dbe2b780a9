//! False alarms and missed slowdowns over seeded synthetic pairs, and intervals that mean it.

use rand::{SeedableRng, rngs::ChaCha8Rng};
use rand_distr::{Distribution, LogNormal, Normal};

use super::*;

/// A run of `seconds` at 300 requests/s whose latency drifts from second to second, as real ones
/// do: log-normal requests around a level that is itself log-normal.
fn run(seed: u64, seconds: u32, slowdown: f64) -> Side {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let level = Normal::new(0.0, 0.02).expect("distribution");
    let second = |_| {
        let shift: f64 = level.sample(&mut rng);
        let latency = LogNormal::new(1_000_f64.ln() + shift, 0.25).expect("distribution");
        let mut hist = Hist::default();
        for _ in 0..300 {
            hist.record_us(latency.sample(&mut rng) * slowdown, 1);
        }
        hist
    };
    Side::new((0..seconds).map(second).collect())
}

fn findings(slowdown: f64) -> Vec<Finding> {
    let one = |seed: u64| {
        let pair = (run(2 * seed, 30, 1.0), run(2 * seed + 1, 30, slowdown));
        compare(
            &[pair],
            CompareOptions {
                resamples: 300,
                ..CompareOptions::default()
            },
        )
        .finding
    };
    (0..100).map(one).collect()
}

fn count(findings: &[Finding], wanted: Finding) -> usize {
    findings
        .iter()
        .filter(|finding| **finding == wanted)
        .count()
}

#[test]
fn equal_pairs_show_no_difference_in_95_of_100() {
    let shown = count(&findings(1.0), Finding::NoDifferenceShown);
    assert!(shown >= 95, "{shown} of 100");
}

#[test]
fn pairs_slowed_by_a_tenth_are_slower_in_95_of_100() {
    let shown = count(&findings(1.1), Finding::Slower);
    assert!(shown >= 95, "{shown} of 100");
}

#[test]
fn the_order_of_the_reports_turns_slower_into_faster() {
    let pair = (run(1, 30, 1.2), run(2, 30, 1.0));
    assert_eq!(
        compare(&[pair], CompareOptions::default()).finding,
        Finding::Faster
    );
}

#[test]
fn pairs_that_differ_among_each_other_widen_the_interval() {
    let steady: Vec<_> = (0..5)
        .map(|i| (run(10 + i, 10, 1.0), run(20 + i, 10, 1.1)))
        .collect();
    let moody: Vec<_> = (0_u32..5)
        .map(|i| {
            (
                run(10 + u64::from(i), 10, 1.0),
                run(20 + u64::from(i), 10, 0.8 + 0.15 * f64::from(i)),
            )
        })
        .collect();
    let options = CompareOptions::default();
    assert_eq!(compare(&steady, options).finding, Finding::Slower);
    assert_eq!(compare(&moody, options).finding, Finding::NoDifferenceShown);
}

#[test]
fn empty_runs_show_nothing() {
    let nothing = || Side::new(Vec::new());
    let comparison = compare(&[(nothing(), nothing())], CompareOptions::default());
    assert_eq!(comparison.finding, Finding::NoDifferenceShown);
}
