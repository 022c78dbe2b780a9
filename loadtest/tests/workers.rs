//! Scale-out: one schedule over several workers, and what is said when one is lost.

#[path = "support/support.rs"]
mod support;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use loadtest_stub::Behaviour;
use support::{loadtest, run, status, stub};

struct Worker {
    process: Child,
    address: String,
}

impl Worker {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_loadtest"))
            .args(["worker", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a worker");
        let mut line = String::new();
        let output = process.stdout.take().expect("its output");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("its address");
        let address = line.trim().trim_start_matches("listening ").to_owned();
        Self { process, address }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn workers_together_send_exactly_the_schedule() {
    let stub = stub(Behaviour::default());
    let workers = [Worker::start(), Worker::start(), Worker::start()];
    let addresses = workers
        .each_ref()
        .map(|worker| worker.address.as_str())
        .join(",");
    let base = ["--rate", "200", "--duration", "1s"];
    let (_, alone) = run("alone", &stub, &base);
    let args = [&base[..], &["--workers", &addresses]].concat();
    let (code, together) = run("together", &stub, &args);
    assert_eq!(code, 0, "{together}");
    assert_eq!(together["partial"], false);
    for count in ["scheduled", "sent", "answered"] {
        assert_eq!(together["counts"][count], alone["counts"][count], "{count}");
    }
    assert_eq!(together["latency"]["count"], together["counts"]["sent"]);
}

#[test]
fn a_lost_worker_makes_the_result_partial_and_invalid() {
    let stub = stub(Behaviour::default());
    let kept = Worker::start();
    // Takes the order, says that it is ready, and is gone: a worker lost in the middle.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let doomed = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the coordinator");
        let mut reader = BufReader::new(stream.try_clone().expect("the stream"));
        let mut order = String::new();
        reader.read_line(&mut order).expect("an order");
        std::io::Write::write_all(&mut stream, b"\"ready\"\n").expect("an answer");
        reader.read_line(&mut order).expect("the start");
    });
    let workers = format!("{},{address}", kept.address);
    let args = [
        "--rate",
        "100",
        "--duration",
        "1s",
        "--arrivals",
        "constant",
        "--workers",
        &workers,
    ];
    let (code, report) = run("lost", &stub, &args);
    doomed.join().expect("the lost worker's end");
    assert_eq!(code, 75);
    assert_eq!(report["partial"], true);
    assert_eq!(
        (&report["counts"]["scheduled"], &report["counts"]["sent"]),
        (&100.into(), &50.into())
    );
}

#[test]
fn a_worker_that_is_not_there_is_named() {
    let stub = stub(Behaviour::default());
    let gone = stub.address().to_string();
    let url = stub.url();
    drop(stub);
    let output = loadtest(&["run", "--url", &url, "--workers", &gone]);
    assert_eq!(status(&output), 69);
    assert!(String::from_utf8_lossy(&output.stderr).contains(&gone));
}
