//! `loadtest run`.

use std::{io::Write, path::PathBuf, sync::mpsc, time::Duration};

use clap::Args;

use super::{
    Fault, check_writable,
    generator_args::GeneratorArgs,
    interrupt,
    load_args::{BodyArgs, ScheduleArgs, TargetArgs},
    save,
};
use crate::{
    exit::Exit,
    live::{View, ViewOptions},
    metrics::{self, Series, ServerMetrics},
    report::{Circumstances, Machine, Report, commit, html, prometheus_text, summary, write_csv},
    run::{Hooks, Load, Part, RunError, RunOutput, RunPlan, execute},
    threshold::Threshold,
    workers::{WorkersError, run_on_workers},
};

/// The gateway's admin port, asked without being told to when the target is its HTTP port.
const DEFAULT_METRICS: &str = "http://127.0.0.1:8002/metrics";
const DEFAULT_TARGET: &str = "http://127.0.0.1:8000/";

/// Options of `run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
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
    /// Have these workers send the load, comma-separated HOST:PORT of `loadtest worker`
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',')]
    workers: Vec<String>,
    /// Server metrics (Prometheus text) to read before and after
    /// [default: the gateway's, where --url is on port 8000 of this machine]
    #[arg(long, value_name = "URL")]
    metrics_url: Option<String>,
}

/// What is kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the timeline as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the report as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the latency histogram as HdrHistogram's percentile table, in milliseconds
    #[arg(long, value_name = "FILE")]
    hgrm: Option<PathBuf>,
    /// Write the figures in Prometheus' text format, for a textfile collector
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// A name for this run, kept in its report
    #[arg(long)]
    label: Option<String>,
    /// No live view and no summary
    #[arg(long, short)]
    quiet: bool,
}

impl OutputArgs {
    fn check(&self) -> Result<(), Fault> {
        let paths = [
            &self.json,
            &self.csv,
            &self.html,
            &self.hgrm,
            &self.prometheus,
        ];
        paths
            .into_iter()
            .flatten()
            .try_for_each(|path| check_writable(path))
    }

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
        if let Some(path) = &self.html {
            save(path, html(report).as_bytes())?;
        }
        if let Some(path) = &self.hgrm {
            save(path, report.histograms.latency.hgrm().as_bytes())?;
        }
        if let Some(path) = &self.prometheus {
            save(path, prometheus_text(report).as_bytes())?;
        }
        Ok(())
    }
}

impl RunArgs {
    fn plan(&self) -> Result<RunPlan, Fault> {
        let seed = self.generator.seed();
        let load = if self.closed {
            Load::Closed {
                connections: self.generator.connections(),
                warmup: self.schedule.warmup(),
                duration: self.schedule.duration(),
            }
        } else {
            Load::Open(self.schedule.schedule(seed)?)
        };
        let (target, workload) = (self.target.target()?, self.body.workload(&self.target)?);
        Ok(self
            .generator
            .plan(target, load, workload, seed, Part { index: 0, of: 1 }))
    }

    /// The metrics asked for must be there; those of the default place may be.
    fn scrape(&self) -> Result<Option<(String, Series)>, Fault> {
        match &self.metrics_url {
            Some(url) => {
                let series = metrics::fetch(url).map_err(Fault::usage)?;
                Ok(Some((url.clone(), series)))
            }
            None if self.target.url.starts_with(DEFAULT_TARGET) => {
                let series = metrics::fetch(DEFAULT_METRICS).ok();
                Ok(series.map(|series| (DEFAULT_METRICS.to_owned(), series)))
            }
            None => Ok(None),
        }
    }
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Self {
        let exit = match &error {
            RunError::Endpoint(endpoint) if endpoint.is_unreachable() => Exit::Unreachable,
            RunError::Connections { .. } => Exit::Unreachable,
            RunError::OwnLimit { .. } => Exit::Invalid,
            RunError::Endpoint(_) | RunError::Template(_) => Exit::Usage,
            RunError::Threads(_) | RunError::Panicked(_) => Exit::Internal,
        };
        Self {
            exit,
            cause: error.into(),
        }
    }
}

impl From<WorkersError> for Fault {
    fn from(error: WorkersError) -> Self {
        Self {
            exit: Exit::Unreachable,
            cause: error.into(),
        }
    }
}

/// Runs the command.
pub(super) fn main(args: &RunArgs) -> Result<Exit, Fault> {
    let plan = args.plan()?;
    args.output.check()?;
    let before = args.scrape()?;
    let mut machine = Machine::observe();
    let (output, lost, before) = send(args, &plan, before)?;
    machine.observe_again();
    let server = before.and_then(|(url, before)| {
        let after = metrics::fetch(&url).ok()?;
        Some(ServerMetrics::new(&url, before, after))
    });
    let workers_lost = lost.len();
    for lost in lost {
        eprintln!("loadtest: worker lost: {lost}");
    }
    let label = args.output.label.clone();
    let around = Circumstances {
        label,
        commit: commit(),
        machine,
        workers_lost,
        server,
    };
    let report = Report::new(&plan, &output, &args.fail_if, around);
    // Before the files: a disk that has filled up meanwhile must not take the figures with it.
    if !args.output.quiet {
        // A closed pipe is the reader's choice.
        drop(std::io::stdout().write_all(summary(&report).as_bytes()));
    } else if !report.valid {
        for reason in &report.invalid_reasons {
            eprintln!("loadtest: INVALID: {reason}");
        }
    }
    args.output.write(&report)?;
    Ok(exit_of(&report))
}

/// What came of a run, the workers lost, and the server's metrics at the start of the measured
/// window.
type Sent = (RunOutput, Vec<String>, Option<(String, Series)>);

fn send(args: &RunArgs, plan: &RunPlan, before: Option<(String, Series)>) -> Result<Sent, Fault> {
    if !args.workers.is_empty() {
        let together = run_on_workers(plan, &args.workers)?;
        return Ok((together.output, together.lost, before));
    }
    let hooks = Hooks::default();
    interrupt(&hooks.stop);
    let _view = (!args.output.quiet).then(|| {
        let warmup = plan.load.warmup();
        let options = ViewOptions {
            total: warmup + plan.load.measured(),
            warmup,
        };
        View::start(hooks.board.clone(), options)
    });
    let (output, before) = execute_and_scrape(plan, &hooks, before)?;
    Ok((output, Vec::new(), before))
}

/// Runs the plan, and reads the server's metrics anew when the warm-up ends: what the server did
/// before is left out of its figures as it is left out of ours.
fn execute_and_scrape(
    plan: &RunPlan,
    hooks: &Hooks,
    before: Option<(String, Series)>,
) -> Result<(RunOutput, Option<(String, Series)>), RunError> {
    let (started, start) = mpsc::sync_channel::<()>(1);
    let (ended, end) = mpsc::sync_channel::<()>(1);
    let warmup = plan.load.warmup();
    std::thread::scope(|scope| {
        let scrape = scope.spawn(move || {
            let (url, first) = before?;
            let is_over = |waited| matches!(waited, Err(mpsc::RecvTimeoutError::Timeout));
            if warmup.is_zero() || start.recv().is_err() || !is_over(end.recv_timeout(warmup)) {
                return Some((url, first));
            }
            let now = metrics::fetch(&url).unwrap_or(first);
            Some((url, now))
        });
        let output = execute(plan, hooks, || {
            let _ = started.send(());
            Duration::ZERO
        });
        drop((started, ended));
        let before = scrape.join().map_err(|_| RunError::Panicked("metrics"))?;
        Ok((output?, before))
    })
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
