//! Checks of the load generator that name a time: `cargo bench -p loadtest --bench checks`.
//!
//! Names after `--` choose among stall, queue, search, rate, lag, agreement and compare. Rounds
//! are five unless CHECK_ROUNDS says otherwise; `agreement` wants the program named by OHA, by
//! default `oha` on the path. Prints one row per figure, with the median and the spread of the
//! rounds, and ends non-zero on a miss. Run it on a machine that does nothing else.

#[path = "checks/agreement.rs"]
mod agreement;
#[path = "checks/compare.rs"]
mod compare;
#[path = "checks/lindley.rs"]
mod lindley;
#[path = "checks/process.rs"]
mod process;
#[path = "checks/queue.rs"]
mod queue;
#[path = "checks/speed.rs"]
mod speed;
#[path = "checks/stall.rs"]
mod stall;
#[path = "checks/table.rs"]
mod table;

use std::process::ExitCode;

use table::Table;

type Check = fn(&mut Table);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("--stub", behaviour)) = args.split_first().map(|(a, b)| (a.as_str(), b)) {
        process::serve(behaviour);
    }
    let chosen: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|one| *one == name);
    let mut table = Table::new();
    let checks: [(&str, Check); 7] = [
        ("stall", stall::check),
        ("queue", queue::check_quantiles),
        ("search", queue::check_search),
        ("rate", speed::check_rate),
        ("lag", speed::check_lag),
        ("agreement", agreement::check),
        ("compare", compare::check),
    ];
    for (name, check) in checks.into_iter().filter(|(name, _)| wanted(name)) {
        eprintln!("checking {name}");
        check(&mut table);
    }
    print!("{}", table.text());
    if table.has_missed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
