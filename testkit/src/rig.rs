//! A gateway of drill models in a folder of its own, and a plain blocking client that tells apart
//! whom the gateway let down: a caller that was never connected, from one that was and got no answer.

pub mod call;

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, ExitStatus},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    gateway::ANY_PORT,
    gateway_binary,
    process::{Ended, Process},
    workspace,
};
use call::Caller;

pub use crate::eventually_blocking as eventually;

/// Settings that keep the breaker and the queue's limits out of what is not about them.
pub const CALM: &str = "[admission]\ncodel_target = \"10s\"\ncodel_interval = \"20s\"\nqueue_delay = \"10s\"\n\
    [breaker.evidence]\nconsecutive_failures = 1000000\nfailure_min = 1000000\nslow_calls = 32\nslow_calls_of = 32\ndeadline_miss_min = 1000000\n";

/// A running gateway.
pub struct Rig {
    pub http: SocketAddr,
    pub admin: SocketAddr,
    process: Process,
    _folder: TempDir,
}

/// The manifest of a drill model of one input `x` by candidates and one output `score`.
pub fn drill(top: &str, behaviour: &str) -> String {
    format!(
        "engine = \"drill\"\n{top}\n[batching]\nrow_budget = 100\n\
         [inputs.x]\nrole = \"candidate\"\nfeatures = [\"item.id\"]\ndtype = \"INT32\"\nshape = [-1]\n\
         [outputs.score]\nrole = \"score\"\n[drill]\n{behaviour}\n"
    )
}

impl Rig {
    /// Starts a gateway with these models, each the model of a scene of its own name.
    pub fn start(models: &[(&str, String)], config: &str) -> Self {
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
    pub fn start_with_shipped(models: &[(&str, String)], config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("models");
        let shipped = workspace().join("models/ml100k_din");
        fs::create_dir_all(&repository).unwrap();
        std::os::unix::fs::symlink(shipped, repository.join("ml100k_din")).unwrap();
        let scenes = "[scenes.home_feed]\n[scenes.catalogue]\n[scenes.genre_comedy]\n";
        let settings = Self::lay_out(&repository, models, config) + scenes;
        Self::run(folder, &repository, &settings)
    }

    fn run(folder: TempDir, repository: &Path, settings: &str) -> Self {
        let config = folder.path().join("config.toml");
        fs::write(&config, settings).unwrap();
        let mut command = Command::new(gateway_binary());
        command
            .arg("--config")
            .arg(&config)
            .arg("--model-repository")
            .arg(repository)
            .args(["--http", ANY_PORT, "--grpc", ANY_PORT, "--admin", ANY_PORT]);
        let started = Process::start(&mut command);
        let (process, listening) = started.unwrap_or_else(|e| panic!("{e}"));
        Self {
            http: listening.http,
            admin: listening.admin,
            process,
            _folder: folder,
        }
    }

    /// A recommend request of the scene, and its status.
    pub fn recommend(&self, scene: &str, timeout_ms: u64) -> u16 {
        Caller::new(self.http)
            .recommend(scene, timeout_ms)
            .unwrap()
            .status
    }

    /// JSON of the admin port.
    pub fn look(&self, path: &str) -> Value {
        let answer = Caller::new(self.admin).send("GET", path, "").unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// A change by the admin port: its status and body.
    pub fn change(&self, path: &str) -> (u16, String) {
        let answer = Caller::new(self.admin).send("POST", path, "").unwrap();
        (answer.status, answer.body)
    }

    /// The text of `/metrics`.
    pub fn metrics(&self) -> String {
        let answer = Caller::new(self.admin).send("GET", "/metrics", "").unwrap();
        assert_eq!(answer.status, 200);
        answer.body
    }

    /// The process's folder in `/proc`.
    pub fn proc(&self) -> std::path::PathBuf {
        Path::new("/proc").join(self.process.id().to_string())
    }

    /// The ids of a model's inference actors.
    pub fn actors_of(&self, model: &str) -> Vec<String> {
        let actors = self.look("/admin/actors");
        let all = actors["inference"].as_array().unwrap().iter();
        let of_model = all.filter(|actor| actor["model"] == model);
        of_model
            .map(|actor| actor["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until an actor is in a state.
    pub fn until(&self, id: &str, state: &str) {
        let path = format!("/admin/actors/{id}");
        eventually(&format!("{id} {state}"), || {
            (self.look(&path)["state"] == state).then_some(())
        });
    }

    pub fn ready(&self) -> u16 {
        let answer = Caller::new(self.http).send("GET", "/v2/health/ready", "");
        answer.map_or(0, |answer| answer.status)
    }

    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// Waits for the end; its exit status and its log.
    pub fn ended(self) -> (ExitStatus, String) {
        let Ended { exit, stderr, .. } = self.process.end();
        (exit, stderr.join("\n"))
    }
}
