//! Starting: what is needed and not there ends the process with one line that says what to do.

mod harness;

use std::{fs, net::TcpListener, path::PathBuf};

use harness::{
    lists::list,
    process::{ANY_PORT, Ended, Setup, workspace},
    refusals::assert_refused,
    repository::{Repository, beside_home_feed},
};
use serde_json::json;

/// The process ended with this status and one line that names all of `parts`.
fn assert_one_line(ended: &Ended, status: i32, parts: &[&str]) {
    assert_eq!(ended.status, Some(status), "{ended:#?}");
    assert_eq!(ended.stderr.len(), 1, "{ended:#?}");
    assert!(ended.stdout.is_empty(), "never ready: {ended:#?}");
    let line = &ended.stderr[0];
    assert!(line.starts_with("gateway: "), "{line}");
    assert!(!line.contains("panicked"), "{line}");
    for part in parts {
        assert!(line.contains(part), "{line} lacks {part}");
    }
}

fn store() -> PathBuf {
    workspace().join(".cache/features/ml100k.redb")
}

/// A configuration whose feature store is a file with these contents.
fn with_store(contents: &[u8]) -> Setup {
    let setup = Setup::new();
    let path = setup.file("features.redb", contents);
    setup.config(&format!("[features]\nstore = {path:?}\n"))
}

#[test]
fn a_library_that_is_not_there() {
    let ended = Setup::new()
        .env("ORT_DYLIB_PATH", "/no/such/libonnxruntime.so")
        .run();
    let parts = ["ORT_DYLIB_PATH", "/no/such/libonnxruntime.so", "unset it"];
    assert_one_line(&ended, 69, &parts);
}

#[test]
fn a_library_that_is_a_text_file() {
    let setup = Setup::new();
    let text = setup.file("libonnxruntime.so", b"not a library\n");
    let ended = setup.env("ORT_DYLIB_PATH", &text).run();
    assert_one_line(&ended, 69, &["libonnxruntime.so", "make build"]);
}

#[test]
fn a_library_that_is_another_one() {
    // Any shared library will do; a build always has those of procedural macros.
    let binaries = PathBuf::from(env!("CARGO_BIN_EXE_gateway"));
    let folder = binaries.parent().unwrap().join("deps");
    let libraries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut others = libraries.filter(|path| {
        let extension = path.extension().unwrap_or_default();
        extension == std::env::consts::DLL_EXTENSION
    });
    let other = others.next().unwrap();
    let ended = Setup::new().env("ORT_DYLIB_PATH", &other).run();
    assert_one_line(&ended, 69, &["make build"]);
}

#[test]
fn a_configured_library_that_is_not_there() {
    let ended = Setup::new()
        .env("ORT_DYLIB_PATH", "")
        .config("[models]\nlibrary = \"/no/such/library.so\"\n")
        .run();
    assert_one_line(&ended, 69, &["models.library", "/no/such/library.so"]);
}

#[test]
fn a_repository_folder_that_is_missing() {
    let ended = Setup::new()
        .args(["--model-repository", "/no/such/models"])
        .run();
    assert_one_line(&ended, 66, &["/no/such/models", "--model-repository"]);
}

#[test]
fn a_feature_store_that_is_missing() {
    let ended = Setup::new()
        .config("[features]\nstore = \"/no/such/features.redb\"\n")
        .run();
    assert_one_line(&ended, 66, &["/no/such/features.redb"]);
}

