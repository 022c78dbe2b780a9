//! A server as a process of its own, and where its files are.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// A running server that said where it listens; killed when dropped.
pub struct Server {
    child: Child,
    /// What it prints behind its first line.
    pub output: BufReader<std::process::ChildStdout>,
    /// Address of the data port.
    pub http: String,
    admin: String,
    /// Where its files and those of the runs against it may go.
    pub folder: tempfile::TempDir,
}

impl Server {
    /// Starts a program that prints `listening http=ADDRESS … admin=ADDRESS` when it is ready.
    pub fn start(program: &str, arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("log");
        let mut child = Command::new(beside(program)?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let stdout = child.stdout.take().context("a server without output")?;
        let mut output = BufReader::new(stdout);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let field = |name: &str| {
            let mut words = line.split_whitespace();
            words
                .find_map(|word| word.strip_prefix(name))
                .map(str::to_owned)
        };
        let (Some(http), Some(admin)) = (field("http="), field("admin=")) else {
            // Already gone is fine.
            let _ = child.kill();
            let _ = child.wait();
            let log = std::fs::read_to_string(log).unwrap_or_default();
            bail!("{program} did not start: {log}");
        };
        Ok(Self {
            child,
            output,
            http,
            admin,
            folder,
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
    pub fn input(&mut self) -> Result<&mut std::process::ChildStdin> {
        self.child.stdin.as_mut().context("a server without input")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
