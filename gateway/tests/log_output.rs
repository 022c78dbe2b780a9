//! Standard error and standard output that cannot be written: nothing else may suffer from it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code; clippy only knows the functions marked so"
)]

use std::{
    fs::File,
    io::{BufRead, BufReader, PipeReader, Read, Write, pipe},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    process::{Pid, Signal, kill_process},
};

/// Turns a hang into a failure; nothing measures how fast a step was.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

struct Gateway {
    child: Child,
    http: SocketAddr,
    admin: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &tempfile::TempDir, log: &str) -> Command {
    let config = folder.path().join("gateway.toml");
    std::fs::write(&config, format!("[log]\n{log}\n[drain]\ndelay = \"0s\"\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.arg("--config").arg(config);
    for port in ["--http", "--grpc", "--admin"] {
        command.args([port, "127.0.0.1:0"]);
    }
    command.stdin(Stdio::null());
    command
}

/// Starts a gateway with this standard error and waits for its `listening` line.
fn start(log: &str, stderr: impl Into<Stdio>) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&folder, log);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let (http, admin) = addresses(&line);
    Gateway {
        child,
        http,
        admin,
        _folder: folder,
    }
}

fn addresses(line: &str) -> (SocketAddr, SocketAddr) {
    let of = |key: &str| {
        let text = line.split_whitespace().find_map(|w| w.strip_prefix(key));
        text.unwrap_or_else(|| panic!("no {key} in {line:?}"))
            .parse()
            .unwrap()
    };
    (of("http="), of("admin="))
}

fn ask(at: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(STEP_TIMEOUT)).unwrap();
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

impl Gateway {
    fn recommend(&self, user: &str) -> String {
        let body = serde_json::json!({"user_id": user, "timeout_ms": 30_000}).to_string();
        ask(self.http, "POST /v2/recommend/item", &body)
    }

    /// Serves, refuses, and ends with status 0 when it is told to stop.
    fn serves_and_drains(mut self) {
        for number in 1..20 {
            let answer = self.recommend(&number.to_string());
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            // Refusals are logged, at the level these tests set.
            let answer = self.recommend("");
            assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        }
        assert_eq!(self.stop().code(), Some(0));
    }

    fn stop(&mut self) -> ExitStatus {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }
}

const DEBUG: &str = "level = \"debug\"";

/// A pipe that takes nothing more, and its reader.
fn full_pipe(non_blocking: bool) -> (PipeReader, std::io::PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'x'; 512]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    if !non_blocking {
        fcntl_setfl(&writer, flags).unwrap();
    }
    (reader, writer)
}

#[test]
fn a_log_whose_reader_is_gone_ends_nothing() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    start(DEBUG, writer).serves_and_drains();
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_request_and_no_stop() {
    let (_reader, writer) = full_pipe(false);
    start(DEBUG, writer).serves_and_drains();
}

#[test]
fn a_full_pipe_that_does_not_block_ends_nothing() {
    let (_reader, writer) = full_pipe(true);
    start(DEBUG, writer).serves_and_drains();
}

#[test]
fn lines_that_a_full_disk_did_not_take_are_counted() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let gateway = start(DEBUG, full);
    gateway.recommend("");
    let metrics = ask(gateway.admin, "GET /metrics", "");
    let dropped = metrics
        .lines()
        .find_map(|line| line.strip_prefix("fusebox_log_lines_dropped_total "));
    let dropped: f64 = dropped.unwrap().trim().parse().unwrap();
    assert!(dropped > 0.0, "{metrics}");
    gateway.serves_and_drains();
}

#[test]
fn a_standard_output_that_is_closed_or_full_does_not_keep_the_gateway_from_serving() {
    let (reader, closed) = pipe().unwrap();
    drop(reader);
    let full = File::options().write(true).open("/dev/full").unwrap();
    for stdout in [Stdio::from(closed), Stdio::from(full)] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command(&folder, "level = \"info\"");
        let mut child = command
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        // The log says what the line would have said.
        let line = log
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains("standard output could not be written"));
        let line = line.expect("the log tells of the line that was lost");
        let (http, admin) = addresses(&line);
        let reading = std::thread::spawn(move || log.map_while(Result::ok).count());
        let gateway = Gateway {
            child,
            http,
            admin,
            _folder: folder,
        };
        gateway.serves_and_drains();
        reading.join().unwrap();
    }
}

#[test]
fn every_line_of_a_json_log_is_json_however_the_process_ends() {
    let (mut reader, writer) = pipe().unwrap();
    let mut gateway = start("level = \"debug\"\nformat = \"json\"", writer);
    let forged = "a\n{\"level\":\"ERROR\"}\u{1b}[2J";
    let body = serde_json::json!({"user_id": "1", "scene": forged}).to_string();
    ask(gateway.http, "POST /v2/recommend/item", &body);
    assert_eq!(gateway.stop().code(), Some(0));
    let mut log = String::new();
    reader.read_to_string(&mut log).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let message = |text: &str| {
        lines.iter().any(|line| {
            let message = line["fields"]["message"].as_str();
            message.is_some_and(|message| message.contains(text))
        })
    };
    assert!(message("try: curl"), "{log}");

    // A start that fails says so in the same format.
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&folder, "format = \"json\"");
    let ended = command
        .args(["--model-repository", "/no/such/folder"])
        .output()
        .unwrap();
    let log = String::from_utf8(ended.stderr).unwrap();
    let last = log.lines().last().unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(ended.status.code(), Some(66), "{log}");
    assert_eq!(last["level"], "ERROR");
}

#[test]
fn a_name_from_outside_cannot_begin_a_line_of_the_text_log() {
    let (mut reader, writer) = pipe().unwrap();
    let mut gateway = start(DEBUG, writer);
    let body = serde_json::json!({"user_id": "1", "scene": "x\nFORGED\u{1b}[2J\u{9b}"});
    ask(gateway.http, "POST /v2/recommend/item", &body.to_string());
    let body = serde_json::json!({"inputs": [{"name": "x\nFORGED", "shape": [1], "datatype": "INT64", "data": [1]}]});
    ask(
        gateway.http,
        "POST /v2/models/ml100k_din/infer",
        &body.to_string(),
    );
    assert_eq!(gateway.stop().code(), Some(0));
    let mut log = String::new();
    reader.read_to_string(&mut log).unwrap();
    assert!(!log.lines().any(|line| line.starts_with("FORGED")), "{log}");
    assert!(!log.contains(['\u{1b}', '\u{9b}']), "{log}");
}
