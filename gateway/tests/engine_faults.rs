//! What callers, files and the machine can do to a model that is served, seen from outside.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code; clippy only knows the functions marked so"
)]

mod graphs;
mod harness;

use std::{fs, path::Path, process::Command, time::Duration};

use graphs::*;
use harness::{
    client::{self, Answer},
    eventually,
    process::{Gateway, Setup, UNHURRIED},
    repository::Repository,
};
use serde_json::{Value, json};

fn input(name: &str, datatype: &str, shape: Value, data: Value) -> Value {
    json!({"name": name, "datatype": datatype, "shape": shape, "data": data})
}

async fn infer(gateway: &Gateway, model: &str, inputs: &[Value]) -> Answer {
    let path = format!("/v2/models/{model}/infer");
    client::post(gateway.http, &path, &json!({"inputs": inputs})).await
}

/// The reason why a model is not served; empty where it is.
async fn reason(gateway: &Gateway, model: &str) -> String {
    let answer = client::post(gateway.http, "/v2/repository/index", &json!({})).await;
    let index = answer.json();
    let models = index.as_array().unwrap();
    let entry = models.iter().find(|entry| entry["name"] == model).unwrap();
    entry["reason"].as_str().unwrap_or_default().to_owned()
}

fn two(operator: &str, element: u64) -> Vec<u8> {
    let nodes = [node(operator, &["a", "b"], &["y"], &[])];
    let inputs = [value("a", element, &["n"]), value("b", element, &["m"])];
    model(&graph(&nodes, &inputs, &[value("y", element, &["k"])]))
}

/// Rows of a table of this many rows, filled with this value, in a file of its own.
fn table(value_of_all: f32, rows: usize) -> (Vec<u8>, Vec<u8>) {
    let parts = [
        external("t", FLOAT, &[rows as u64, 1024], "weights.bin"),
        node("Gather", &["t", "i"], &["y"], &[]),
    ];
    let (i, y) = (value("i", INT64, &["n"]), value("y", FLOAT, &["n", "1024"]));
    let weights = vec![value_of_all; rows * 1024];
    let raw = weights.iter().flat_map(|v| v.to_le_bytes()).collect();
    (model(&graph(&parts, &[i], &[y])), raw)
}

/// A model's name and file, inputs that fail in it, and inputs that do not.
type Mistake = (&'static str, Vec<u8>, Vec<Value>, Vec<Value>);

/// Inputs that fit the declarations and fail in the engine, by model; and inputs that do not.
fn mistakes() -> Vec<Mistake> {
    let floats = |name: &str, n: usize| input(name, "FP32", json!([n]), json!(vec![1.0; n]));
    let ints = |name: &str, data: Value| {
        input(name, "INT32", json!([data.as_array().unwrap().len()]), data)
    };
    let top = [node("TopK", &["x", "k"], &["v", "i"], &[])];
    let top = graph(
        &top,
        &[value("x", FLOAT, &["n"]), value("k", INT64, &["1"])],
        &[value("v", FLOAT, &["m"])],
    );
    let k = |k: i64| input("k", "INT64", json!([1]), json!([k]));
    let gather = [
        constant("t", FLOAT, &[2], &[0; 8]),
        node("Gather", &["t", "i"], &["y"], &[]),
    ];
    let i = value("i", INT64, &["n"]);
    let gather = graph(&gather, &[i], &[value("y", FLOAT, &["n"])]);
    let index = |i: i64| input("i", "INT64", json!([1]), json!([i]));
    vec![
        (
            "add",
            two("Add", FLOAT),
            vec![floats("a", 2), floats("b", 3)],
            vec![floats("a", 2), floats("b", 2)],
        ),
        (
            "div",
            two("Div", INT32),
            vec![ints("a", json!([1])), ints("b", json!([0]))],
            vec![ints("a", json!([1])), ints("b", json!([1]))],
        ),
        (
            "top",
            model(&top),
            vec![floats("x", 3), k(9)],
            vec![floats("x", 3), k(2)],
        ),
        ("gather", model(&gather), vec![index(99)], vec![index(1)]),
    ]
}

#[tokio::test]
async fn a_callers_mistake_is_its_own_and_shuts_nobody_out() {
    let repository = Repository::new();
    for (name, model, ..) in mistakes() {
        repository.write(&format!("{name}/1/model.onnx"), model);
        // The divisor of a warm-up must not be zero, and the number of the best not more than there are.
        let warm = "[inputs.b]\nwarm_up = { value = 1.0 }\n";
        match name {
            "div" => drop(repository.write("div/model.toml", warm)),
            "top" => drop(repository.write("top/model.toml", warm.replace(".b", ".k"))),
            _ => {}
        }
    }
    let gateway = Setup::new()
        .config(UNHURRIED)
        .repository(repository)
        .start();
    for (name, _, bad, good) in mistakes() {
        for _ in 0..40 {
            let answer = infer(&gateway, name, &bad).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (400, "MODEL.INPUT.REJECTED"),
                "{name}: {answer:?}"
            );
            assert_eq!(answer.json()["retryable"], false);
        }
        let answer = infer(&gateway, name, &good).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
    }
    let log = gateway.log().join("\n");
    let errors = log.lines().filter(|line| line.contains("ERROR")).count();
    assert_eq!(errors, 0, "{log}");
}

