//! Structured logs to standard error; standard output stays for what scripts read.
//!
//! Whoever logs never waits and never fails: a line goes into a bounded queue that a thread of its own
//! writes out ([`queue`]). Where standard error is closed, full or not read, lines are dropped, counted
//! in `fusebox_log_lines_dropped_total`, and the log says how many once it can be written again.
//! Control characters that come from outside are escaped ([`escape`]).

mod escape;
mod filter;
mod output;
mod queue;

use std::{
    io::{self, IsTerminal, Write},
    sync::OnceLock,
    time::Duration,
};

use common::config::{Log, LogFormat};
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

use self::{
    escape::{JsonLines, TextFields},
    output::Output,
    queue::LogQueue,
};

pub(crate) use self::filter::check_level;
use crate::recent_events::RecentEvents;

/// How long the end of the process waits for lines that are not written yet.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The log of this process, once it is installed.
static INSTALLED: OnceLock<(LogQueue, LogFormat)> = OnceLock::new();

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `log.level` is no filter.
    #[error("log.level: {0}")]
    Level(String),
    /// The thread that writes could not be started.
    #[error("the log's thread cannot be started: {0}")]
    Thread(io::Error),
    /// This process logs already.
    #[error("the log cannot be installed: {0}")]
    Installed(Box<dyn std::error::Error + Send + Sync>),
}

/// Installs the subscriber and sends panics through it, one line each.
pub fn install(log: &Log) -> Result<(), LogError> {
    let filter = filter::filter(&log.level).map_err(LogError::Level)?;
    let queue = LogQueue::start(Output::new(io::stderr())).map_err(LogError::Thread)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // What cannot be written is counted; a message about it would have nowhere to go.
        .log_internal_errors(false);
    let lines = queue.clone();
    let installed = match log.format {
        LogFormat::Text => builder
            .with_ansi(io::stderr().is_terminal())
            .fmt_fields(TextFields)
            .with_writer(move || lines.clone())
            .finish()
            .with(RecentEvents)
            .try_init(),
        LogFormat::Json => builder
            .json()
            .with_writer(move || JsonLines(lines.clone()))
            .finish()
            .with(RecentEvents)
            .try_init(),
    };
    installed.map_err(|e| LogError::Installed(e.into()))?;
    // Only the first call gets this far: a second subscriber is refused above.
    let _ = INSTALLED.set((queue, log.format));
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(%place, message = panic.payload_as_str().unwrap_or("no message"), "panic");
    }));
    Ok(())
}

/// Log lines dropped since the start of the process.
pub(crate) fn dropped_lines() -> u64 {
    INSTALLED.get().map_or(0, |(queue, _)| queue.dropped())
}

/// Waits until the lines logged so far are written, for a second at most.
pub fn flush() {
    if let Some((queue, _)) = INSTALLED.get() {
        queue.flush(FLUSH_TIMEOUT);
    }
}

/// Prints a line for a person to standard error: as it is, or as an event where the log is JSON.
pub fn print_note(line: &str) {
    match INSTALLED.get() {
        Some((_, LogFormat::Json)) => tracing::info!("{line}"),
        _ => print_to_stderr(line),
    }
}

/// Says why the process ends, a line a problem: as it is, or as events where the log is JSON.
pub fn print_problems(message: &str) {
    for problem in message.lines() {
        match INSTALLED.get() {
            Some((_, LogFormat::Json)) => tracing::error!("{problem}"),
            _ => print_to_stderr(&format!("gateway: {problem}")),
        }
    }
}

/// Through the queue where there is one, so that nobody waits for a reader.
fn print_to_stderr(line: &str) {
    let line = format!("{}\n", escape::line(line));
    // Nobody is left to tell of a standard error that is closed.
    let _ = match INSTALLED.get() {
        Some((queue, _)) => queue.make_writer().write_all(line.as_bytes()),
        None => io::stderr().write_all(line.as_bytes()),
    };
}

/// Announces something on standard output without waiting for its reader. The log tells of a line
/// that could not be written.
pub fn announce(line: String) {
    let write = move || {
        if let Err(error) = Output::new(io::stdout()).write_line(format!("{line}\n").as_bytes()) {
            tracing::warn!(%line, %error, "standard output could not be written");
        }
    };
    let thread = std::thread::Builder::new().name("stdout".into());
    if let Err(error) = thread.spawn(write) {
        tracing::warn!(%error, "no thread to write to standard output");
    }
}

/// Prints a line of a command's result to standard output. A closed output does not fail the command:
/// its exit status says the same.
pub fn print_result(line: &str) {
    let _ = writeln!(io::stdout(), "{}", escape::line(line));
}
