//! `loadtest run`: what it sends, counts and answers for.

#[path = "support/support.rs"]
mod support;

use loadtest_stub::Behaviour;
use support::{folder, json, loadtest, run, run_seeded, status, stub};

#[test]
fn every_request_of_an_even_schedule_is_sent_and_answered() {
    let stub = stub(Behaviour::default());
    let args = [
        "--rate",
        "200",
        "--duration",
        "2s",
        "--arrivals",
        "constant",
    ];
    let (code, report) = run("even", &stub, &args);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["valid"], true);
    let counts = &report["counts"];
    for count in ["scheduled", "sent", "answered", "ok"] {
        assert_eq!(counts[count], 400, "{count}");
    }
    assert_eq!(report["status"]["200"], 400);
    for times in ["latency", "service", "send_lag"] {
        for field in ["p50_us", "p90_us", "p99_us", "p999_us", "max_us", "mean_us"] {
            assert!(report[times][field].as_f64().is_some(), "{times}.{field}");
        }
    }
    let timeline = report["timeline"].as_array().expect("timeline");
    let sent: u64 = timeline
        .iter()
        .map(|row| row["sent"].as_u64().expect("count"))
        .sum();
    assert_eq!(sent, 400);
    assert_eq!(report["seed"], 1);
    assert!(report["machine"]["cores"].as_u64() > Some(0));
}

/// How many requests were due in each second.
fn due_per_second(report: &serde_json::Value) -> Vec<u64> {
    let timeline = report["timeline"].as_array().expect("timeline");
    let due = timeline.iter().map(|row| row["scheduled"].as_u64());
    due.map(|count| count.expect("count")).collect()
}

#[test]
fn the_same_seed_sends_the_same_schedule_and_another_seed_another() {
    let stub = stub(Behaviour::default());
    for arrivals in ["poisson", "gamma", "mmpp"] {
        let args = ["--rate", "150", "--duration", "4s", "--arrivals", arrivals];
        let (_, first) = run("seed-a", &stub, &args);
        let (_, second) = run("seed-b", &stub, &args);
        let schedule = due_per_second(&first);
        assert_eq!(schedule, due_per_second(&second), "{arrivals}");
        assert!(
            schedule.iter().sum::<u64>() > 80,
            "{arrivals}: {schedule:?}"
        );
        let (_, other) = run_seeded("seed-c", "2", &stub, &args);
        assert_ne!(schedule, due_per_second(&other), "{arrivals}");
    }
}

#[test]
fn the_warm_up_is_sent_and_left_out() {
    let stub = stub(Behaviour::default());
    let args = [
        "--rate",
        "100",
        "--duration",
        "1s",
        "--warmup",
        "1s",
        "--arrivals",
        "constant",
    ];
    let (_, report) = run("warmup", &stub, &args);
    assert_eq!(report["counts"]["warmup"], 100);
    assert_eq!(report["counts"]["sent"], 100);
    assert_eq!(report["latency"]["count"], 100);
}

#[test]
fn http2_gives_the_same_counts() {
    let stub = stub(Behaviour::default());
    let args = [
        "--http2",
        "--rate",
        "200",
        "--duration",
        "1s",
        "--arrivals",
        "constant",
    ];
    let (code, report) = run("http2", &stub, &args);
    assert_eq!((code, &report["status"]["200"]), (0, &200.into()));
}

#[test]
fn a_closed_loop_has_as_many_answers_as_requests() {
    let stub = stub(Behaviour::default());
    let (code, report) = run(
        "closed",
        &stub,
        &["--closed", "--connections", "3", "--duration", "1s"],
    );
    assert_eq!(code, 0);
    let counts = &report["counts"];
    assert!(counts["sent"].as_u64() > Some(10));
    assert_eq!(counts["sent"], counts["answered"]);
    assert_eq!(counts["sent"], counts["scheduled"]);
}

#[test]
fn stages_and_traces_are_followed() {
    let stub = stub(Behaviour::default());
    let args = [
        "--stages",
        "hold:50:1s,step:100..200/2:2s",
        "--arrivals",
        "constant",
    ];
    let (_, report) = run("stages", &stub, &args);
    let sent: Vec<u64> = report["stages"]
        .as_array()
        .expect("stages")
        .iter()
        .map(|stage| stage["sent"].as_u64().expect("count"))
        .collect();
    assert_eq!(sent, [50, 100, 200]);

    let trace = folder("trace").join("due.txt");
    std::fs::write(&trace, "0\n0.1\n0.1\n0.35\n0.7\n").expect("trace");
    let trace = trace.display().to_string();
    let (code, report) = run("trace", &stub, &["--arrivals", "trace", "--trace", &trace]);
    assert_eq!((code, &report["counts"]["sent"]), (0, &5.into()));
}

#[test]
fn failures_are_counted_by_status_and_judged() {
    let stub = stub(Behaviour {
        fail_every: 10,
        ..Behaviour::default()
    });
    let args = [
        "--rate",
        "200",
        "--duration",
        "1s",
        "--arrivals",
        "constant",
    ];
    let (code, report) = run(
        "failures",
        &stub,
        &[&args[..], &["--fail-if", "error_rate>5%"]].concat(),
    );
    assert_eq!(code, 99);
    assert_eq!(report["status"]["503"], 20);
    assert_eq!(report["counts"]["failed"], 20);
    assert_eq!(report["latency"]["count"], 200);
    assert_eq!(report["latency_ok"]["count"], 180);
    let (code, _) = run(
        "failures",
        &stub,
        &[&args[..], &["--fail-if", "error_rate>10%"]].concat(),
    );
    assert_eq!(code, 0);
}

