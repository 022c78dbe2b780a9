//! `bench-plain`, or `bench-plain LIBRARY MODEL BODY`: answers a POST with its body, after a run of the
//! model where there is one.

use std::path::PathBuf;

use bench::{outside::alone::Files, plain::serve};

fn main() -> anyhow::Result<()> {
    gateway::disable_telemetry();
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match arguments.as_slice() {
        [] => serve(None),
        [library, model, body] => serve(Some(Files::new(library, model, body)?)),
        _ => anyhow::bail!("usage: bench-plain, or bench-plain LIBRARY MODEL BODY"),
    }
}
