//! `loadtest run`.

use std::{fs, io::Write, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;

use super::{
    Fault,
    load_args::{BodyArgs, ScheduleArgs, TargetArgs},
};
use crate::{
    clock,
    exit::Exit,
    live::{View, ViewOptions},
    report::{Circumstances, Machine, Report, commit, summary, write_csv},
    run::{Hooks, Load, Part, RunError, RunPlan, execute},
    threshold::Threshold,
    units::parse_duration,
};

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    schedule: ScheduleArgs,
    #[command(flatten)]
    body: BodyArgs,
    #[command(flatten)]
    generator: GeneratorArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// What counts as failure, such as 'p99>100ms', 'error_rate>0.1%', 'rate<1000'; may be
    /// repeated
    #[arg(long, value_name = "EXPR")]
    fail_if: Vec<Threshold>,
    /// Closed loop instead: each of --connections sends its next request when the last one has
    /// ended
    #[arg(long)]
    closed: bool,
}

/// How the generator works.
#[derive(Debug, Args)]
#[command(next_help_heading = "Generator")]
pub struct GeneratorArgs {
    /// Seed of schedule and bodies [default: drawn, printed and kept in the report]
    #[arg(long)]
    seed: Option<u64>,
    /// Requests in flight at most; one due beyond that is dropped and counts as not sent
    #[arg(long, value_name = "COUNT", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_in_flight: u32,
    /// Connections opened before the start; HTTP/1.1 opens more as more requests are in flight
    #[arg(long, value_name = "COUNT", default_value_t = 8,
          value_parser = clap::value_parser!(u32).range(1..=65_000))]
    connections: u32,
    /// Connection threads
    #[arg(long, value_name = "COUNT", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
    /// Time limit of one request, from its sending
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    timeout: Duration,
    /// Spin instead of sleep this close to a due time; costs processor, saves send lag
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0us")]
    spin: Duration,
}

/// What is kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the timeline as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// A name for this run, kept in its report
    #[arg(long)]
    label: Option<String>,
    /// No live view and no summary
    #[arg(long, short)]
    quiet: bool,
}

impl OutputArgs {
    fn write(&self, report: &Report) -> Result<(), Fault> {
        if let Some(path) = &self.json {
            let mut text = serde_json::to_vec_pretty(report).map_err(Fault::internal)?;
            text.push(b'\n');
            save(path, &text)?;
        }
        if let Some(path) = &self.csv {
            let mut text = Vec::new();
            write_csv(report, &mut text).map_err(Fault::internal)?;
            save(path, &text)?;
        }
        Ok(())
    }
}

fn save(path: &PathBuf, bytes: &[u8]) -> Result<(), Fault> {
    fs::write(path, bytes)
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(Fault::internal)
}

impl RunArgs {
    fn plan(&self) -> Result<RunPlan, Fault> {
        let generator = &self.generator;
        // Any number does; it is printed and kept, so that the run can be repeated.
        let seed = generator
            .seed
            .unwrap_or_else(|| u64::from(clock::unix_time().subsec_nanos()));
        let load = if self.closed {
            Load::Closed {
                connections: generator.connections as usize,
                warmup: self.schedule.warmup(),
                duration: self.schedule.duration(),
            }
        } else {
            Load::Open(self.schedule.schedule(seed)?)
        };
        Ok(RunPlan {
            target: self.target.target()?,
            load,
            workload: self.body.workload(&self.target)?,
            seed,
            timeout: generator.timeout,
            max_in_flight: generator.max_in_flight as usize,
            connections: generator.connections as usize,
            threads: generator.threads as usize,
            spin: generator.spin,
            part: Part { index: 0, of: 1 },
        })
    }
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Self {
        let exit = match &error {
            RunError::Endpoint(endpoint) if endpoint.is_unreachable() => Exit::Unreachable,
            RunError::Connections { .. } => Exit::Unreachable,
            RunError::Endpoint(_) | RunError::Template(_) => Exit::Usage,
            RunError::Threads(_) | RunError::Panicked(_) => Exit::Internal,
        };
        Self {
            exit,
            cause: error.into(),
        }
    }
}

/// Runs the command.
pub(super) fn main(args: &RunArgs) -> Result<Exit, Fault> {
    let plan = args.plan()?;
    let mut around = Circumstances {
        label: args.output.label.clone(),
        commit: commit(),
        machine: Machine::observe(),
        workers_lost: 0,
    };
    let hooks = Hooks::default();
    let view = (!args.output.quiet).then(|| {
        let warmup = plan.load.warmup();
        let options = ViewOptions {
            total: warmup + plan.load.measured(),
            warmup,
        };
        View::start(hooks.board.clone(), options)
    });
    let output = execute(&plan, &hooks, || Duration::ZERO);
    drop(view);
    let output = output?;
    around.machine.observe_again();
    let report = Report::new(&plan, &output, &args.fail_if, around);
    args.output.write(&report)?;
    if !args.output.quiet {
        // A closed pipe is the reader's choice; the files are written.
        drop(std::io::stdout().write_all(summary(&report).as_bytes()));
    }
    Ok(exit_of(&report))
}

/// INVALID before thresholds: a bad generator must not pass or fail a server.
fn exit_of(report: &Report) -> Exit {
    if !report.valid {
        Exit::Invalid
    } else if report.has_failed() {
        Exit::Failed
    } else {
        Exit::Held
    }
}
