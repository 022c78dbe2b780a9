//! `bench-outside LIBRARY MODEL BODY SECONDS`: the floor without a gateway, as JSON.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use bench::outside::alone::{Files, measure};

fn main() -> Result<()> {
    gateway::disable_telemetry();
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [library, model, body, seconds] = arguments.as_slice() else {
        anyhow::bail!("usage: bench-outside LIBRARY MODEL BODY SECONDS");
    };
    let seconds = seconds
        .to_str()
        .and_then(|text| text.parse().ok())
        .context("SECONDS")?;
    let files = Files::new(library, model, body)?;
    let alone = measure(&files, Duration::from_secs_f64(seconds))?;
    println!("{}", serde_json::to_string(&alone)?);
    Ok(())
}
