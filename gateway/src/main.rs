//! Parse, start, announce, wait for the signal, drain.

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use common::SystemClock;
use gateway::{
    boot::{self, Exit},
    cli::{Cli, Command, Import, Options},
};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return explain(&usage),
    };
    let done = match cli.command {
        None => serve(&cli.options),
        Some(Command::Check) => check(&cli.options),
        Some(Command::Import(import)) => run_import(&import),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Exit { status, message }) => {
            // One line a problem, each of which says whose it is.
            for problem in message.lines() {
                eprintln!("gateway: {problem}");
            }
            ExitCode::from(status)
        }
    }
}

/// Help and version go to standard output and are no failure.
fn explain(usage: &clap::Error) -> ExitCode {
    // A closed output leaves nobody to tell.
    let _ = usage.print();
    if usage.use_stderr() {
        ExitCode::from(64)
    } else {
        ExitCode::SUCCESS
    }
}

fn serve(options: &Options) -> Result<(), Exit> {
    let settings = options.settings()?;
    gateway::install_logging(&settings.log)?;
    actix_rt::System::new().block_on(async {
        let signal = |kind| signal(kind).map_err(Exit::unavailable);
        let (mut terminate, mut interrupt) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        let told_to_stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        tokio::pin!(told_to_stop);
        let gateway = tokio::select! {
            started = boot::start(settings, Arc::new(SystemClock)) => started?,
            () = &mut told_to_stop => return Ok(()),
        };
        println!("{}", gateway.listening_line());
        eprintln!("{}", gateway.try_line());
        told_to_stop.await;
        gateway.drain().await;
        Ok(())
    })
}

fn check(options: &Options) -> Result<(), Exit> {
    let settings = options.settings()?;
    let problems = boot::check(&settings, Arc::new(SystemClock));
    if problems.is_empty() {
        println!("configuration, library, feature store and models are in order");
        return Ok(());
    }
    Err(Exit::configuration(problems.join("\n")))
}

fn run_import(import: &Import) -> Result<(), Exit> {
    let summary = gateway::features::import(&import.catalogue, &import.users, &import.out);
    let summary = summary.map_err(Exit::damaged)?;
    println!(
        "{}: {} items, {} users",
        import.out.display(),
        summary.items,
        summary.users
    );
    Ok(())
}
