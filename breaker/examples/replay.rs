//! Replays a trace through one breaker and prints its changes of state.
//!
//! ```text
//! cargo run --release -p breaker --example replay -- \
//!     --preset evidence|classic --deadline-ms 800 [--slo-ms 11] --seed N < trace.csv
//! ```
//!
//! Input, one request a line, by time of arrival: `t_ms,latency_ms,outcome` with the outcome one of
//! `ok`, `fail`, `shed`, `cancel`, `bad_input`. Blank lines, lines that begin with `#`, and one
//! header line are skipped. A line up to a minute earlier than those before it counts as arriving
//! with the latest of them; earlier than that the trace is refused as unsorted. An `ok` that took
//! longer than the deadline is a timeout. A request that the breaker would not have admitted is
//! skipped; one that it admits is reported when it completes, at `t_ms + latency_ms`.
//!
//! Output, one change a line: `t_ms,from,to,reason`. After the last line time passes until every
//! request has completed, and no further.
//!
//! Exit status: 0, 64 for a wrong command line, 65 for a wrong line of input, 74 for a failure to
//! read or write.

use breaker::sim::{Arrival, Driver, Fate};
use breaker::{BreakerSettings, KeyProfile, Outcome, Preset};
use std::io::{BufRead, BufWriter, ErrorKind, Write};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: replay --preset evidence|classic --deadline-ms N [--slo-ms N] --seed N \
                     < trace.csv   (lines: t_ms,latency_ms,outcome)";
const DISORDER_MS: f64 = 60_000.0;
/// A century. Beyond it a number in a trace is a mistake.
const MAX_MS: f64 = 3.2e12;

#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error("{0}\n{USAGE}")]
    Usage(String),
    #[error("line {line}: {problem}")]
    Data { line: usize, problem: String },
    #[error("{operation} failed: {source}")]
    Io {
        operation: &'static str,
        source: std::io::Error,
    },
}

impl ReplayError {
    fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => 64,
            Self::Data { .. } => 65,
            Self::Io { .. } => 74,
        }
    }
}

struct Options {
    preset: Preset,
    deadline: Duration,
    slo: Duration,
    seed: u64,
}

fn main() -> ExitCode {
    let result = parse_options(std::env::args().skip(1)).and_then(|options| replay(&options));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough.
        Err(ReplayError::Io { source, .. }) if source.kind() == ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::from(error.status())
        }
    }
}

fn parse_options(args: impl Iterator<Item = String>) -> Result<Options, ReplayError> {
    let (mut preset, mut deadline, mut seed) = (None, None, None);
    let mut slo = KeyProfile::default().slo;
    let mut args = args.flat_map(|arg| match arg.split_once('=') {
        Some((name, value)) if name.starts_with("--") => vec![name.to_owned(), value.to_owned()],
        _ => vec![arg],
    });
    while let Some(name) = args.next() {
        let mut value = || {
            args.next()
                .ok_or_else(|| ReplayError::Usage(format!("{name} needs a value")))
        };
        match name.as_str() {
            "--preset" => preset = Some(parse_preset(&value()?)?),
            "--deadline-ms" => deadline = Some(parse_positive_ms(&name, &value()?)?),
            "--slo-ms" => slo = parse_positive_ms(&name, &value()?)?,
            "--seed" => {
                let text = value()?;
                seed = Some(text.parse().map_err(|_| {
                    ReplayError::Usage(format!("--seed must be a whole number, not `{text}`"))
                })?);
            }
            _ => return Err(ReplayError::Usage(format!("unknown option `{name}`"))),
        }
    }
    let missing = |name: &str| ReplayError::Usage(format!("{name} is missing"));
    Ok(Options {
        preset: preset.ok_or_else(|| missing("--preset"))?,
        deadline: deadline.ok_or_else(|| missing("--deadline-ms"))?,
        slo,
        seed: seed.ok_or_else(|| missing("--seed"))?,
    })
}

fn parse_preset(text: &str) -> Result<Preset, ReplayError> {
    match text {
        "evidence" => Ok(Preset::Evidence),
        "classic" => Ok(Preset::Classic),
        _ => Err(ReplayError::Usage(format!(
            "--preset must be evidence or classic, not `{text}`"
        ))),
    }
}

fn parse_positive_ms(name: &str, text: &str) -> Result<Duration, ReplayError> {
    match text.parse::<f64>() {
        Ok(ms) if (0.001..=86_400_000.0).contains(&ms) => Ok(Duration::from_secs_f64(ms / 1e3)),
        _ => Err(ReplayError::Usage(format!(
            "{name} must be milliseconds between 0.001 and 86400000, not `{text}`"
        ))),
    }
}