#[tokio::test]
async fn inputs_whose_dimensions_share_a_name_must_agree() {
    let nodes = [node(
        "Concat",
        &["user", "item"],
        &["y"],
        &[number_attribute("axis", 1)],
    )];
    let inputs = [
        value("user", FLOAT, &["n", "2"]),
        value("item", FLOAT, &["n", "2"]),
    ];
    let model = model(&graph(&nodes, &inputs, &[value("y", FLOAT, &["n", "4"])]));
    let repository = Repository::new();
    repository.write("rank/1/model.onnx", model);
    let gateway = Setup::new()
        .config(UNHURRIED)
        .repository(repository)
        .start();
    let rows = |name: &str, n: usize| input(name, "FP32", json!([n, 2]), json!(vec![1.0; n * 2]));
    let answer = infer(&gateway, "rank", &[rows("user", 1), rows("item", 3)]).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let message = answer.json()["error"].to_string();
    assert!(
        message.contains("`n`") && message.contains("user"),
        "{message}"
    );
    let answer = infer(&gateway, "rank", &[rows("user", 3), rows("item", 3)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn writing_over_the_weights_of_a_served_model_changes_nothing_until_it_is_loaded() {
    let repository = Repository::new();
    let (model, weights) = table(1.0, 256);
    repository.write("emb/1/model.onnx", model);
    let path = repository.write("emb/1/weights.bin", &weights);
    let setup = Setup::new();
    let cache = path
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join(".cache");
    let cache = format!("{UNHURRIED}[models]\nweight_cache = {cache:?}\n");
    let gateway = setup.config(&cache).repository(repository).start();
    let first = async |row: i64| {
        let answer = infer(
            &gateway,
            "emb",
            &[input("i", "INT64", json!([1]), json!([row]))],
        )
        .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["outputs"][0]["data"][0].as_f64().unwrap()
    };
    assert_eq!(first(7).await, 1.0);
    // As `cp` does: the same file, cut to nothing, then written. Rows that no request has touched yet
    // would be read from the new contents, or from beyond the end.
    fs::write(&path, table(2.0, 256).1).unwrap();
    assert_eq!(first(200).await, 1.0);
    fs::write(&path, b"").unwrap();
    assert_eq!((first(7).await, first(100).await), (1.0, 1.0));
    fs::write(&path, table(2.0, 256).1).unwrap();
    let loaded = client::post(gateway.admin, "/v2/repository/models/emb/load", &json!({})).await;
    assert_eq!(loaded.status, 200, "{loaded:?}");
    assert_eq!(first(7).await, 2.0);
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_and_holds_nothing_up() {
    let repository = Repository::new();
    let fifo = |path: &Path| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    fifo(&repository.path().join("pipe/1/model.onnx"));
    fs::create_dir_all(repository.path().join("zero/1")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", repository.path().join("zero/1/model.onnx")).unwrap();
    fs::create_dir_all(repository.path().join("manifest/1")).unwrap();
    fifo(&repository.path().join("manifest/model.toml"));
    repository.write("large/1/model.onnx", two("Add", FLOAT));
    repository.write("large/model.toml", "# ".repeat(1 << 20));
    repository.write("fine/1/model.onnx", two("Add", FLOAT));
    let gateway = Setup::new()
        .config(UNHURRIED)
        .repository(repository)
        .start();
    for (model, told) in [
        ("pipe", "a named pipe"),
        ("zero", "a device"),
        ("manifest", "a named pipe"),
        ("large", "at most 1MiB"),
        ("fine", ""),
    ] {
        let reason = reason(&gateway, model).await;
        assert!(reason.contains(told), "{model}: {reason}");
    }
}

#[tokio::test]
async fn the_reason_why_a_model_is_not_served_names_the_cause() {
    let add = [node("Add", &["a", "a"], &["y"], &[])];
    let of = |nodes: &[Vec<u8>]| {
        graph(
            nodes,
            &[value("a", FLOAT, &["n"])],
            &[value("y", FLOAT, &["n"])],
        )
    };
    let repository = Repository::new();
    for (name, file) in [
        ("format", model_of(99, 17, &of(&add))),
        ("opset", model_of(8, 99, &of(&add))),
        (
            "operator",
            model(&of(&[node("Rank2", &["a"], &["y"], &[])])),
        ),
        (
            "pointer",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n".to_vec(),
        ),
        ("page", b"<!DOCTYPE html><html></html>".to_vec()),
        ("empty", Vec::new()),
    ] {
        repository.write(&format!("{name}/1/model.onnx"), file);
    }
    let gateway = Setup::new()
        .config(UNHURRIED)
        .repository(repository)
        .start();
    for (model, told) in [
        ("format", "max supported IR version"),
        ("opset", "pset 99"),
        ("operator", "Rank2"),
        ("pointer", "git lfs pull"),
        ("page", "web page"),
        ("empty", "empty"),
    ] {
        let reason = reason(&gateway, model).await;
        assert!(
            reason.contains(told) && !reason.contains("onnxruntime_src"),
            "{model}: {reason}"
        );
    }
}

/// A loop without an end: its condition is always true.
fn endless() -> Vec<u8> {
    let body = graph(
        &[
            node("Identity", &["go"], &["on"], &[]),
            node("Identity", &["v"], &["w"], &[]),
        ],
        &[
            value("n", INT64, &[]),
            value("go", BOOL, &[]),
            value("v", FLOAT, &["1"]),
        ],
        &[value("on", BOOL, &[]), value("w", FLOAT, &["1"])],
    );
    let attribute = [graph_attribute("body", &body)];
    let nodes = [
        constant("yes", BOOL, &[], &[1]),
        node("Loop", &["", "yes", "x"], &["y"], &attribute),
    ];
    model(&graph(
        &nodes,
        &[value("x", FLOAT, &["1"])],
        &[value("y", FLOAT, &["1"])],
    ))
}

#[tokio::test]
async fn a_warm_up_that_never_ends_is_ended_and_so_is_the_process() {
    let repository = Repository::new();
    repository.write("endless/1/model.onnx", endless());
    let config = format!("{UNHURRIED}[drain]\ndelay = \"0s\"\n[models]\nload_timeout = \"2s\"\n");
    let gateway = Setup::new().config(&config).repository(repository).start();
    let told = reason(&gateway, "endless").await;
    assert!(told.contains("models.load_timeout"), "{told}");
    // Its thread no longer runs: over a while the process uses next to no processor time.
    let cpu = async || -> f64 {
        let metrics = gateway.metrics().await;
        let line = metrics
            .lines()
            .find_map(|l| l.strip_prefix("process_cpu_seconds_total "));
        line.unwrap().trim().parse().unwrap()
    };
    eventually("the run to end", async || {
        let before = cpu().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        (cpu().await - before < 0.25).then_some(())
    })
    .await;
    gateway.terminate();
    let ended = gateway.end();
    assert_eq!(ended.status, Some(0), "{ended:?}");
}

#[tokio::test]
async fn a_paused_process_gives_no_thread_up() {
    let keys = "latency = \"300ms\"";
    let repository = Repository::new().drill("slow", keys);
    let manifest = repository.path().join("slow/model.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        format!("placement = \"dedicated\"\ninstances = 1\n{text}"),
    )
    .unwrap();
    let config = "[limits]\ndeadline = \"800ms\"\n[supervision]\nhang_grace = \"200ms\"\n";
    let gateway = Setup::new().config(config).repository(repository).start();
    let candidates = input("candidates", "INT64", json!([1]), json!([1]));
    for _ in 0..3 {
        let asking = infer(&gateway, "slow", std::slice::from_ref(&candidates));
        let pausing = async {
            // In the middle of the run.
            tokio::time::sleep(Duration::from_millis(100)).await;
            gateway.signal(rustix::process::Signal::STOP);
            tokio::time::sleep(Duration::from_secs(3)).await;
            gateway.signal(rustix::process::Signal::CONT);
        };
        let _ = tokio::join!(asking, pausing);
    }
    let pool = gateway.admin("/admin/pool").await;
    assert_eq!(pool["threads_given_up"], 0, "{pool}");
    let answer = eventually("the model to answer", async || {
        let answer = infer(&gateway, "slow", std::slice::from_ref(&candidates)).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(answer.status, 200);
}
