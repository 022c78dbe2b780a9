//! `compare` on five live interleaved pairs: equal ones, and ones slowed by a tenth.

use std::{path::PathBuf, process::Command, time::Duration};

use loadtest_stub::Behaviour;

use crate::{
    process::{StubProcess, run},
    table::{Bound, Table},
};

const SERVICE: Duration = Duration::from_micros(5_000);
const SLOWED: Duration = Duration::from_micros(5_500);
const MAX_TRIES: usize = 3;

pub(crate) fn check(table: &mut Table) {
    let path = |name: &str| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    let (mut equal, mut slowed) = (Vec::new(), Vec::new());
    for pair in 0..5 {
        for (name, service) in [("before", SERVICE), ("same", SERVICE), ("slower", SLOWED)] {
            valid_run(&format!("compare-{name}-{pair}"), service);
        }
        equal.extend([
            path(&format!("compare-before-{pair}")),
            path(&format!("compare-same-{pair}")),
        ]);
        slowed.extend([
            path(&format!("compare-before-{pair}")),
            path(&format!("compare-slower-{pair}")),
        ]);
    }
    // 0 not slower, 99 slower: the command's own exit status.
    table.median(
        "compare: equal pairs, exit status",
        vec![status(&equal)],
        Bound::AtMost(0.0),
    );
    table.median(
        "compare: slowed pairs, exit status",
        vec![status(&slowed)],
        Bound::AtLeast(99.0),
    );
}

/// Takes a run again that says of itself that it is invalid, as whoever compares would.
fn valid_run(name: &str, service: Duration) {
    let args = ["--rate", "80", "--duration", "10s", "--seed", "5"];
    for _ in 0..MAX_TRIES {
        let stub = StubProcess::start(Behaviour::single_server(service));
        let report = run(&stub, name, &args);
        if report.valid {
            return;
        }
        eprintln!("  {name} again: {}", report.invalid_reasons.join("; "));
    }
}

fn status(reports: &[PathBuf]) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    let output = command
        .arg("compare")
        .args(reports)
        .output()
        .expect("the command runs");
    eprint!("{}", String::from_utf8_lossy(&output.stdout));
    f64::from(output.status.code().unwrap_or(-1))
}
