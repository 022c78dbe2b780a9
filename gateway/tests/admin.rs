//! The admin port: what it shows, to whom, and that the data port shows none of it.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod harness;

use std::collections::BTreeSet;

use common::metric_names::{self, Metric};
use harness::{
    client::{empty, get, post, send},
    eventually,
    process::{Setup, Shared},
    refusals::assert_refused,
};
use serde_json::json;

static GATEWAY: Shared = Shared::new(Setup::new);

const TOKEN: &str = "a-token-of-32-characters-0123456";

static GUARDED: Shared =
    Shared::new(|| Setup::new().config(&format!("[admin]\ntoken = \"{TOKEN}\"\n")));

const PATHS: [&str; 4] = [
    "/metrics",
    "/admin/actors",
    "/admin/breakers",
    "/admin/config",
];

/// Their labels name what has changed; before a change there is nothing to name.
const AFTER_AN_EVENT: [&str; 2] = [
    "fusebox_breaker_transitions_total",
    "fusebox_canary_decisions_total",
];

/// The metrics of our own; those of the process have Prometheus' customary names.
fn metrics_listed() -> impl Iterator<Item = &'static Metric> {
    metric_names::ALL
        .iter()
        .filter(|m| m.name.starts_with("fusebox_"))
}

fn metric_names() -> Vec<&'static str> {
    metrics_listed().map(|metric| metric.name).collect()
}

#[tokio::test]
async fn every_metric_is_exported_with_its_help_and_type() {
    let gateway = GATEWAY.get();
    assert_eq!(
        gateway.recommend(&json!({"user_id": "1"})).await.status,
        200
    );
    let answer = get(gateway.admin, "/metrics").await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    // Those of breakers come once the breaker has heard of the request.
    let metrics = eventually("every metric", async || {
        let metrics = gateway.metrics().await;
        let there = |metric: &&Metric| {
            let (name, kind) = (metric.name, metric.kind.label());
            metrics.contains(&format!("# TYPE {name} {kind}\n"))
        };
        let missing = metrics_listed().filter(|metric| !there(metric));
        let missing: Vec<_> = missing.map(|metric| metric.name).collect();
        (missing == AFTER_AN_EVENT).then_some(metrics)
    })
    .await;
    for name in metric_names()
        .into_iter()
        .filter(|name| !AFTER_AN_EVENT.contains(name))
    {
        assert!(
            metrics.contains(&format!("# HELP {name} ")),
            "{name}: {metrics}"
        );
        let mut samples = metrics.lines().filter(|line| !line.starts_with('#'));
        let sample = samples.find(|line| line.starts_with(name));
        assert!(sample.is_some(), "{name} has no sample");
        assert_labels(name, sample.unwrap_or_default());
    }
}

/// The labels of a sample line are those that the table lists, and `le` of a bucket.
fn assert_labels(name: &str, sample: &str) {
    let listed = metrics_listed().find(|metric| metric.name == name).unwrap();
    let labels = sample.split_once('{').map_or("", |(_, rest)| rest);
    let labels = labels
        .split("\",")
        .filter_map(|pair| pair.split_once("=\""));
    let labels: BTreeSet<_> = labels
        .map(|(label, _)| label)
        .filter(|l| *l != "le")
        .collect();
    assert_eq!(labels, listed.labels.iter().copied().collect(), "{sample}");
}

#[tokio::test]
async fn every_latency_histogram_has_an_edge_at_the_promised_11_ms() {
    let metrics = GATEWAY.get().metrics().await;
    let mut histograms = 0;
    for name in metric_names()
        .into_iter()
        .filter(|name| name.ends_with("_duration_seconds"))
    {
        let edge = metrics.lines().any(|line| {
            line.starts_with(&format!("{name}_bucket")) && line.contains("le=\"0.011\"")
        });
        assert!(edge, "{name}");
        histograms += 1;
    }
    assert_eq!(histograms, 7);
}

