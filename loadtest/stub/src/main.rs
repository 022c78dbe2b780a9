//! `loadtest-stub`: one stub in a process of its own.

use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use loadtest_stub::{Behaviour, Stub};

/// Serves HTTP with a latency that is known beforehand
#[derive(Debug, Parser)]
struct Args {
    /// Port of 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Time that the one server needs per request
    #[arg(long, value_parser = humantime::parse_duration, default_value = "0s")]
    service: Duration,
    /// Length of a stall
    #[arg(long, value_parser = humantime::parse_duration, default_value = "0s")]
    stall: Duration,
    /// From one stall to the next
    #[arg(long, value_parser = humantime::parse_duration, default_value = "0s")]
    stall_every: Duration,
    /// Every so many answers one is a failure
    #[arg(long, default_value_t = 0)]
    fail_every: u64,
    /// Length of the answers' body
    #[arg(long, default_value_t = 2)]
    body_bytes: usize,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let behaviour = Behaviour {
        service: args.service,
        stall: args.stall,
        stall_every: args.stall_every,
        fail_every: args.fail_every,
        body_bytes: args.body_bytes,
        ..Behaviour::default()
    };
    let stub = Stub::start(behaviour, args.port).context("cannot start the stub")?;
    println!("listening {}", stub.address());
    stub.wait();
    Ok(())
}
