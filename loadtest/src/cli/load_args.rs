//! The options that say where to, when and what; shared by the commands that send requests.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};

use super::Fault;
use crate::{
    client::{Endpoint, TargetSpec},
    schedule::{ArrivalSpec, MmppSpec, ScheduleSpec, Shape, Stage, parse_stages},
    units::{parse_duration, parse_rate},
    workload::{MOVIELENS_ITEMS, RecommendSpec, Template, Users, WorkloadSpec},
};

/// A run is bounded: a day of one-second histograms is some 100 MB.
const LONGEST_RUN: Duration = Duration::from_secs(24 * 3600);

/// Where to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Target")]
pub(super) struct TargetArgs {
    /// URL to test
    #[arg(long, default_value = "http://127.0.0.1:8000/v2/recommend/item")]
    pub url: String,
    /// Method
    #[arg(long, default_value = "POST")]
    method: String,
    /// Header to send, 'Name: value'; may be repeated
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    headers: Vec<String>,
    /// Speak HTTP/2 with prior knowledge instead of HTTP/1.1
    #[arg(long)]
    http2: bool,
}

impl TargetArgs {
    /// The target, checked without touching the network.
    pub(super) fn target(&self) -> Result<TargetSpec, Fault> {
        let target = TargetSpec {
            url: self.url.clone(),
            method: self.method.to_uppercase(),
            headers: self.headers.clone(),
            http2: self.http2,
        }
        .with_credentials_in_a_header();
        Endpoint::check(&target).map_err(Fault::usage)?;
        Ok(target)
    }

    fn has_body(&self) -> bool {
        !matches!(self.method.to_uppercase().as_str(), "GET" | "HEAD")
    }
}

/// What.
#[derive(Debug, Args)]
#[command(next_help_heading = "Requests")]
pub(super) struct BodyArgs {
    /// Send this file as the body of every request
    #[arg(long, value_name = "FILE", conflicts_with = "template")]
    body: Option<PathBuf>,
    /// Send this file with its {{placeholders}} filled in: user_id, item_id, seq, candidates N,
    /// random LOW HIGH, hex N
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// User ids, one a line, the most active first [default: MovieLens' 1 to 943]
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Zipf exponent of the users' activity; 0 makes them all alike
    #[arg(long, value_name = "EXPONENT", default_value_t = 1.0)]
    zipf: f64,
    /// Scene of the recommend requests
    #[arg(long, default_value = "home_feed")]
    scene: String,
    /// Candidates named in each recommend request; 0 leaves them to the scene
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    candidates: u32,
    /// Candidates are drawn from the item ids 1 to this
    #[arg(long, value_name = "COUNT", default_value_t = MOVIELENS_ITEMS)]
    items: u32,
    /// Items wanted in each answer [default: the server's]
    #[arg(long, value_name = "COUNT")]
    top_k: Option<u32>,
}

impl BodyArgs {
    /// The workload; a method without a body gets none.
    pub(super) fn workload(&self, target: &TargetArgs) -> Result<WorkloadSpec, Fault> {
        let read = |path: &PathBuf| {
            fs::read_to_string(path)
                .with_context(|| format!("cannot read {} as text", path.display()))
                .map_err(Fault::usage)
        };
        if let Some(path) = &self.body {
            let body = fs::read(path).with_context(|| format!("cannot read {}", path.display()));
            return Ok(WorkloadSpec::fixed(body.map_err(Fault::usage)?));
        }
        let users = match &self.users {
            Some(path) => Users::from_file(path, self.zipf),
            None => Users::movielens(self.zipf),
        };
        let users = users.map_err(Fault::usage)?;
        if let Some(path) = &self.template {
            let text = read(path)?;
            Template::compile(&text).map_err(Fault::usage)?;
            return Ok(WorkloadSpec::Template { text, users });
        }
        if !target.has_body() {
            return Ok(WorkloadSpec::Empty);
        }
        if self.items == 0 || self.items > 100_000_000 || self.candidates > self.items {
            let cause = anyhow!("{} candidates of {} items", self.candidates, self.items);
            return Err(Fault::usage(cause.context(
                "--candidates must not exceed --items, nor that 100 million",
            )));
        }
        Ok(WorkloadSpec::Recommend(RecommendSpec {
            users,
            scene: self.scene.clone(),
            candidates: self.candidates,
            items: self.items,
            top_k: self.top_k,
        }))
    }
}

/// Arrival processes by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Arrivals {
    /// Equal gaps
    Constant,
    /// Independent users
    Poisson,
    /// Gaps with the variation of --cv
    Gamma,
    /// Calm and burst by turns
    Mmpp,
    /// The times in --trace
    Trace,
}