#[tokio::test]
async fn requests_are_counted_by_their_outcome() {
    // A gateway of its own: nobody else counts here.
    let gateway = Setup::new().start();
    for _ in 0..3 {
        assert_eq!(
            gateway.recommend(&json!({"user_id": "1"})).await.status,
            200
        );
    }
    assert_eq!(gateway.recommend(&json!({})).await.status, 400);
    assert_eq!(gateway.get("/nowhere").await.status, 404);
    assert_eq!(gateway.get("/v2/recommend/item").await.status, 405);
    let metrics = gateway.metrics().await;
    for (code, count) in [
        ("OK", 3),
        ("BUSI.INPUT.INVALID", 1),
        ("BUSI.INPUT.NOT_FOUND", 1),
        ("BUSI.INPUT.METHOD_NOT_ALLOWED", 1),
        ("MODEL.IO.PANICKED", 0),
    ] {
        assert_eq!(counted(&metrics, code), count, "{code}: {metrics}");
    }
    let runs = "fusebox_run_duration_seconds_count 3\n";
    assert!(metrics.contains(runs), "three runs: {metrics}");
    assert!(metrics.contains("fusebox_ready 1\n"));
}

/// Requests over REST with this outcome, whatever they asked.
fn counted(metrics: &str, code: &str) -> u64 {
    let start = format!("fusebox_requests_total{{code=\"{code}\",");
    let lines = metrics.lines().filter(|line| line.starts_with(&start));
    let of_rest = lines.filter(|line| line.contains("protocol=\"rest\""));
    let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    of_rest.map(count).sum()
}

