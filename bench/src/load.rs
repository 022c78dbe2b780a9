//! The load generator in its own process, and its report.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use loadtest::Report;

use crate::process::{Server, beside};

/// What to send.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path on the data port.
    pub path: String,
    /// The generator's options that make its bodies.
    pub body: Vec<String>,
}

impl Request {
    /// Recommend requests that name so many candidates, for users drawn anew.
    pub fn recommend(candidates: usize) -> Self {
        Self {
            path: "/v2/recommend/item".to_owned(),
            body: vec!["--candidates".to_owned(), candidates.to_string()],
        }
    }

    /// An inference request, always the same. `json_bytes` where tensors follow the JSON.
    pub fn infer(model: &str, body: &Path, json_bytes: Option<u64>) -> Self {
        let mut options = vec!["--body".to_owned(), body.display().to_string()];
        if let Some(length) = json_bytes {
            let header = format!("Inference-Header-Content-Length: {length}");
            options.extend(["--header".to_owned(), header]);
        }
        Self {
            path: format!("/v2/models/{model}/infer"),
            body: options,
        }
    }
}

/// A load that runs; ended when dropped.
pub(crate) struct Load {
    child: Child,
    report: std::path::PathBuf,
}

impl Load {
    /// Starts one; `arguments` say how fast and how long.
    pub(crate) fn start(
        server: &Server,
        name: &str,
        request: &Request,
        arguments: &[&str],
    ) -> Result<Self> {
        let report = server.folder.path().join(format!("{name}.json"));
        let errors = std::fs::File::create(report.with_extension("errors"))?;
        let child = Command::new(beside("loadtest")?)
            .args(["run", "--quiet", "--seed", "20260101", "--url"])
            .arg(format!("http://{}{}", server.http, request.path))
            .arg("--json")
            .arg(&report)
            .args(&request.body)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()?;
        Ok(Self { child, report })
    }

    /// Its report, once it has ended. A request that failed makes it worthless.
    pub(crate) fn finish(mut self) -> Result<Report> {
        self.child.wait()?;
        let Ok(text) = std::fs::read(&self.report) else {
            let errors = std::fs::read_to_string(self.report.with_extension("errors"));
            bail!(
                "the generator left no report: {}",
                errors.unwrap_or_default()
            );
        };
        let report: Report = serde_json::from_slice(&text).context("the generator's report")?;
        ensure!(
            report.counts.failed == 0 && report.counts.ok > 0,
            "requests failed ({}): {:?} {:?}",
            self.report.display(),
            report.status,
            report.errors
        );
        Ok(report)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Already gone is the rule.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A closed loop: so many callers, each of whom waits for the answer.
pub(crate) fn closed(
    server: &Server,
    name: &str,
    request: &Request,
    connections: usize,
    time: Duration,
) -> Result<Report> {
    let (connections, time) = (connections.to_string(), format!("{}ms", time.as_millis()));
    let metrics = server.metrics_url();
    let arguments = [
        "--closed",
        "--connections",
        &connections,
        "--duration",
        &time,
        "--metrics-url",
        &metrics,
    ];
    Load::start(server, name, request, &arguments)?.finish()
}