fn replay(options: &Options) -> Result<(), ReplayError> {
    let settings = BreakerSettings {
        preset: options.preset,
        ..Default::default()
    };
    let profile = KeyProfile {
        deadline: options.deadline,
        slo: options.slo,
        release_p99: None,
    };
    let mut driver = Driver::new(&settings, profile, options.seed);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut input = std::io::stdin().lock();
    let mut origin_ms = None;
    let mut latest_ms = f64::NEG_INFINITY;
    let (mut text, mut line, mut header) = (String::new(), 0, true);
    loop {
        text.clear();
        let read = input.read_line(&mut text);
        let read = read.map_err(|source| match source.kind() {
            ErrorKind::InvalidData => data(line + 1, "is not UTF-8 text"),
            _ => ReplayError::Io {
                operation: "reading standard input",
                source,
            },
        })?;
        if read == 0 {
            break;
        }
        line += 1;
        let content = text.trim().trim_start_matches('\u{feff}');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if std::mem::take(&mut header) && is_header(content) {
            continue;
        }
        let (t_ms, fate) = parse_line(content, options.deadline)
            .map_err(|problem| ReplayError::Data { line, problem })?;
        if t_ms < latest_ms - DISORDER_MS {
            return Err(data(
                line,
                "is more than a minute earlier than a line before it; sort the trace by t_ms",
            ));
        }
        latest_ms = latest_ms.max(t_ms);
        let origin = *origin_ms.get_or_insert(t_ms);
        let at = Duration::from_secs_f64((latest_ms - origin) / 1e3);
        driver.offer(Arrival { at, fate });
        print_changes(&mut driver, origin, &mut out)?;
    }
    if let (Some(origin), Some(end)) = (origin_ms, driver.last_completion()) {
        driver.advance(end);
        print_changes(&mut driver, origin, &mut out)?;
    }
    out.flush().map_err(write_error)
}

fn data(line: usize, problem: &str) -> ReplayError {
    ReplayError::Data {
        line,
        problem: problem.to_owned(),
    }
}

fn write_error(source: std::io::Error) -> ReplayError {
    ReplayError::Io {
        operation: "writing standard output",
        source,
    }
}

/// A first line without a digit where the time should be.
fn is_header(content: &str) -> bool {
    let first = content
        .split(',')
        .next()
        .unwrap_or_default()
        .trim()
        .trim_matches('"');
    first.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !matches!(
            first.to_ascii_lowercase().as_str(),
            "nan" | "inf" | "infinity"
        )
}

fn parse_line(content: &str, deadline: Duration) -> Result<(f64, Fate), String> {
    let fields: Vec<&str> = content.split(',').map(str::trim).collect();
    let [t_ms, latency_ms, outcome] = fields[..] else {
        return Err(format!(
            "expected t_ms,latency_ms,outcome, found {} fields",
            fields.len()
        ));
    };
    let t_ms = parse_ms("t_ms", t_ms, -MAX_MS)?;
    let latency = Duration::from_secs_f64(parse_ms("latency_ms", latency_ms, 0.0)? / 1e3);
    let outcome = match outcome {
        "ok" if latency > deadline => Outcome::Timeout,
        "ok" => Outcome::Ok,
        "fail" => Outcome::Failure,
        "shed" => Outcome::Shed,
        "cancel" => Outcome::Cancelled,
        "bad_input" => Outcome::BadInput,
        _ => {
            return Err(format!(
                "outcome must be ok, fail, shed, cancel or bad_input, not `{outcome}`"
            ));
        }
    };
    Ok((
        t_ms,
        Fate {
            latency,
            outcome,
            short_deadline: false,
            batch: None,
        },
    ))
}

fn parse_ms(name: &str, text: &str, least: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ms) if (least..=MAX_MS).contains(&ms) => Ok(ms),
        Ok(_) => Err(format!("{name} is out of range: `{text}`")),
        Err(_) => Err(format!("{name} is not a number: `{text}`")),
    }
}

fn print_changes(
    driver: &mut Driver,
    origin_ms: f64,
    out: &mut impl Write,
) -> Result<(), ReplayError> {
    if driver.log().is_empty() {
        return Ok(());
    }
    for logged in driver.drain_log() {
        let t = &logged.transition;
        let t_ms = origin_ms + logged.at.as_secs_f64() * 1e3;
        let (from, to, reason) = (t.from.name(), t.to.name(), t.reason.name());
        writeln!(out, "{t_ms:.0},{from},{to},{reason}").map_err(write_error)?;
    }
    Ok(())
}
