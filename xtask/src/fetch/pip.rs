//! `pip download` as a transport: finding a pip, running it, and saying in one line why it failed.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::pins::Build;

const CANDIDATES: [&[&str]; 4] = [
    &["python3", "-m", "pip"],
    &["python", "-m", "pip"],
    &["pip3"],
    &["pip"],
];

/// A wheel of 24 MB takes half of this at 28 kB/s; beyond it something hangs.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// `pip --version` takes tens of milliseconds, seconds on a cold disk.
const PROBE_LIMIT: Duration = Duration::from_secs(60);

/// Enough of pip's output to find its errors in.
const OUTPUT_LIMIT_BYTES: u64 = 4 << 20;

const INSTALL_PIP: &str = "Debian and Ubuntu: apt-get install python3-pip; Fedora: dnf install \
                           python3-pip; macOS: brew install python";

#[derive(Debug, thiserror::Error)]
pub(crate) enum PipError {
    #[error("no Python with pip found (tried {}); install one ({INSTALL_PIP})", .tried.join(", "))]
    NotFound { tried: Vec<String> },
    #[error("`{python}` is there but has no pip; install it ({INSTALL_PIP})")]
    NoPipModule { python: String },
    #[error(
        "no network: PyPI did not answer ({cause}); check the connection, or name a proxy \
         (HTTPS_PROXY) or mirror (PIP_INDEX_URL), and run it again"
    )]
    NoNetwork { cause: String },
    #[error(
        "PyPI's certificate was not accepted ({cause}); name your certificates (PIP_CERT=FILE) \
         and run it again"
    )]
    Certificate { cause: String },
    #[error("no space left while pip downloaded {wheel}: free about 200 MB and run it again")]
    DiskFull { wheel: String },
    #[error(
        "the package index that pip uses has no {wheel}; if PIP_INDEX_URL or pip.conf names a \
         mirror, use one that carries it"
    )]
    NotOnIndex { wheel: String },
    #[error("`{pip} download {requirement}` failed: {cause}; run it again")]
    Failed {
        pip: String,
        requirement: String,
        cause: String,
    },
    #[error("`{pip} download {requirement}` did not end in {minutes} minutes; run it again")]
    TooSlow {
        pip: String,
        requirement: String,
        minutes: u64,
    },
}

/// A pip that answered `--version`.
pub(super) struct Pip {
    command: Vec<String>,
}

impl fmt::Display for Pip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.command.join(" "))
    }
}

impl Pip {
    /// The given command, or the first of the usual ones that works.
    pub(super) fn find(given: Option<&[String]>) -> Result<Self, PipError> {
        let candidates: Vec<Vec<String>> = match given {
            Some(command) => vec![command.to_vec()],
            None => CANDIDATES
                .iter()
                .map(|command| command.iter().map(|part| (*part).to_owned()).collect())
                .collect(),
        };
        let mut without_pip = None;
        for command in &candidates {
            match run(command, &["--version"], None, PROBE_LIMIT) {
                Ok(ended) if ended.status.success() => {
                    return Ok(Self {
                        command: command.clone(),
                    });
                }
                Ok(ended) if ended.output.contains("No module named pip") => {
                    without_pip.get_or_insert_with(|| command[0].clone());
                }
                _ => {}
            }
        }
        Err(match without_pip {
            Some(python) => PipError::NoPipModule { python },
            None => PipError::NotFound {
                tried: candidates.iter().map(|command| command.join(" ")).collect(),
            },
        })
    }

