//! `bench-counted plain` or `bench-counted gateway OPTIONS`: a server that counts its allocations.
//!
//! What the engine allocates in C++ does not pass through Rust's allocator and is not counted.

use std::{alloc::System, sync::Arc};

use anyhow::{Result, bail};
use clap::Parser;
use common::SystemClock;
use gateway::{
    boot::{self, Exit},
    cli::Cli,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<()> {
    gateway::disable_telemetry();
    bench::answer_counts(|| {
        let stats = ALLOCATOR.stats();
        (stats.allocations, stats.reallocations)
    })?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("plain") => bench::plain::serve(None),
        Some("gateway") => serve(&arguments),
        _ => bail!("usage: bench-counted plain, or bench-counted gateway OPTIONS"),
    }
}

fn serve(arguments: &[String]) -> Result<()> {
    let settings = Cli::try_parse_from(arguments)?.options.settings();
    let settings = settings.map_err(told)?;
    actix_rt::System::new().block_on(async {
        let gateway = boot::start(settings, Arc::new(SystemClock))
            .await
            .map_err(told)?;
        println!("{}", gateway.listening_line());
        bail!("the gateway is wedged: {}", gateway.wedged().await)
    })
}

fn told(exit: Exit) -> anyhow::Error {
    anyhow::anyhow!(exit.message)
}
