//! Starting the binary, reading what it says, and stopping it.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, Weak,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread::JoinHandle,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{
    STEP_TIMEOUT,
    client::{self, Answer},
    eventually,
    repository::Repository,
};

/// A port that the system chooses.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";
/// Settings under which nothing is refused for taking long: for tests of answers, which run on
/// machines that are busy with other things.
pub(crate) const UNHURRIED: &str = r#"
[limits]
deadline = "20s"
[admission]
queue_delay = "60s"
codel_target = "60s"
codel_interval = "60s"
"#;
pub(crate) const RECOMMEND: &str = "/v2/recommend/item";

/// The workspace the binary was built in.
pub(crate) fn workspace() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap().to_owned()
}

/// A gateway that is about to be started.
pub(crate) struct Setup {
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
    pub(crate) fn new() -> Self {
        let ports = ["--http", ANY_PORT, "--grpc", ANY_PORT, "--admin", ANY_PORT];
        Self::bare().args(ports)
    }

    /// With nothing said on the command line, nor in the environment.
    pub(crate) fn bare() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
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

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Started from this folder.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// With a configuration file of this text.
    pub(crate) fn config(self, toml: &str) -> Self {
        let path = self.file("gateway.toml", toml.as_bytes());
        self.args([OsStr::new("--config"), path.as_os_str()])
    }

    /// Over the models of this repository.
    pub(crate) fn repository(mut self, repository: Repository) -> Self {
        self = self.args([
            OsStr::new("--model-repository"),
            repository.path().as_os_str(),
        ]);
        self.kept.repository = Some(repository);
        self
    }

    /// Puts a file beside the configuration, for as long as the gateway is used.
    pub(crate) fn file(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.kept.folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    }

    /// Starts it and waits for its `listening` line.
    pub(crate) fn start(self) -> Gateway {
        let mut running = Running::spawn(self);
        let line = match running.next_line() {
            Ok(line) => line,
            Err(_) => panic!("no gateway came up: {:?}", running.kill()),
        };
        let (http, admin) = addresses(&line);
        Gateway {
            running,
            http,
            admin,
        }
    }

    /// Starts it and waits for its end, as of one that cannot serve or only has to tell something.
    pub(crate) fn run(self) -> Ended {
        Running::spawn(self).end()
    }
}

/// `listening http=ADDR grpc=ADDR admin=ADDR`
fn addresses(line: &str) -> (SocketAddr, SocketAddr) {
    assert!(line.starts_with("listening "), "{line}");
    let of = |key: &str| {
        let mut words = line.split(' ');
        let address = words.find_map(|word| word.strip_prefix(key)).unwrap();
        address.parse::<SocketAddr>().unwrap()
    };
    assert!(line.contains(" grpc="), "{line}");
    (of("http="), of("admin="))
}

/// How a process ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit status; none if a signal ended it.
    pub status: Option<i32>,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

struct Running {
    child: Child,
    /// Locked only so that a gateway can be shared by threads.
    stdout: Mutex<Receiver<String>>,
    stderr: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
    _kept: Kept,
}

impl Running {
    fn spawn(mut setup: Setup) -> Self {
        let command = setup.command.stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, stdout) = sync_channel(64);
        let out = read_lines(child.stdout.take().unwrap(), move |line| {
            // Once nobody listens, the lines are still read, so that the process never blocks.
            let _ = said.try_send(line);
        });
        let stderr = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&stderr);
        let err = read_lines(child.stderr.take().unwrap(), move |line| {
            log.lock().unwrap().push(line);
        });
        Self {
            child,
            stdout: Mutex::new(stdout),
            stderr,
            readers: vec![out, err],
            _kept: setup.kept,
        }
    }

    fn next_line(&mut self) -> Result<String, RecvTimeoutError> {
        self.stdout.get_mut().unwrap().recv_timeout(STEP_TIMEOUT)
    }

    /// Waits for the end; a process that does not end is killed, and the test fails.
    fn end(mut self) -> Ended {
        let mut stdout = Vec::new();
        loop {
            match self.next_line() {
                Ok(line) => stdout.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it did not end: {:?}", self.kill()),
            }
        }
        let status = self.child.wait().unwrap();
        self.ended(status, stdout)
    }

    fn kill(&mut self) -> Ended {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let status = self.child.wait().unwrap();
        self.ended(status, Vec::new())
    }

    fn ended(&mut self, status: ExitStatus, stdout: Vec<String>) -> Ended {
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        Ended {
            status: status.code(),
            stdout,
            stderr: self.stderr.lock().unwrap().clone(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(
    pipe: impl Read + Send + 'static,
    mut take: impl FnMut(String) + Send + 'static,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let lines = BufReader::new(pipe).split(b'\n').map_while(Result::ok);
        lines.for_each(|line| take(String::from_utf8_lossy(&line).into_owned()));
    })
}

/// A gateway that serves. Dropping it kills it.
pub(crate) struct Gateway {
    running: Running,
    pub http: SocketAddr,
    pub admin: SocketAddr,
}

impl Gateway {
    /// What it has written to standard error so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.running.stderr.lock().unwrap().clone()
    }

    /// All it has written of its start: the line for a person to try comes last.
    pub(crate) async fn log_of_start(&self) -> Vec<String> {
        eventually("the line to try", async || {
            let log = self.log();
            log.iter().any(|line| line.contains("try: ")).then_some(log)
        })
        .await
    }

    pub(crate) async fn recommend(&self, body: &Value) -> Answer {
        client::post(self.http, RECOMMEND, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        client::get(self.http, path).await
    }

    /// A page of the admin port that must be there.
    pub(crate) async fn admin(&self, path: &str) -> Value {
        let answer = client::get(self.admin, path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    pub(crate) async fn metrics(&self) -> String {
        let answer = client::get(self.admin, "/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    /// Tells it to stop, as an orchestrator would.
    pub(crate) fn terminate(&self) {
        let id = i32::try_from(self.running.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn end(self) -> Ended {
        self.running.end()
    }
}

/// One gateway for all tests of a file that run at the same time; gone with the last of them.
pub(crate) struct Shared {
    running: Mutex<Weak<Gateway>>,
    setup: fn() -> Setup,
}

impl Shared {
    pub(crate) const fn new(setup: fn() -> Setup) -> Self {
        Self {
            running: Mutex::new(Weak::new()),
            setup,
        }
    }

    pub(crate) fn get(&self) -> Arc<Gateway> {
        let mut running = self.running.lock().unwrap();
        running.upgrade().unwrap_or_else(|| {
            let started = Arc::new((self.setup)().start());
            *running = Arc::downgrade(&started);
            started
        })
    }
}