#[test]
fn thresholds_state_the_failure() {
    let stub = stub(Behaviour::default());
    let base = [
        "--rate",
        "100",
        "--duration",
        "1s",
        "--arrivals",
        "constant",
    ];
    let fails = [
        ("max<1h", 99),
        ("rate<50", 0),
        ("rate>50", 99),
        ("p999>=1h", 0),
    ];
    for (expression, wanted) in fails {
        let (url, mut args) = (stub.url(), vec!["run", "--quiet", "--fail-if", expression]);
        args.extend(["--url", &url]);
        args.extend(base);
        args.extend(support::PATIENT);
        assert_eq!(status(&loadtest(&args)), wanted, "{expression}");
    }
}

#[test]
fn a_schedule_that_was_not_sent_is_invalid_before_any_threshold() {
    let stub = stub(Behaviour {
        is_silent: true,
        ..Behaviour::default()
    });
    let args = [
        "--rate",
        "100",
        "--duration",
        "1s",
        "--arrivals",
        "constant",
        "--max-in-flight",
        "5",
        "--timeout",
        "300ms",
        "--fail-if",
        "error_rate>0%",
    ];
    let (code, report) = run("invalid", &stub, &args);
    assert_eq!(code, 75);
    assert_eq!(report["valid"], false);
    assert!(report["counts"]["dropped"].as_u64() > Some(50));
    assert_eq!(report["errors"]["timeout"], report["counts"]["sent"]);
}

#[test]
fn a_silent_server_costs_timeouts_not_silence() {
    let stub = stub(Behaviour {
        is_silent: true,
        ..Behaviour::default()
    });
    let args = [
        "--rate",
        "20",
        "--duration",
        "1s",
        "--arrivals",
        "constant",
        "--timeout",
        "200ms",
    ];
    let (code, report) = run("silent", &stub, &args);
    assert_eq!(code, 99, "every request failed");
    assert_eq!(report["errors"]["timeout"], 20);
    assert!(
        report["latency"]["p50_us"].as_f64() >= Some(200_000.0),
        "a timeout is a latency"
    );
}

#[test]
fn connections_that_the_server_closes_are_opened_again() {
    let stub = stub(Behaviour {
        closes: true,
        ..Behaviour::default()
    });
    let args = [
        "--rate",
        "100",
        "--duration",
        "1s",
        "--arrivals",
        "constant",
    ];
    let (code, report) = run("closes", &stub, &args);
    assert_eq!((code, &report["status"]["200"]), (0, &100.into()));
    assert!(report["counts"]["connections"].as_u64() >= Some(90));
}

#[test]
fn exit_statuses_tell_bad_usage_from_an_absent_server() {
    let usage: [&[&str]; 8] = [
        &["run", "--rat", "5"],
        &["run", "--url", "nonsense"],
        &["run", "--url", "https://127.0.0.1/"],
        &["run", "--fail-if", "p99=5"],
        &["run", "--stages", "dance:1:1s"],
        &["run", "--arrivals", "trace"],
        &["run", "--candidates", "2000"],
        &["frobnicate"],
    ];
    for args in usage {
        assert_eq!(status(&loadtest(args)), 64, "{args:?}");
    }
    assert_eq!(status(&loadtest(&["--help"])), 0);
    assert_eq!(status(&loadtest(&["run", "--help"])), 0);
    let gone = stub(Behaviour::default()).url();
    assert_eq!(
        status(&loadtest(&["run", "--url", &gone, "--duration", "1s"])),
        69
    );
}

#[test]
fn files_are_written_beside_each_other() {
    let stub = stub(Behaviour::default());
    let folder = folder("files");
    let path = |name: &str| folder.join(name).display().to_string();
    let (csv, html, page) = (path("run.csv"), path("run.html"), path("page.html"));
    let args = [
        "--rate",
        "50",
        "--duration",
        "2s",
        "--csv",
        &csv,
        "--html",
        &html,
    ];
    let (code, _) = run("files", &stub, &args);
    assert_eq!(code, 0);
    let csv = std::fs::read_to_string(csv).expect("csv");
    assert!(csv.starts_with("second,scheduled,sent,") && csv.lines().count() >= 3);
    let report = path("report.json");
    assert_eq!(status(&loadtest(&["report", &report, "--html", &page])), 0);
    for page in [html, page] {
        let page = std::fs::read_to_string(page).expect("html");
        assert!(page.starts_with("<!doctype html>") && page.matches("<svg").count() == 4);
        for outside in ["http-equiv", "<script", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "the page needs {outside}");
        }
    }
}

#[test]
fn the_report_is_read_back_as_it_was_written() {
    let stub = stub(Behaviour::default());
    run("roundtrip", &stub, &["--rate", "50", "--duration", "1s"]);
    let path = folder("roundtrip").join("report.json");
    let report: loadtest::Report =
        serde_json::from_value(json(&path)).expect("the report reads its own JSON");
    assert_eq!(report.histograms.latency.quantiles(), report.latency);
}
