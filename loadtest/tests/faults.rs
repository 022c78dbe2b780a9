//! Faults of the run itself: this machine's limits, interruptions, files that cannot be written,
//! targets that only fail.

#[path = "support/support.rs"]
mod support;

use std::{
    io::Read,
    process::{Command, Stdio},
};

use loadtest_stub::{Behaviour, Stub};
use support::{PATIENT, folder, json, loadtest, run, status, stub};

const SHORT: [&str; 6] = [
    "--rate",
    "100",
    "--duration",
    "1s",
    "--arrivals",
    "constant",
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run_args(stub: &Stub) -> Vec<String> {
    let url = stub.url();
    let args = ["run", "--url", &url]
        .into_iter()
        .chain(SHORT)
        .chain(PATIENT);
    args.map(str::to_owned).collect()
}

#[test]
fn a_run_that_lacks_open_files_is_invalid_and_says_so() {
    let stub = stub(Behaviour {
        is_silent: true,
        ..Behaviour::default()
    });
    let script = format!(
        "ulimit -n 40; exec {} {} --timeout 2s --connections 2",
        env!("CARGO_BIN_EXE_loadtest"),
        run_args(&stub).join(" ").replace("p99>1h", "'p99>1h'"),
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .output()
        .expect("sh");
    let said = text(&output.stdout);
    assert_eq!(status(&output), 75, "{said}");
    assert!(said.contains("error open_files:"), "{said}");
    assert!(
        said.contains("INVALID: ") && said.contains("open files"),
        "{said}"
    );
}

#[test]
fn a_run_in_which_everything_failed_is_a_failed_run() {
    let stub = stub(Behaviour {
        fail_every: 1,
        ..Behaviour::default()
    });
    let (code, report) = run("all-failed", &stub, &SHORT);
    assert_eq!((code, &report["counts"]["ok"]), (99, &0.into()));
    assert_eq!(report["samples"]["503"], "xx");
    let mut args = run_args(&stub);
    args.extend(["--seed".to_owned(), "1".to_owned()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let said = text(&loadtest(&args).stdout);
    assert!(said.contains("such as: xx"), "{said}");
    assert!(said.contains("FAILED: no request was answered"), "{said}");
}

#[test]
fn latency_is_told_by_status() {
    let stub = stub(Behaviour {
        fail_every: 4,
        ..Behaviour::default()
    });
    let (_, report) = run("by-status", &stub, &SHORT);
    assert_eq!(report["latency_by_status"]["200"]["count"], 75);
    assert_eq!(report["latency_by_status"]["503"]["count"], 25);
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_the_run() {
    let stub = stub(Behaviour::default());
    for option in ["--json", "--csv", "--html", "--hgrm", "--prometheus"] {
        let mut args = run_args(&stub);
        args.extend([option.to_owned(), "/nowhere/at/all".to_owned()]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = loadtest(&args);
        assert_eq!(status(&output), 64, "{option}");
        let said = text(&output.stderr);
        assert!(said.contains("cannot write /nowhere/at/all"), "{said}");
        assert!(output.stdout.is_empty(), "nothing was run");
    }
}

#[test]
fn other_tools_forms_of_the_figures_are_written() {
    let stub = stub(Behaviour::default());
    let path = |name: &str| folder("forms").join(name).display().to_string();
    let (hgrm, prometheus) = (path("run.hgrm"), path("run.prom"));
    let args = [
        "--hgrm",
        &hgrm,
        "--prometheus",
        &prometheus,
        "--label",
        "a \"b\"",
    ];
    let (code, _) = run("forms", &stub, &[&SHORT[..], &args].concat());
    assert_eq!(code, 0);
    let hgrm = std::fs::read_to_string(hgrm).expect("hgrm");
    assert!(hgrm.contains("1/(1-Percentile)") && hgrm.contains("1.000000000000        100"));
    assert!(hgrm.contains("Total count    =          100]"), "{hgrm}");
    let prometheus = std::fs::read_to_string(prometheus).expect("prometheus");
    assert!(
        prometheus.contains("loadtest_sent_requests{"),
        "{prometheus}"
    );
    assert!(
        prometheus.contains("label=\"a \\\"b\\\"\"} 100\n"),
        "{prometheus}"
    );
    assert!(prometheus.contains("quantile=\"0.99\"}"), "{prometheus}");
}

#[test]
fn quiet_still_says_why_a_run_is_invalid() {
    let stub = stub(Behaviour {
        is_silent: true,
        ..Behaviour::default()
    });
    let mut args = run_args(&stub);
    args.extend(["-q", "--max-in-flight", "2", "--timeout", "200ms"].map(str::to_owned));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = loadtest(&args);
    assert_eq!(status(&output), 75);
    assert!(output.stdout.is_empty());
    let said = text(&output.stderr);
    assert!(said.contains("INVALID: only"), "{said}");
}

/// Starts the command, waits for its target to be asked, sends the signal, and returns its status
/// and standard output.
fn interrupted(args: &[&str], signal: &str) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    // The live view's or the search's first words come when the run is under way.
    let mut first = [0; 1];
    let mut stderr = child.stderr.take().expect("standard error");
    stderr.read_exact(&mut first).expect("a first word");
    let id = child.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status();
    assert!(sent.expect("kill").success());
    let drain = std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    let output = child.wait_with_output().expect("it ends");
    drain.join().expect("drained").expect("read");
    (status(&output), text(&output.stdout))
}

#[test]
fn an_interrupted_search_does_not_blame_the_server() {
    let stub = stub(Behaviour::default());
    let url = stub.url();
    let args = [
        "search",
        "--slo",
        "p99=1h",
        "--url",
        &url,
        "--start-rate",
        "50",
        "--step",
        "2s",
        "--least-step",
        "1s",
        "--warmup",
        "0s",
        "--max-rate",
        "20000",
    ];
    let (code, said) = interrupted(&args, "-TERM");
    assert_eq!(code, 75, "{said}");
    assert!(said.contains("INTERRUPTED after"), "{said}");
    assert!(!said.contains("nearly idle"), "{said}");
}

#[test]
fn credentials_of_the_url_are_sent_as_a_header_and_kept_out_of_the_report() {
    let stub = stub(Behaviour::default());
    let url = stub.url().replace("http://", "http://ann:secret@");
    let path = folder("credentials").join("report.json");
    let file = path.display().to_string();
    let mut args = vec!["run", "-q", "--url", &url, "--json", &file];
    args.extend(SHORT);
    args.extend(PATIENT);
    assert_eq!(status(&loadtest(&args)), 0);
    let report = json(&path);
    assert_eq!(
        report["plan"]["target"]["headers"][0],
        "Authorization: (hidden)"
    );
    assert!(
        !std::fs::read_to_string(&path)
            .expect("report")
            .contains("secret")
    );
}

#[test]
fn invalid_runs_are_not_compared() {
    let silent = stub(Behaviour {
        is_silent: true,
        ..Behaviour::default()
    });
    let limits = ["--max-in-flight", "2", "--timeout", "200ms"];
    let (code, _) = run("invalid-pair", &silent, &[&SHORT[..], &limits].concat());
    assert_eq!(code, 75);
    let path = folder("invalid-pair")
        .join("report.json")
        .display()
        .to_string();
    let output = loadtest(&["compare", &path, &path]);
    assert_eq!(status(&output), 75);
    let said = text(&output.stdout);
    assert!(
        said.starts_with("not comparable: a run is INVALID"),
        "{said}"
    );
}