    /// Downloads the build's wheel into `folder` and returns its path. The wheel is not yet
    /// checked against its digest.
    pub(super) fn download(
        &self,
        requirement: &str,
        build: &Build,
        folder: &Path,
    ) -> Result<PathBuf, PipError> {
        let arguments: [&OsStr; 16] = [
            "download".as_ref(),
            "--no-deps".as_ref(),
            "--only-binary=:all:".as_ref(),
            // The tags of the pinned wheel, whatever Python runs pip: its library is the same.
            "--python-version".as_ref(),
            "3.11".as_ref(),
            "--implementation".as_ref(),
            "cp".as_ref(),
            "--abi".as_ref(),
            "cp311".as_ref(),
            "--platform".as_ref(),
            build.pip_platform.as_ref(),
            // A machine without network should hear of it in seconds.
            "--retries=2".as_ref(),
            "--progress-bar=off".as_ref(),
            "--dest".as_ref(),
            folder.as_ref(),
            requirement.as_ref(),
        ];
        let ended = match run(&self.command, &arguments, Some(folder), DOWNLOAD_LIMIT) {
            Ok(ended) => ended,
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return Err(PipError::TooSlow {
                    pip: self.to_string(),
                    requirement: requirement.to_owned(),
                    minutes: DOWNLOAD_LIMIT.as_secs() / 60,
                });
            }
            Err(error) => return Err(self.failed(requirement, &error.to_string())),
        };
        if !ended.status.success() {
            return Err(self.diagnose(requirement, &build.wheel, &ended));
        }
        let wheel = folder.join(&build.wheel);
        if !wheel.is_file() {
            return Err(PipError::NotOnIndex {
                wheel: build.wheel.clone(),
            });
        }
        Ok(wheel)
    }

    /// What pip's output says, most specific first: after a broken connection pip also claims
    /// that no version exists.
    fn diagnose(&self, requirement: &str, wheel: &str, ended: &Ended) -> PipError {
        let line_with = |needles: &[&str]| {
            let mut lines = ended.output.lines();
            lines.find(|line| needles.iter().any(|needle| line.contains(needle)))
        };
        if line_with(&["[Errno 28]", "[Errno 122]", "No space left on device"]).is_some() {
            return PipError::DiskFull {
                wheel: wheel.to_owned(),
            };
        }
        if let Some(line) = line_with(&["CERTIFICATE_VERIFY_FAILED", "SSLError"]) {
            return PipError::Certificate { cause: brief(line) };
        }
        if let Some(line) = line_with(NETWORK_SIGNS) {
            return PipError::NoNetwork { cause: brief(line) };
        }
        if line_with(&["No matching distribution found", "Could not find a version"]).is_some() {
            return PipError::NotOnIndex {
                wheel: wheel.to_owned(),
            };
        }
        let last = ended.output.lines().rfind(|line| !line.trim().is_empty());
        match line_with(&["ERROR:"]).or(last) {
            Some(line) if ended.status.code().is_some() => self.failed(requirement, &brief(line)),
            // Killed by a signal: the last line says nothing about why.
            _ => self.failed(requirement, &ended.status.to_string()),
        }
    }

    fn failed(&self, requirement: &str, cause: &str) -> PipError {
        PipError::Failed {
            pip: self.to_string(),
            requirement: requirement.to_owned(),
            cause: cause.to_owned(),
        }
    }
}

const NETWORK_SIGNS: &[&str] = &[
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionError",
    "ConnectionResetError",
    "ProtocolError",
    "ProxyError",
    "NameResolutionError",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Network is unreachable",
    "ReadTimeout",
    "Connection timed out",
];

/// The telling end of one of pip's long lines.
fn brief(line: &str) -> String {
    let line = line.trim().trim_start_matches("ERROR: ");
    let cause = match line.split_once("after connection broken by ") {
        Some((_, cause)) => cause.rsplit("object at ").next().unwrap_or(cause),
        None => line,
    };
    // urllib3 writes `Kind('<object at 0x…>: cause')': /path`.
    let cause = match cause.split_once(">: ") {
        Some((_, cause)) => cause,
        None => cause,
    };
    let cause = cause.split("')'").next().unwrap_or(cause);
    cause.chars().take(200).collect()
}

/// How a child ended, with what it wrote to either stream.
struct Ended {
    status: ExitStatus,
    output: String,
}

/// Runs `command arguments` to its end, or kills it at `limit` (`ErrorKind::TimedOut`).
fn run(
    command: &[String],
    arguments: &[impl AsRef<OsStr>],
    temp: Option<&Path>,
    limit: Duration,
) -> io::Result<Ended> {
    let (mut reader, writer) = io::pipe()?;
    let mut child = spawn(command, arguments, temp, writer)?;
    let (sender, receiver) = sync_channel(1);
    // Not joined: if the child left a process behind that holds the pipe, it must not hold us.
    std::thread::spawn(move || {
        let mut output = Vec::new();
        let read = (&mut reader)
            .take(OUTPUT_LIMIT_BYTES)
            .read_to_end(&mut output);
        let read = read.and_then(|_| io::copy(&mut reader, &mut io::sink()));
        // The receiver is gone only after the limit, when nobody wants the output.
        let _ = sender.send(read.map(|_| output));
    });
    match receiver.recv_timeout(limit) {
        Ok(output) => {
            let status = child.wait()?;
            Ok(Ended {
                status,
                output: String::from_utf8_lossy(&output?).into_owned(),
            })
        }
        Err(RecvTimeoutError::Timeout) => {
            child.kill()?;
            child.wait()?;
            Err(ErrorKind::TimedOut.into())
        }
        Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the output was not read")),
    }
}

/// Its own function so that our ends of the pipe close with `Command` and the reader sees the end.
fn spawn(
    command: &[String],
    arguments: &[impl AsRef<OsStr>],
    temp: Option<&Path>,
    output: io::PipeWriter,
) -> io::Result<Child> {
    let (program, leading) = command
        .split_first()
        .ok_or_else(|| io::Error::other("empty pip command"))?;
    let mut child = Command::new(program);
    child.args(leading).args(arguments);
    child
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    // Settings of the person's pip that would stop a plain download; no prompt can be answered.
    child
        .env("PIP_REQUIRE_VIRTUALENV", "0")
        .env("PIP_NO_INPUT", "1");
    child.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    if let Some(temp) = temp {
        // pip unpacks in TMPDIR first; /tmp may be small, and what a killed run leaves there stays.
        child.env("TMPDIR", temp);
    }
    child.spawn()
}

#[cfg(test)]
mod tests;
