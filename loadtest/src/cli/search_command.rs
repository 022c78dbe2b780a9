//! `loadtest search`.

use std::{path::PathBuf, time::Duration};

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;

use super::{
    Fault, check_writable,
    generator_args::GeneratorArgs,
    interrupt,
    load_args::{BodyArgs, TargetArgs},
    save,
};
use crate::{
    exit::Exit,
    report::{Machine, commit, search_html},
    run::{Hooks, Load, Part, RunPlan},
    schedule::{ArrivalSpec, ScheduleSpec},
    search::{Finding, HuntOptions, Objective, Search, StepOptions, StepResult},
    units::{parse_duration, parse_rate, show_us},
};

/// Options of `search`.
#[derive(Debug, Args)]
pub(super) struct SearchArgs {
    /// Objective, such as p99=11ms: that share of the requests must be answered below 400 within
    /// that time
    #[arg(long, default_value = "p99=11ms")]
    slo: Objective,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    body: BodyArgs,
    #[command(flatten)]
    generator: GeneratorArgs,
    /// First rate tried
    #[arg(long, value_name = "RATE", value_parser = parse_rate, default_value = "100")]
    start_rate: f64,
    /// No rate above this is tried
    #[arg(long, value_name = "RATE", value_parser = parse_rate, default_value = "50000")]
    max_rate: f64,
    /// How far the highest rate that holds and the lowest that does not may lie apart
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    precision: f64,
    /// Confirming runs at the rate found
    #[arg(long, value_name = "COUNT", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    confirm: u32,
    /// A step ends at the latest after this; confirming runs take all of it
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "20s")]
    step: Duration,
    /// No step ends before this
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "3s")]
    least_step: Duration,
    /// Time before each step's measured window
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    warmup: Duration,
    /// Write the finding and every step as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the finding and every step as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the finding only
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    plan: &'a RunPlan,
    commit: Option<String>,
    machine: Machine,
}

/// Runs the command: 0 found, 99 held at no rate, 75 where the generator was the limit.
pub(super) fn main(args: &SearchArgs) -> Result<Exit, Fault> {
    if !(args.precision > 0.0 && args.precision <= 1.0) {
        return Err(Fault::usage(anyhow!(
            "--precision must lie between 0 and 1"
        )));
    }
    if args.least_step > args.step || args.step.is_zero() {
        return Err(Fault::usage(anyhow!("--least-step must not exceed --step")));
    }
    for path in [&args.json, &args.html].into_iter().flatten() {
        check_writable(path)?;
    }
    let seed = args.generator.seed();
    let empty = ScheduleSpec {
        arrivals: ArrivalSpec::Poisson,
        stages: Vec::new(),
        warmup: args.warmup,
        seed,
    };
    let (target, workload) = (args.target.target()?, args.body.workload(&args.target)?);
    let part = Part { index: 0, of: 1 };
    let base = args
        .generator
        .plan(target, Load::Open(empty), workload, seed, part);
    let mut machine = Machine::observe();
    let hooks = Hooks::default();
    interrupt(&hooks.stop);
    let hunt = HuntOptions {
        start_rate: args.start_rate,
        min_rate: (args.start_rate / 1_000.0).min(1.0),
        max_rate: args.max_rate,
        precision: args.precision,
        confirmations: args.confirm,
    };
    let step = StepOptions {
        least: args.least_step,
        most: args.step,
        warmup: args.warmup,
    };
    let search = Search {
        base: &base,
        objective: args.slo,
        hunt,
        step,
        hooks: &hooks,
    };
    let finding = search.run(|step, left| {
        if !args.quiet {
            eprintln!("{}; about {:.0} s left", line(step), left.as_secs_f64());
        }
    })?;
    machine.observe_again();
    print!("{}", finding.text());
    println!("seed {seed}");
    if let Some(path) = &args.html {
        save(path, search_html(&finding, &base.target.url).as_bytes())?;
    }
    if let Some(path) = &args.json {
        let document = Document {
            finding: &finding,
            plan: &base,
            commit: commit(),
            machine,
        };
        let text = serde_json::to_vec_pretty(&document).map_err(Fault::internal)?;
        save(path, &text)?;
    }
    Ok(match finding.rate {
        _ if finding.interrupted => Exit::Invalid,
        Some(_) if finding.generator_limited => Exit::Invalid,
        Some(_) => Exit::Held,
        None if finding.generator_limited => Exit::Invalid,
        None => Exit::Failed,
    })
}

fn line(step: &StepResult) -> String {
    let word = match (step.spoilt, step.holds, step.sure) {
        (true, ..) => "spoilt by the generator",
        (false, true, true) => "holds",
        (false, true, false) => "holds as far as seen",
        (false, false, true) => "missed",
        (false, false, false) => "missed as far as seen",
    };
    format!(
        "{} {:>9.1}/s  {word}: {:.3} % of {} missed, {} at the objective's quantile, {:.1} s, send lag P99 {}",
        if step.confirms { "confirm" } else { "try    " },
        step.rate,
        step.tally.share() * 100.0,
        step.tally.requests,
        show_us(step.quantile_us),
        step.seconds,
        show_us(step.send_lag_p99_us),
    )
}