/// When.
#[derive(Debug, Args)]
#[command(next_help_heading = "Schedule")]
pub(super) struct ScheduleArgs {
    /// Requests per second
    #[arg(long, value_parser = parse_rate, default_value = "100")]
    rate: f64,
    /// Length of the measured window
    #[arg(long, value_parser = parse_duration, default_value = "20s")]
    duration: Duration,
    /// Time before the measured window, at its first rate, left out of every figure
    #[arg(long, value_parser = parse_duration, default_value = "0s")]
    warmup: Duration,
    /// How irregular the gaps between requests are
    #[arg(long, value_enum, default_value = "poisson")]
    arrivals: Arrivals,
    /// Stages instead of --rate and --duration, comma-separated: hold:RATE:TIME, soak:RATE:TIME,
    /// ramp:A..B:TIME, step:A..B/STEPS:TIME, spike:BASE..PEAK:TIME, sine:LOW..HIGH/PERIOD:TIME
    #[arg(long, conflicts_with_all = ["rate", "duration"])]
    stages: Option<String>,
    /// Standard deviation of gamma gaps over their mean
    #[arg(long, default_value_t = 2.0)]
    cv: f64,
    /// How many times the calm rate an mmpp burst's rate is
    #[arg(long, value_name = "RATIO", default_value_t = 5.0)]
    burst_ratio: f64,
    /// Mean length of an mmpp burst
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "200ms")]
    burst: Duration,
    /// Mean length of an mmpp calm
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "800ms")]
    calm: Duration,
    /// Due times in seconds since the start, one a line, for --arrivals trace
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

impl ScheduleArgs {
    /// The length asked for, without warm-up.
    pub(super) fn duration(&self) -> Duration {
        self.duration
    }

    /// The warm-up asked for.
    pub(super) fn warmup(&self) -> Duration {
        self.warmup
    }

    /// The schedule.
    pub(super) fn schedule(&self, seed: u64) -> Result<ScheduleSpec, Fault> {
        let arrivals = self.arrival_spec()?;
        let stages = match (&self.stages, &arrivals) {
            (Some(text), _) => parse_stages(text).map_err(Fault::usage)?,
            (None, ArrivalSpec::Trace { at_s }) => {
                let last = at_s.last().copied().unwrap_or(0.0);
                vec![hold(
                    "trace",
                    at_s.len() as f64 / last.max(1e-3),
                    last + 1e-3,
                )]
            }
            (None, _) => vec![hold("hold", self.rate, self.duration.as_secs_f64())],
        };
        let spec = ScheduleSpec {
            arrivals,
            stages,
            warmup: self.warmup,
            seed,
        };
        let total = spec.measured() + spec.warmup;
        if spec.measured().is_zero() || total > LONGEST_RUN {
            let cause = anyhow!("a run of {total:?}");
            return Err(Fault::usage(
                cause.context("the length must be above zero, a day at most"),
            ));
        }
        Ok(spec)
    }

    fn arrival_spec(&self) -> Result<ArrivalSpec, Fault> {
        if self.trace.is_some() != (self.arrivals == Arrivals::Trace) {
            return Err(Fault::usage(anyhow!(
                "--trace FILE and --arrivals trace go together"
            )));
        }
        Ok(match self.arrivals {
            Arrivals::Constant => ArrivalSpec::Constant,
            Arrivals::Poisson => ArrivalSpec::Poisson,
            Arrivals::Gamma if self.cv > 0.0 && self.cv <= 20.0 => {
                ArrivalSpec::Gamma { cv: self.cv }
            }
            Arrivals::Gamma => return Err(Fault::usage(anyhow!("--cv must lie in 0 to 20"))),
            Arrivals::Mmpp => ArrivalSpec::Mmpp(self.mmpp()?),
            Arrivals::Trace => ArrivalSpec::Trace {
                at_s: self.read_trace()?,
            },
        })
    }

    fn mmpp(&self) -> Result<MmppSpec, Fault> {
        let is_sound = self.burst_ratio >= 1.0
            && self.burst_ratio.is_finite()
            && !self.burst.is_zero()
            && !self.calm.is_zero();
        if !is_sound {
            let cause = anyhow!("--burst-ratio must be 1 or more, --burst and --calm above zero");
            return Err(Fault::usage(cause));
        }
        Ok(MmppSpec {
            burst_ratio: self.burst_ratio,
            burst_s: self.burst.as_secs_f64(),
            calm_s: self.calm.as_secs_f64(),
        })
    }

    fn read_trace(&self) -> Result<Vec<f64>, Fault> {
        let path = self
            .trace
            .as_deref()
            .unwrap_or_else(|| std::path::Path::new(""));
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the trace {}", path.display()))
            .map_err(Fault::usage)?;
        let mut at_s = Vec::new();
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty());
        for (number, line) in lines {
            let at: Option<f64> = line.trim().parse().ok();
            let last = at_s.last().copied().unwrap_or(0.0);
            match at.filter(|at| at.is_finite() && *at >= last) {
                Some(at) => at_s.push(at),
                None => {
                    return Err(Fault::usage(anyhow!(
                        "{}, line {}: `{line}` is not a time in seconds at or after the last one",
                        path.display(),
                        number + 1
                    )));
                }
            }
        }
        if at_s.is_empty() {
            return Err(Fault::usage(anyhow!(
                "the trace {} is empty",
                path.display()
            )));
        }
        Ok(at_s)
    }
}

fn hold(name: &str, rate: f64, length_s: f64) -> Stage {
    Stage {
        name: name.to_owned(),
        length: Duration::from_secs_f64(length_s),
        shape: Shape::Linear {
            from: rate,
            to: rate,
        },
    }
}
