//! The command line: reads arguments, calls the commands, maps their ends to exit statuses.

mod load_args;
mod run_command;

use std::{ffi::OsString, process::ExitCode};

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
    let result = match cli.command {
        Command::Run(args) => run_command::main(&args),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(fault) => {
            eprintln!("loadtest: {:#}", fault.cause);
            fault.exit.into()
        }
    }
}
