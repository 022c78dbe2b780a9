//! The command line: reads arguments, calls the commands, maps their ends to exit statuses.

mod compare_command;
mod generator_args;
mod load_args;
mod run_command;
mod search_command;
mod worker_command;

use std::{
    ffi::OsString,
    fs,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::exit::Exit;

/// Open-loop HTTP load tests: latency from the schedule, invalid runs refused.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send requests on a schedule and report what they waited
    Run(Box<run_command::RunArgs>),
    /// Find the highest Poisson rate at which a latency objective holds
    Search(Box<search_command::SearchArgs>),
    /// Tell whether the second of two reports is slower
    Compare(compare_command::CompareArgs),
    /// Make a page of a report
    Report(compare_command::ReportArgs),
    /// Send load for a `run --workers` on another machine
    Worker(worker_command::WorkerArgs),
}

/// A problem that ends the command, with its exit status.
#[derive(Debug)]
pub(crate) struct Fault {
    exit: Exit,
    cause: anyhow::Error,
}

impl Fault {
    fn usage(cause: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Usage,
            cause: cause.into(),
        }
    }

    fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Internal,
            cause: cause.into(),
        }
    }
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    fs::write(path, bytes)
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(Fault::internal)
}

/// Finds out before the run whether a file can be written after it.
fn check_writable(path: &Path) -> Result<(), Fault> {
    let is_new = !path.exists();
    fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(Fault::usage)?;
    if is_new {
        // Left behind it would be an empty report.
        drop(fs::remove_file(path));
    }
    Ok(())
}

/// Lets the first SIGINT, SIGTERM or SIGHUP end the run, which is then reported as far as it came; the second one
/// ends the process.
fn interrupt(stop: &Arc<AtomicBool>) {
    let stop = Arc::clone(stop);
    let handler = move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    // A second handler in one process is refused; the first one keeps working.
    drop(ctrlc::set_handler(handler));
}

/// Runs the command and returns the process's exit status.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(usage) => {
            // Help and version come this way too; nothing can be done about a closed terminal.
            drop(usage.print());
            let exit = if usage.use_stderr() {
                Exit::Usage
            } else {
                Exit::Held
            };
            return exit.into();
        }
    };
    common::raise_file_limit();
    let result = match cli.command {
        Command::Run(args) => run_command::main(&args),
        Command::Search(args) => search_command::main(&args),
        Command::Compare(args) => compare_command::compare(&args),
        Command::Report(args) => compare_command::report(&args),
        Command::Worker(args) => worker_command::main(&args),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(fault) => {
            eprintln!("loadtest: {:#}", fault.cause);
            fault.exit.into()
        }
    }
}