#[test]
fn a_feature_store_that_is_damaged() {
    let whole = fs::read(store()).unwrap();
    let half = &whole[..whole.len() / 2];
    let noise: Vec<u8> = (0..8192u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let headed = [&whole[..512], &noise[..]].concat();
    for contents in [b"".as_slice(), b"a line of text\n", half, &noise, &headed] {
        let ended = with_store(contents).run();
        assert_one_line(&ended, 65, &["features.redb", "gateway import"]);
    }
}

#[test]
fn a_feature_store_that_cannot_be_read() {
    // A writer's lock is the way that holds for root too, whom no permission stops.
    let setup = Setup::new();
    let path = setup.file("features.redb", &[]);
    fs::remove_file(&path).unwrap();
    let writer = redb::Database::create(&path).unwrap();
    let ended = setup
        .config(&format!("[features]\nstore = {path:?}\n"))
        .run();
    assert_one_line(&ended, 65, &["features.redb"]);
    drop(writer);
}

#[test]
fn a_damaged_model_that_a_scene_names() {
    let graph = fs::read(workspace().join("models/ml100k_din/1/model.onnx")).unwrap();
    for contents in [b"".as_slice(), b"not a model", &graph[..graph.len() / 2]] {
        let repository = Repository::new().shipped();
        repository.write("ml100k_din/1/model.onnx", contents);
        let ended = Setup::new().repository(repository).run();
        assert_one_line(&ended, 65, &["`ml100k_din`", "model.onnx"]);
    }
}

#[test]
fn a_model_whose_weights_are_missing_or_cut() {
    let repository = Repository::new().shipped();
    fs::remove_file(repository.path().join("ml100k_din/1/model.bin")).unwrap();
    let ended = Setup::new().repository(repository).run();
    assert_one_line(&ended, 65, &["`ml100k_din`", "model.bin"]);

    let repository = Repository::new().shipped();
    repository.write("ml100k_din/1/model.bin", b"cut");
    let ended = Setup::new().repository(repository).run();
    assert_one_line(&ended, 65, &["`ml100k_din`"]);
}

#[test]
fn a_model_whose_manifest_is_wrong() {
    let repository = Repository::new().shipped();
    repository.write("ml100k_din/model.toml", "\nplacement = \"nowhere\"\n");
    let ended = Setup::new().repository(repository).run();
    assert_one_line(&ended, 65, &["`ml100k_din`", "model.toml:2", "nowhere"]);
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind(ANY_PORT).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (option, other) in [("--http", "--admin"), ("--admin", "--http")] {
        let ports = [option, &address, other, ANY_PORT, "--grpc", ANY_PORT];
        let ended = Setup::bare().args(ports).run();
        assert_one_line(&ended, 69, &[&address, option]);
    }
}

#[tokio::test]
async fn a_damaged_model_that_no_scene_names_is_listed_and_disturbs_nothing() {
    let repository = Repository::new().shipped();
    repository.write("spare/1/model.onnx", b"not a model");
    repository.write("unfinished/model.toml", b"");
    let gateway = Setup::new().repository(repository).start();
    assert_eq!(gateway.get("/v2/health/ready").await.status, 200);
    let page = gateway.admin("/admin/actors").await;
    let listed = page["unavailable_models"].as_array().unwrap();
    let of = |model: &str| {
        let mut found = listed.iter().filter(|entry| entry["model"] == model);
        found.next().unwrap()["reason"].as_str().unwrap()
    };
    assert!(of("spare").contains("model.onnx"), "{page}");
    assert!(of("unfinished").contains("version folder"), "{page}");
    assert_eq!(listed.len(), 2, "{page}");
    assert!(!list(&gateway.recommend(&json!({"user_id": "1"})).await).is_empty());
}

#[tokio::test]
async fn a_scene_whose_model_is_absent_answers_503_and_everything_else_works() {
    let gateway = Setup::new().config(&beside_home_feed(&["absent"])).start();
    let log = gateway.log_of_start().await;
    let warnings = log.iter().filter(|line| line.contains("WARN"));
    assert_eq!(warnings.count(), 1, "{log:#?}");
    let warning = log.iter().find(|line| line.contains("WARN")).unwrap();
    assert!(
        warning.contains("absent") && warning.contains("503"),
        "{warning}"
    );

    assert_eq!(gateway.get("/v2/health/ready").await.status, 200);
    let absent = json!({"user_id": "1", "scene": "absent"});
    let answer = gateway.recommend(&absent).await;
    assert_refused(&answer, 503, "MODEL.CONFIG.UNAVAILABLE");
    assert!(!list(&gateway.recommend(&json!({"user_id": "1"})).await).is_empty());
}

#[tokio::test]
async fn the_listening_line_names_the_ports_and_comes_when_ready() {
    let gateway = Setup::new().start();
    assert_ne!((gateway.http.port(), gateway.admin.port()), (0, 0));
    let health = gateway.get("/v2/health/ready").await;
    assert_eq!(
        (health.status, health.json()),
        (200, json!({"live": true, "ready": true}))
    );
    let health = gateway.get("/v2/health/live").await;
    assert_eq!(
        (health.status, health.json()),
        (200, json!({"live": true, "ready": true}))
    );
    // For a person: a line to try.
    let log = gateway.log_of_start().await;
    assert!(
        log.iter()
            .any(|line| line.contains("curl") && line.contains("/v2/recommend/item")),
        "{log:#?}"
    );
}

#[tokio::test]
async fn a_gateway_finds_its_files_from_any_folder_and_two_can_run_at_once() {
    let elsewhere = tempfile::tempdir().unwrap();
    let first = Setup::new().folder(elsewhere.path()).start();
    let second = Setup::new().folder(elsewhere.path()).start();
    for gateway in [&first, &second] {
        assert!(!list(&gateway.recommend(&json!({"user_id": "1"})).await).is_empty());
    }
}
