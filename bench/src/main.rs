//! `bench`: measure, print, write, judge.

use std::process::ExitCode;

use bench::{Cli, conduct};
use clap::Parser;

fn main() -> ExitCode {
    match conduct(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a bar was missed");
            ExitCode::from(99)
        }
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
