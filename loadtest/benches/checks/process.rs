//! Stubs and load generators as processes of their own, as they would run in earnest.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use loadtest::Report;
use loadtest_stub::{Behaviour, Stub};

/// A stub in another process; ends when dropped.
pub(crate) struct StubProcess {
    process: Child,
    pub url: String,
}

impl StubProcess {
    /// Starts this program again, as a stub.
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let program = std::env::current_exe().expect("this program's path");
        let micros = |time: Duration| time.as_micros().to_string();
        let mut process = Command::new(program)
            .arg("--stub")
            .args([behaviour.service, behaviour.stall, behaviour.stall_every].map(micros))
            .stdout(Stdio::piped())
            .spawn()
            .expect("a stub");
        let mut url = String::new();
        let output = process.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut url).expect("its URL");
        Self {
            process,
            url: url.trim().to_owned(),
        }
    }
}

impl Drop for StubProcess {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The other side of [`StubProcess::start`]; does not return.
pub(crate) fn serve(times_us: &[String]) -> ! {
    let time = |index: usize| {
        let text = times_us.get(index).expect("three times");
        Duration::from_micros(text.parse().expect("microseconds"))
    };
    let behaviour = Behaviour {
        service: time(0),
        stall: time(1),
        stall_every: time(2),
        ..Behaviour::default()
    };
    let stub = Stub::start(behaviour, 0).expect("a free port");
    println!("{}", stub.url());
    stub.wait();
    std::process::exit(0);
}

/// Runs `loadtest` and returns what it printed.
pub(crate) fn loadtest(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(args)
        .output();
    let output = output.expect("the command runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs `loadtest run` and reads its report.
pub(crate) fn run(stub: &StubProcess, name: &str, args: &[&str]) -> Report {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    let file = path.display().to_string();
    let mut all = vec!["run", "--quiet", "--url", &stub.url, "--json", &file];
    all.extend(args);
    loadtest(&all);
    let text = std::fs::read(&path).expect("a report");
    serde_json::from_slice(&text).expect("its own JSON")
}
