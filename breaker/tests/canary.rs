//! What is claimed of the canary's judge, with few seeds. All of them:
//! `cargo run --release -p breaker --example canary_table`.

use breaker::CanaryPlan;
use breaker::CanaryState::{Promoted, RolledBack};
use breaker::sim::{CanaryEnd, CanaryTrial};

const SEEDS: u64 = 60;

fn ends(sigma: f64, slower: f64, rate_per_s: f64) -> Vec<CanaryEnd> {
    let trial = CanaryTrial {
        plan: CanaryPlan::Linear,
        rate_per_s,
        sigma,
        slower,
    };
    (0..SEEDS).map(|seed| trial.run(seed)).collect()
}

#[test]
fn a_canary_half_as_slow_again_is_rolled_back() {
    for sigma in [0.5, 1.0] {
        let ends = ends(sigma, 1.5, 1_000.0);
        assert!(ends.iter().all(|end| end.state == RolledBack), "{sigma}");
    }
}

#[test]
fn an_equal_canary_is_promoted() {
    for sigma in [0.5, 1.0] {
        let ends = ends(sigma, 1.0, 1_000.0);
        let promoted = ends.iter().filter(|end| end.state == Promoted).count();
        assert!(promoted as u64 >= SEEDS - 1, "{sigma}: {promoted}");
    }
}

#[test]
fn too_little_traffic_is_held_and_then_rolled_back() {
    let ends = ends(1.0, 1.0, 10.0);
    assert!(ends.iter().all(|end| end.held && end.state == RolledBack));
}
