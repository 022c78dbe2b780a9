//! `loadtest worker`.

use std::net::TcpListener;

use anyhow::Context;
use clap::Args;

use super::Fault;
use crate::{exit::Exit, workers::serve};

/// Options of `worker`.
#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    /// Address to wait on for `run --workers`. Whoever reaches it can have load sent anywhere:
    /// keep it on a network of your own
    #[arg(long, default_value = "127.0.0.1:7070")]
    listen: String,
    /// End after this many runs [default: never]
    #[arg(long, value_name = "COUNT")]
    runs: Option<u32>,
}

/// Runs the command.
pub(super) fn main(args: &WorkerArgs) -> Result<Exit, Fault> {
    let listener = TcpListener::bind(&args.listen)
        .with_context(|| {
            format!(
                "cannot listen on {}; choose another with --listen",
                args.listen
            )
        })
        .map_err(|cause| Fault {
            exit: Exit::Unreachable,
            cause,
        })?;
    let address = listener.local_addr().map_err(Fault::internal)?;
    println!("listening {address}");
    serve(&listener, args.runs, |what| eprintln!("{what}"));
    Ok(Exit::Held)
}
