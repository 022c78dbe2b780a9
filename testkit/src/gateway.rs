//! The gateway of an asynchronous test: how it is started, and calls that most tests make.

use std::{
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, Weak},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    client::{self, Answer},
    eventually, gateway_binary,
    process::{Listening, Process},
    repository::Repository,
};

pub use crate::{process::Ended, workspace};

/// A port that the system chooses.
pub const ANY_PORT: &str = "127.0.0.1:0";
/// Settings under which nothing is refused for taking long: for tests of answers, which run on
/// machines that are busy with other things.
pub const UNHURRIED: &str = r#"
[limits]
deadline = "20s"
[admission]
queue_delay = "60s"
codel_target = "60s"
codel_interval = "60s"
"#;
pub const RECOMMEND: &str = "/v2/recommend/item";

/// A gateway that is about to be started.
pub struct Setup {
    command: Command,
    kept: Kept,
}

/// What must be there for as long as the process runs.
struct Kept {
    folder: tempfile::TempDir,
    repository: Option<Repository>,
}

impl Setup {
    /// On ports that the system chooses, otherwise with every default.
    pub fn new() -> Self {
        Self::of(&gateway_binary())
    }

    /// The same of the gateway binary at this path.
    pub fn of(binary: &Path) -> Self {
        let ports = ["--http", ANY_PORT, "--grpc", ANY_PORT, "--admin", ANY_PORT];
        Self::bare_of(binary).args(ports)
    }

    /// With nothing said on the command line, nor in the environment.
    pub fn bare() -> Self {
        Self::bare_of(&gateway_binary())
    }

    /// The same of the gateway binary at this path.
    pub fn bare_of(binary: &Path) -> Self {
        let mut command = Command::new(binary);
        command.stdin(Stdio::null());
        let inherited = std::env::vars_os().map(|(name, _)| name);
        for name in inherited.filter(|name| name.to_string_lossy().starts_with("GATEWAY_")) {
            command.env_remove(name);
        }
        let kept = Kept {
            folder: tempfile::tempdir().unwrap(),
            repository: None,
        };
        Self { command, kept }
    }

    /// Started by a shell that runs this first, such as `ulimit`; to be called before anything else.
    pub fn limited(mut self, limit: &str) -> Self {
        let binary = self.command.get_program().to_owned();
        self.command = Command::new("sh");
        let script = format!("{limit}; exec \"$0\" \"$@\"");
        self.args([OsStr::new("-c"), OsStr::new(&script), &binary])
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Started from this folder.
    pub fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// With a configuration file of this text.
    pub fn config(self, toml: &str) -> Self {
        let path = self.file("gateway.toml", toml.as_bytes());
        self.args([OsStr::new("--config"), path.as_os_str()])
    }

    /// Over the models of this repository.
    pub fn repository(mut self, repository: Repository) -> Self {
        self = self.args([
            OsStr::new("--model-repository"),
            repository.path().as_os_str(),
        ]);
        self.kept.repository = Some(repository);
        self
    }

    /// Puts a file beside the configuration, for as long as the gateway is used.
    pub fn file(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.kept.folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    }

    /// Starts it and waits for its `listening` line.
    pub fn start(mut self) -> Gateway {
        let started = Process::start(&mut self.command);
        let (process, listening) = started.unwrap_or_else(|e| panic!("no gateway came up: {e}"));
        Gateway {
            process,
            http: listening.http,
            admin: listening.admin,
            listening,
            _kept: self.kept,
        }
    }

    /// Starts it and waits for its end, as of one that cannot serve or only has to tell something.
    pub fn run(mut self) -> Ended {
        Process::spawn(&mut self.command).unwrap().end()
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// A gateway that serves. Dropping it kills it.
pub struct Gateway {
    process: Process,
    pub http: SocketAddr,
    pub admin: SocketAddr,
    /// All its ports.
    pub listening: Listening,
    _kept: Kept,
}

impl Gateway {
    /// What it has written to standard error so far.
    pub fn log(&self) -> Vec<String> {
        self.process.log()
    }

    /// All it has written of its start: the line for a person to try comes last.
    pub async fn log_of_start(&self) -> Vec<String> {
        eventually("the line to try", async || {
            let log = self.log();
            log.iter().any(|line| line.contains("try: ")).then_some(log)
        })
        .await
    }

    pub async fn recommend(&self, body: &Value) -> Answer {
        client::post(self.http, RECOMMEND, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        client::get(self.http, path).await
    }

    /// A page of the admin port that must be there.
    pub async fn admin(&self, path: &str) -> Value {
        let answer = client::get(self.admin, path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    pub async fn metrics(&self) -> String {
        let answer = client::get(self.admin, "/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    /// Tells it to stop, as an orchestrator would.
    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it has ended by itself.
    pub fn end(self) -> Ended {
        self.process.end()
    }
}

/// One gateway for all tests of a file that run at the same time; gone with the last of them.
pub struct Shared {
    running: Mutex<Weak<Gateway>>,
    setup: fn() -> Setup,
}

impl Shared {
    pub const fn new(setup: fn() -> Setup) -> Self {
        Self {
            running: Mutex::new(Weak::new()),
            setup,
        }
    }

    pub fn get(&self) -> Arc<Gateway> {
        let mut running = self.running.lock().unwrap();
        running.upgrade().unwrap_or_else(|| {
            let started = Arc::new((self.setup)().start());
            *running = Arc::downgrade(&started);
            started
        })
    }
}
