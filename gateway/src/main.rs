//! Parse, start, announce, wait for the signal, drain.

use std::{process::ExitCode, sync::Arc};

use common::SystemClock;
use gateway::{
    boot::{self, Checked, Exit, Finding, StopSignals},
    cli::{Cli, Command, Import, Options},
    disable_telemetry, logging,
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
        Ok(()) => end(0),
        Err(Exit { status, message }) => {
            logging::print_problems(&message);
            end(status)
        }
    }
}

/// Ends the process once what it has logged is written, or cannot be written in time.
fn end(status: u8) -> ! {
    logging::flush();
    boot::end(status)
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
    logging::install(&settings.log).map_err(Exit::configuration)?;
    // Never dropped: that would wait for loads that do not end, after all that has been said.
    let system = std::mem::ManuallyDrop::new(actix_rt::System::new());
    system.block_on(async {
        let mut stop = StopSignals::install()?;
        let gateway = tokio::select! {
            started = boot::start(settings, Arc::new(SystemClock)) => started?,
            _ = stop.next() => return Ok(()),
        };
        logging::announce(gateway.listening_line());
        logging::print_note(&gateway.try_line());
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
                logging::print_problems("told to stop again: the process ends at once");
                Ok(())
            }
        }
    })
}

fn check(options: &Options) -> Result<(), Exit> {
    let settings = options.settings()?;
    let Checked { problems, warnings } = boot::check(&settings, Arc::new(SystemClock));
    for warning in warnings {
        eprintln!("gateway: warning: {warning}");
    }
    if problems.is_empty() {
        logging::print_result("configuration, library, feature store and models are in order");
        return Ok(());
    }
    Err(Exit::configuration(problems.join("\n")))
}

fn doctor(options: &Options) -> Result<(), Exit> {
    let settings = options.settings()?;
    let mut worst = None;
    for finding in boot::doctor(&settings, Arc::new(SystemClock)) {
        let Finding {
            what,
            result,
            warning,
        } = finding;
        match result {
            Ok(told) if warning => logging::print_result(&format!("WARNING  {what}: {told}")),
            Ok(well) => logging::print_result(&format!("ok       {what}: {well}")),
            Err(exit) => {
                logging::print_result(&format!("PROBLEM  {what}: {}", exit.message));
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
    let (out, items, users) = (import.out.display(), summary.items, summary.users);
    logging::print_result(&format!("{out}: {items} items, {users} users"));
    Ok(())
}
