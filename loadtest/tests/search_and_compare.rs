//! `search` and `compare` end to end; the decisions behind them are tested beside them.

#[path = "support/support.rs"]
mod support;

use loadtest_stub::Behaviour;
use support::{folder, json, loadtest, run, status, stub};

#[test]
fn a_search_stops_early_at_the_highest_rate_allowed() {
    let stub = stub(Behaviour::default());
    let path = folder("search").join("found.json").display().to_string();
    let url = stub.url();
    let output = loadtest(&[
        "search",
        "--quiet",
        "--slo",
        "p99=1h",
        "--url",
        &url,
        "--start-rate",
        "500",
        "--max-rate",
        "1000",
        "--step",
        "2s",
        "--least-step",
        "1s",
        "--warmup",
        "0s",
        "--confirm",
        "1",
        "--seed",
        "3",
        "--json",
        &path,
        "--timeout",
        "20s",
    ]);
    assert_eq!(status(&output), 0, "{output:?}");
    let found = json(std::path::Path::new(&path));
    assert_eq!(found["rate"], 1000.0);
    assert_eq!(found["missed_at"], serde_json::Value::Null);
    assert_eq!(found["confirmations_held"], 1);
    assert_eq!(found["steps"].as_array().map(Vec::len), Some(3));
}

#[test]
fn an_objective_that_no_rate_meets_is_said_so() {
    let stub = stub(Behaviour {
        fail_every: 2,
        ..Behaviour::default()
    });
    let url = stub.url();
    let output = loadtest(&[
        "search",
        "--quiet",
        "--slo",
        "p99=1h",
        "--url",
        &url,
        "--start-rate",
        "800",
        "--step",
        "1s",
        "--least-step",
        "500ms",
        "--warmup",
        "0s",
    ]);
    assert_eq!(status(&output), 99, "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("held at no rate"));
}

#[test]
fn a_run_compared_with_itself_shows_no_difference_and_writes_both_curves() {
    let stub = stub(Behaviour::default());
    run("self", &stub, &["--rate", "100", "--duration", "6s"]);
    let path = folder("self").join("report.json").display().to_string();
    let page = folder("self").join("compare.html").display().to_string();
    let output = loadtest(&["compare", &path, &path, "--html", &page]);
    assert_eq!(status(&output), 0);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("no difference shown"));
    let page = std::fs::read_to_string(page).expect("page");
    assert_eq!(page.matches("<path class=\"line").count(), 2);
}

#[test]
fn what_is_no_pair_of_reports_is_bad_usage() {
    let odd = folder("odd").join("odd.json");
    std::fs::write(&odd, "{\"format\": 1}").expect("file");
    let odd = odd.display().to_string();
    assert_eq!(status(&loadtest(&["compare", &odd, &odd])), 64);
    assert_eq!(status(&loadtest(&["compare", &odd, &odd, &odd])), 64);
    assert_eq!(status(&loadtest(&["compare", &odd])), 64);
    assert_eq!(status(&loadtest(&["report", "/nowhere.json"])), 64);
}
