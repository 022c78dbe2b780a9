//! A release gateway with the drill engine, in a folder of its own.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use testkit::process::{Listening, Process};

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    process: Process,
    listening: Listening,
    folder: tempfile::TempDir,
}

/// Runs of one request on the drill engine.
pub(crate) const RUN: Duration = Duration::from_millis(2);

impl Gateway {
    /// Starts one whose model has these further `[drill]` keys, with this further configuration.
    pub(crate) fn start(drill: &str, configuration: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let model = folder.path().join("models/drilled/1");
        std::fs::create_dir_all(&model)?;
        let latency = RUN.as_millis();
        std::fs::write(
            folder.path().join("models/drilled/model.toml"),
            format!(
                "engine = \"drill\"\nplacement = \"colocated\"\n[batching]\nrow_budget = 100\n\
                 [inputs.candidates]\nrole = \"candidate\"\nfeatures = [\"item.id\"]\ndtype = \"INT32\"\nshape = [-1]\n\
                 [outputs.score]\nrole = \"score\"\n[drill]\nlatency = \"{latency}ms\"\n{drill}\n"
            ),
        )?;
        let config = folder.path().join("config.toml");
        std::fs::write(
            &config,
            format!(
                "[http]\naddress = \"127.0.0.1:0\"\nworkers = 2\n[admin]\naddress = \"127.0.0.1:0\"\n\
                 [scenes.home_feed]\nmodel = \"drilled\"\npool = 100\n[scenes.catalogue]\nmodel = \"drilled\"\n{configuration}\n"
            ),
        )?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command
            .arg("--config")
            .arg(&config)
            .arg("--model-repository")
            .arg(folder.path().join("models"));
        let (process, listening) = Process::start(&mut command)?;
        Ok(Self {
            process,
            listening,
            folder,
        })
    }

    /// The recommend path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/v2/recommend/item", self.listening.http)
    }

    /// Where files of this run may go.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Resident memory now, in MiB.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        let kib: f64 = line
            .split_whitespace()
            .next()
            .context("no VmRSS")?
            .parse()?;
        Ok(kib / 1024.0)
    }

    /// The sum of a metric's samples whose line contains all of `parts`.
    pub(crate) fn metric(&self, parts: &[&str]) -> Result<f64> {
        let mut stream = TcpStream::connect(self.listening.admin)?;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let lines = text
            .lines()
            .filter(|l| !l.starts_with('#') && parts.iter().all(|p| l.contains(p)));
        let values = lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.fold(0.0, |sum, value| sum + value))
    }
}

/// The release load test, beside the gateway.
pub(crate) fn loadtest() -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_BIN_EXE_gateway")).with_file_name("loadtest");
    if path.is_file() {
        Ok(path)
    } else {
        bail!("{} is not there; run `make build`", path.display())
    }
}
