//! `cargo xtask`: the chores of this workspace. `fetch` brings the two pinned things that are not
//! in the repository, `features` turns MovieLens into the files that `gateway import` reads,
//! `tidy` holds the architecture's invariants.
//!
//! It is the first thing built on a fresh machine, so it depends on nothing of the gateway: no
//! runtime, no HTTP, no inference engine.

mod cache;
mod cli;
mod digest;
mod features;
mod fetch;
mod tidy;

use std::process::ExitCode;

use cli::Command;

/// Exit statuses as in sysexits.h, the same ones the gateway uses.
const USAGE: u8 = 64;
const BAD_DATA: u8 = 65;
const NO_INPUT: u8 = 66;
const UNAVAILABLE: u8 = 69;

fn main() -> ExitCode {
    let command = match cli::parse(lexopt::Parser::from_env()) {
        Ok(command) => command,
        Err(error) => return fail(USAGE, &format!("{error:#}; see `cargo xtask --help`")),
    };
    match command {
        Command::Help => {
            print!("{}", cli::HELP);
            ExitCode::SUCCESS
        }
        Command::Fetch(options) => match fetch::fetch(&options, &say) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(UNAVAILABLE, &error.to_string()),
        },
        Command::Features(options) => match features::features(&options, &say) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(error.exit_status(), &error.to_string()),
        },
        Command::Tidy { root } => match tidy::tidy(&root) {
            Ok(violations) => report(&violations),
            Err(error) => fail(UNAVAILABLE, &format!("tidy: {error:#}")),
        },
    }
}

/// Progress goes to standard error: standard output stays free for what a caller may parse.
fn say(line: &str) {
    eprintln!("{line}");
}

fn fail(status: u8, message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(status)
}

fn report(violations: &[tidy::Violation]) -> ExitCode {
    for violation in violations {
        println!("{violation}");
    }
    if violations.is_empty() {
        println!("tidy: every invariant holds");
        return ExitCode::SUCCESS;
    }
    println!("tidy: violations: {}", violations.len());
    ExitCode::FAILURE
}
