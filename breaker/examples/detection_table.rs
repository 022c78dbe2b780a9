//! Measures every claim made of the breaker and prints the table, for both presets.
//!
//! `cargo run --release -p breaker --example detection_table [-- --quick] [-- --only TEXT]`; exit
//! status 1 when a bar is missed. `--only` measures the cases whose name contains the text. The bars are for `evidence`; `classic` is shown beside it.

use breaker::sim::checks::{Check, Effort, Finding, all};
use breaker::{BreakerSettings, Preset};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn main() -> ExitCode {
    let (mut effort, mut only) = (Effort::FULL, String::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), &mut arguments) {
            ("--quick", _) => effort = Effort::QUICK,
            ("--only", rest) => only = rest.next().unwrap_or_default(),
            _ => {
                eprintln!("usage: detection_table [--quick] [--only TEXT]");
                return ExitCode::from(64);
            }
        }
    }
    let mut checks = all();
    checks.retain(|check| check.name.contains(&only));
    let findings = measure(&checks, effort);

    println!("| case | bar | evidence | | classic |");
    println!("|---|---|---|---|---|");
    let mut missed = 0;
    for (check, [evidence, classic]) in checks.iter().zip(&findings) {
        let mark = match check.bar {
            None => "",
            Some(_) if evidence.holds => "held",
            Some(_) => "MISSED",
        };
        missed += usize::from(mark == "MISSED");
        let bar = check.bar.unwrap_or("");
        let (name, evidence, classic) = (&check.name, &evidence.measured, &classic.measured);
        println!("| {name} | {bar} | {evidence} | {mark} | {classic} |");
    }
    if missed > 0 {
        eprintln!("{missed} bars missed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Findings of both presets, one job a check and preset, shared among the cores.
fn measure(checks: &[Check], effort: Effort) -> Vec<[Finding; 2]> {
    let next = AtomicUsize::new(0);
    let nothing = Finding {
        measured: String::new(),
        holds: false,
    };
    let findings = Mutex::new(vec![[nothing.clone(), nothing]; checks.len()]);
    let presets = [Preset::Evidence, Preset::Classic].map(|preset| BreakerSettings {
        preset,
        ..Default::default()
    });
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    let (index, preset) = (job / 2, job % 2);
                    let Some(check) = checks.get(index) else {
                        break;
                    };
                    let finding = check.measure(&presets[preset], effort);
                    eprintln!("{}: {}", check.name, finding.measured);
                    findings.lock().expect("no job panics")[index][preset] = finding;
                }
            });
        }
    });
    findings.into_inner().expect("no job panics")
}
