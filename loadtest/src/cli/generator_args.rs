//! How the generator works; shared by the commands that send requests.

use std::time::Duration;

use clap::Args;

use crate::{
    client::TargetSpec,
    clock,
    run::{Load, Part, RunPlan},
    units::parse_duration,
    workload::WorkloadSpec,
};

/// How the generator works.
#[derive(Debug, Args)]
#[command(next_help_heading = "Generator")]
pub(super) struct GeneratorArgs {
    /// Seed of schedule and bodies [default: drawn, printed and kept in the report]
    #[arg(long)]
    seed: Option<u64>,
    /// Requests in flight at most; one due beyond that is dropped and counts as not sent
    #[arg(long, value_name = "COUNT", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_in_flight: u32,
    /// Connections opened before the start; HTTP/1.1 opens more as more requests are in flight,
    /// HTTP/2 and --closed keep to them
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

impl GeneratorArgs {
    /// The seed given, or one drawn; any number does, as it is printed and kept.
    pub(super) fn seed(&self) -> u64 {
        self.seed
            .unwrap_or_else(|| u64::from(clock::unix_time().subsec_nanos()))
    }

    /// Connections asked for.
    pub(super) fn connections(&self) -> usize {
        self.connections as usize
    }

    /// The plan with everything else given.
    pub(super) fn plan(
        &self,
        target: TargetSpec,
        load: Load,
        workload: WorkloadSpec,
        seed: u64,
        part: Part,
    ) -> RunPlan {
        RunPlan {
            target,
            load,
            workload,
            seed,
            timeout: self.timeout,
            max_in_flight: self.max_in_flight as usize,
            connections: self.connections as usize,
            threads: self.threads as usize,
            spin: self.spin,
            part,
        }
    }
}
