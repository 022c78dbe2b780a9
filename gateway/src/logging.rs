//! Structured logs to standard error; standard output stays for what scripts read.

use common::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

use crate::boot::Exit;

/// Installs the subscriber and sends panics through it, one line each.
pub fn install(log: &Log) -> Result<(), Exit> {
    // ONNX Runtime tells of every session it opens, the server of every thread it starts; only their
    // warnings concern an operator.
    let filter = EnvFilter::try_new(format!("{},ort=warn,actix_server=warn", log.level))
        .map_err(|e| Exit::configuration(format!("log.level: {e}")))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let installed = match log.format {
        LogFormat::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    installed.map_err(|e| Exit::configuration(format!("logging: {e}")))?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(%place, message = panic.payload_as_str().unwrap_or("no message"), "panic");
    }));
    Ok(())
}