#[tokio::test]
async fn requests_are_counted_by_what_they_asked() {
    let gateway = Setup::new().config("[http]\nworkers = 1\n").start();
    let request = json!({"user_id": "1"});
    assert_eq!(gateway.recommend(&request).await.status, 200);
    let unknown = json!({"user_id": "1", "scene": "nowhere"});
    assert_eq!(gateway.recommend(&unknown).await.status, 400);
    assert_eq!(gateway.get("/v2/models/m/nothing").await.status, 404);
    let metrics = gateway.metrics().await;
    for line in [
        r#"{code="OK",model="ml100k_din",protocol="rest",scene="home_feed",version="1"} 1"#,
        r#"{code="BUSI.INPUT.INVALID",model="other",protocol="rest",scene="other",version="other"} 1"#,
        r#"{code="BUSI.INPUT.NOT_FOUND",model="other",protocol="oip",scene="other",version="other"} 1"#,
        r#"{code="BUSI.INPUT.NOT_FOUND",model="other",protocol="rest",scene="other",version="other"} 0"#,
    ] {
        let line = format!("fusebox_requests_total{line}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

#[tokio::test]
async fn reloads_leave_no_series_behind() {
    let gateway = Setup::new().config("[http]\nworkers = 1\n").start();
    let request = json!({"user_id": "1"});
    let series = async || {
        assert_eq!(gateway.recommend(&request).await.status, 200);
        let metrics = gateway.metrics().await;
        let samples = metrics.lines().filter(|line| line.contains("actor=\""));
        samples.count()
    };
    let before = series().await;
    assert!(before > 0);
    for _ in 0..3 {
        let path = "/v2/repository/models/ml100k_din/load";
        assert_eq!(post(gateway.admin, path, &json!({})).await.status, 200);
        eventually("as many series as before", async || {
            (series().await == before).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn every_actor_is_listed_with_what_it_is_doing() {
    let gateway = Setup::new().config("[http]\nworkers = 2\n").start();
    for user in 0..10 {
        let request = json!({"user_id": user.to_string(), "candidates": ["1", "2", "3"]});
        assert_eq!(gateway.recommend(&request).await.status, 200);
    }
    let page = gateway.admin("/admin/actors").await;
    let actors = page["inference"].as_array().unwrap();
    let ids: Vec<_> = actors
        .iter()
        .map(|actor| actor["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["ml100k_din-1-w0", "ml100k_din-1-w1"]);
    for actor in actors {
        assert_eq!(
            (&actor["session_state"], &actor["responsive"]),
            (&json!("ready"), &json!(true))
        );
        assert_eq!(
            (&actor["panics"], &actor["restarts"]),
            (&json!(0), &json!(0))
        );
        assert_eq!(actor["business_code"], "RANK_DIN");
        assert_eq!(actor["supervision"]["state"], "serving");
    }
    let sum = |key: &str| {
        actors
            .iter()
            .map(|actor| actor[key].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(
        (sum("answered"), sum("rows"), sum("queued")),
        (10, 30, 0),
        "{page}"
    );
    let fronts = page["fronts"].as_array().unwrap();
    assert_eq!(fronts.len(), 2, "{page}");
    let answered = fronts
        .iter()
        .map(|front| front["answered"].as_u64().unwrap());
    assert_eq!(answered.sum::<u64>(), 10, "{page}");
    assert_eq!(page["unavailable_models"], json!([]));
}

#[tokio::test]
async fn nothing_of_it_is_on_the_data_port_and_nothing_of_that_is_here() {
    let gateway = GATEWAY.get();
    for path in PATHS {
        assert_refused(&get(gateway.http, path).await, 404, "BUSI.INPUT.NOT_FOUND");
    }
    let request = json!({"user_id": "1"});
    let answer = post(gateway.admin, "/v2/recommend/item", &request).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (404, "BUSI.INPUT.NOT_FOUND")
    );
}

#[tokio::test]
async fn pages_are_read_with_get_alone() {
    let gateway = GATEWAY.get();
    for path in PATHS {
        for method in ["POST", "PUT", "DELETE"] {
            let answer = send(gateway.admin, empty(method, path)).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (405, "BUSI.INPUT.METHOD_NOT_ALLOWED")
            );
            assert!(answer.header("allow").contains("GET"), "{path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn where_a_token_is_configured_nothing_is_shown_without_it() {
    let gateway = GUARDED.get();
    let cut = &TOKEN[..TOKEN.len() - 1];
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        TOKEN,
        &format!("Bearer {cut}"),
        &format!("Bearer {TOKEN}x"),
        &format!("Basic {TOKEN}"),
    ] {
        for path in PATHS.into_iter().chain(["/nowhere"]) {
            let mut call = empty("GET", path);
            if !authorization.is_empty() {
                let value = authorization.parse().unwrap();
                call.headers_mut().insert("authorization", value);
            }
            let answer = send(gateway.admin, call).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (401, "BUSI.INPUT.UNAUTHENTICATED"),
                "{authorization}"
            );
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    for path in PATHS {
        let mut call = empty("GET", path);
        let value = format!("Bearer {TOKEN}").parse().unwrap();
        call.headers_mut().insert("authorization", value);
        assert_eq!(send(gateway.admin, call).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_configuration_is_shown_without_its_secrets() {
    let gateway = GUARDED.get();
    let mut call = empty("GET", "/admin/config");
    let value = format!("Bearer {TOKEN}").parse().unwrap();
    call.headers_mut().insert("authorization", value);
    let answer = send(gateway.admin, call).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(!text.contains(TOKEN), "{text}");
    let config = answer.json();
    assert_eq!(config["admin"]["token"], "(hidden)");
    assert_eq!(config["limits"]["deadline"], "800ms");
    assert_eq!(config["limits"]["recommend_body"], "1MiB");
    let log = gateway.log().join("\n");
    assert!(!log.contains(TOKEN), "{log}");
}

#[tokio::test]
async fn an_open_admin_port_with_a_token_is_served() {
    let ports = [
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "127.0.0.1:0",
        "--admin",
        "0.0.0.0:0",
    ];
    let setup = Setup::bare().args(ports);
    let gateway = setup
        .config(&format!("[admin]\ntoken = \"{TOKEN}\"\n"))
        .start();
    let loopback = ([127, 0, 0, 1], gateway.admin.port()).into();
    assert_eq!(get(loopback, "/metrics").await.status, 401);
}
