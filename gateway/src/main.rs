//! Parse, start, announce, wait for the signal, drain.

use std::{process::ExitCode, sync::Arc};

use common::SystemClock;
use gateway::{
    boot::{self, Exit, Finding, StopSignals},
    cli::{Cli, Command, Import, Options},
    disable_telemetry,
};

fn main() -> ExitCode {
    disable_telemetry();
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(usage) => return explain(&usage),
    };
    let done = match cli.command {
        None => serve(&cli.options),
        Some(Command::Check) => check(&cli.options),
        Some(Command::Doctor) => doctor(&cli.options),
        Some(Command::Import(import)) => run_import(&import),
    };
    match done {
        Ok(()) => boot::end(0),
        Err(Exit { status, message }) => {
            // One line a problem, each of which says whose it is.
            for problem in message.lines() {
                eprintln!("gateway: {problem}");
            }
            boot::end(status)
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
        let mut stop = StopSignals::install()?;
        let gateway = tokio::select! {
            started = boot::start(settings, Arc::new(SystemClock)) => started?,
            _ = stop.next() => return Ok(()),
        };
        println!("{}", gateway.listening_line());
        eprintln!("{}", gateway.try_line());
        let (wedged, urgent) = tokio::select! {
            reason = gateway.wedged() => (Some(reason), false),
            urgent = stop.next() => (None, urgent),
        };
        // Told to stop a second time, it ends at once; what began the drain may have been no such word.
        let told_again = async {
            if !urgent {
                stop.next_urgent().await;
            }
            stop.next_urgent().await;
        };
        tokio::select! {
            ended = gateway.drain(wedged) => ended,
            () = told_again => {
                eprintln!("gateway: told to stop again: ends at once");
                Ok(())
            }
        }
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

fn doctor(options: &Options) -> Result<(), Exit> {
    let settings = options.settings()?;
    let mut worst = None;
    for Finding { what, result } in boot::doctor(&settings, Arc::new(SystemClock)) {
        match result {
            Ok(well) => println!("ok       {what}: {well}"),
            Err(exit) => {
                println!("PROBLEM  {what}: {}", exit.message);
                worst.get_or_insert(exit.status);
            }
        }
    }
    worst.map_or(Ok(()), |status| {
        let message = "see the lines that begin with PROBLEM".to_owned();
        Err(Exit { status, message })
    })
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
