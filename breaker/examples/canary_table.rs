//! Simulates releases and prints how they end.
//!
//! `cargo run --release -p breaker --example canary_table [SEEDS]` (1000 by default).

use breaker::CanaryPlan;
use breaker::CanaryState::{Promoted, RolledBack};
use breaker::sim::{CanaryEnd, CanaryTrial};
use std::process::ExitCode;

fn main() -> ExitCode {
    let seeds = match std::env::args().nth(1).map(|text| text.parse()) {
        None => 1_000,
        Some(Ok(seeds)) if seeds > 0 => seeds,
        Some(_) => {
            eprintln!("usage: canary_table [SEEDS]");
            return ExitCode::from(64);
        }
    };
    println!(
        "| plan | traffic | canary | promoted | rolled back | held on the way | ends after | answered by the canary |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let cases = [
        (CanaryPlan::Linear, 1_000.0, 1.5),
        (CanaryPlan::Linear, 1_000.0, 2.0),
        (CanaryPlan::Linear, 1_000.0, 1.3),
        (CanaryPlan::Linear, 1_000.0, 1.0),
        (CanaryPlan::Linear, 10.0, 1.0),
        (CanaryPlan::Cautious, 10_000.0, 1.5),
    ];
    for (plan, rate_per_s, slower) in cases {
        for sigma in [0.5, 1.0] {
            let trial = CanaryTrial {
                plan: plan.clone(),
                rate_per_s,
                sigma,
                slower,
            };
            row(&trial, seeds);
        }
    }
    ExitCode::SUCCESS
}

fn row(trial: &CanaryTrial, seeds: u64) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let ends: Vec<CanaryEnd> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                let mine = (first..seeds).step_by(threads as usize);
                scope.spawn(move || mine.map(|seed| trial.run(seed)).collect::<Vec<_>>())
            })
            .collect();
        let ends = workers
            .into_iter()
            .map(|worker| worker.join().expect("no trial panics"));
        ends.flatten().collect()
    });
    let percent = |is: &dyn Fn(&CanaryEnd) -> bool| {
        100.0 * ends.iter().filter(|end| is(end)).count() as f64 / ends.len() as f64
    };
    let mut times: Vec<f64> = ends.iter().map(|end| end.after.as_secs_f64()).collect();
    let mut served: Vec<u64> = ends.iter().map(|end| end.served).collect();
    times.sort_by(f64::total_cmp);
    served.sort_unstable();
    let at = |share: f64| ((ends.len() - 1) as f64 * share) as usize;
    println!(
        "| {:?} | {:.0}/s, sigma {} | {} x P99 | {:.1} % | {:.1} % | {:.1} % | {:.0} s, 99 % within {:.0} s | {}, 99 % at most {} |",
        trial.plan,
        trial.rate_per_s,
        trial.sigma,
        trial.slower,
        percent(&|end| end.state == Promoted),
        percent(&|end| end.state == RolledBack),
        percent(&|end| end.held),
        times[at(0.5)],
        times[at(0.99)],
        served[at(0.5)],
        served[at(0.99)],
    );
}
