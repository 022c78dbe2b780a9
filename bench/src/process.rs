//! A server as a process of its own, and where its files are.

use std::{
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use testkit::process::Process;

/// A running server that said where it listens; killed when dropped.
pub struct Server {
    process: Process,
    /// Address of the data port.
    pub http: String,
    admin: String,
    /// Where its files and those of the runs against it may go.
    pub folder: tempfile::TempDir,
}

impl Server {
    /// Starts a program that prints `listening http=ADDRESS … admin=ADDRESS` when it is ready.
    pub fn start(program: &str, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(beside(program)?);
        command.args(arguments).stdin(Stdio::piped());
        let (process, listening) = Process::start(&mut command)?;
        Ok(Self {
            process,
            http: listening.http.to_string(),
            admin: listening.admin.to_string(),
            folder: tempfile::tempdir()?,
        })
    }

    /// The release gateway over the bench's models. `configuration` is TOML.
    pub fn gateway(models: &Path, configuration: &str) -> Result<Self> {
        Self::gateway_within("gateway", &[], models, configuration)
    }

    /// The same inside another program, which passes on what follows its own arguments.
    pub fn gateway_within(
        program: &str,
        first: &[&str],
        models: &Path,
        configuration: &str,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("config.toml");
        std::fs::write(&config, configuration)?;
        let repository = models.join("models");
        if !repository.is_dir() {
            bail!(
                "{} is not there; run `make bench-models`",
                repository.display()
            );
        }
        let (config, repository) = (
            config.display().to_string(),
            repository.display().to_string(),
        );
        let any = "127.0.0.1:0";
        let own = [
            "--config",
            &config,
            "--model-repository",
            &repository,
            "--http",
            any,
            "--admin",
            any,
        ];
        Self::start(program, &[first, &own].concat())
    }

    /// Where its metrics are.
    pub fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.admin)
    }

    /// Where its standard input goes.
    pub fn input(&mut self) -> Result<&mut ChildStdin> {
        self.process.input().context("a server without input")
    }

    /// The next line that it prints.
    pub fn next_line(&mut self) -> Result<String> {
        let line = self.process.next_line();
        line.context("the server printed no further line")
    }
}

/// A release binary, which lies beside this one.
pub(crate) fn beside(program: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(program);
    if path.is_file() {
        Ok(path)
    } else {
        bail!("{} is not there; run `make bench`", path.display())
    }
}
