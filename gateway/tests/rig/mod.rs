//! A gateway of drill models in a folder of its own, and a plain blocking client that tells apart
//! whom the gateway let down: a caller that was never connected, from one that was and got no answer.

#![allow(
    dead_code,
    reason = "each file of tests uses a part of the rig and compiles all of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "test code; clippy only knows the functions marked so"
)]

pub(crate) mod call;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use call::Caller;

/// Nothing measures how fast a step is; this only turns a hang into a failure.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// Settings that keep the breaker and the queue's limits out of what is not about them.
pub(crate) const CALM: &str = "[admission]\ncodel_target = \"10s\"\ncodel_interval = \"20s\"\nqueue_delay = \"10s\"\n\
    [breaker.evidence]\nconsecutive_failures = 1000000\nfailure_min = 1000000\nslow_calls = 32\nslow_calls_of = 32\ndeadline_miss_min = 1000000\n";

/// A running gateway.
pub(crate) struct Rig {
    pub http: SocketAddr,
    pub admin: SocketAddr,
    process: Child,
    _stderr: Option<std::thread::JoinHandle<String>>,
    _folder: TempDir,
}

/// The manifest of a drill model of one input `x` by candidates and one output `score`.
pub(crate) fn drill(top: &str, behaviour: &str) -> String {
    format!(
        "engine = \"drill\"\n{top}\n[batching]\nrow_budget = 100\n\
         [inputs.x]\nrole = \"candidate\"\nfeatures = [\"item.id\"]\ndtype = \"INT32\"\nshape = [-1]\n\
         [outputs.score]\nrole = \"score\"\n[drill]\n{behaviour}\n"
    )
}

impl Rig {
    /// Starts a gateway with these models, each the model of a scene of its own name.
    pub(crate) fn start(models: &[(&str, String)], config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("models");
        fs::create_dir_all(&repository).unwrap();
        let settings = Self::lay_out(&repository, models, config);
        Self::run(folder, &repository, &settings)
    }

    fn lay_out(repository: &Path, models: &[(&str, String)], config: &str) -> String {
        let mut settings = format!("{config}\n");
        for (name, manifest) in models {
            let model = repository.join(name);
            fs::create_dir_all(model.join("1")).unwrap();
            fs::write(model.join("model.toml"), manifest).unwrap();
            settings += &format!(
                "[scenes.{name}]\nmodel = \"{name}\"\ncandidates = \"popular\"\npool = 10\n"
            );
        }
        settings
    }

    /// The same beside the model and the scenes that ship with the workspace.
    pub(crate) fn start_with_shipped(models: &[(&str, String)], config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("models");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/ml100k_din");
        fs::create_dir_all(&repository).unwrap();
        std::os::unix::fs::symlink(shipped, repository.join("ml100k_din")).unwrap();
        let settings = Self::lay_out(&repository, models, config);
        Self::run(folder, &repository, &settings)
    }

    fn run(folder: TempDir, repository: &Path, settings: &str) -> Self {
        let config = folder.path().join("config.toml");
        fs::write(&config, settings).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .arg("--config")
            .arg(&config)
            .arg("--model-repository")
            .arg(repository)
            .args(["--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = gather(process.stderr.take().unwrap());
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = |key: &str| {
            let value = line.split_whitespace().find_map(|w| w.strip_prefix(key));
            value.and_then(|text| text.parse().ok())
        };
        let (Some(http), Some(admin)) = (address("http="), address("admin=")) else {
            let _ = process.kill();
            panic!("did not start: {line}{}", stderr.join().unwrap());
        };
        Self {
            http,
            admin,
            process,
            _stderr: Some(stderr),
            _folder: folder,
        }
    }

    /// A recommend request of the scene, and its status.
    pub(crate) fn recommend(&self, scene: &str, timeout_ms: u64) -> u16 {
        Caller::new(self.http)
            .recommend(scene, timeout_ms)
            .unwrap()
            .status
    }

    /// JSON of the admin port.
    pub(crate) fn look(&self, path: &str) -> Value {
        let answer = Caller::new(self.admin).send("GET", path, "").unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// A change by the admin port: its status and body.
    pub(crate) fn change(&self, path: &str) -> (u16, String) {
        let answer = Caller::new(self.admin).send("POST", path, "").unwrap();
        (answer.status, answer.body)
    }

    /// The ids of a model's inference actors.
    pub(crate) fn actors_of(&self, model: &str) -> Vec<String> {
        let actors = self.look("/admin/actors");
        let all = actors["inference"].as_array().unwrap().iter();
        let of_model = all.filter(|actor| actor["model"] == model);
        of_model
            .map(|actor| actor["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until an actor is in a state.
    pub(crate) fn until(&self, id: &str, state: &str) {
        let path = format!("/admin/actors/{id}");
        eventually(&format!("{id} {state}"), || {
            (self.look(&path)["state"] == state).then_some(())
        });
    }

    pub(crate) fn ready(&self) -> u16 {
        let answer = Caller::new(self.http).send("GET", "/v2/health/ready", "");
        answer.map_or(0, |answer| answer.status)
    }

    pub(crate) fn terminate(&self) {
        let pid = i32::try_from(self.process.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for the end; its status and what it wrote to standard error.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = eventually("the end of the process", || {
            self.process.try_wait().unwrap()
        });
        (status, self._stderr.take().unwrap().join().unwrap())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn gather(mut from: ChildStderr) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = from.read_to_string(&mut text);
        text
    })
}

/// Asks again and again until there is something.
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + STEP_TIMEOUT;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
