//! The configuration: its layers, its mistakes, and the commands that only look.

mod harness;

use harness::{
    process::{ANY_PORT, Ended, Setup},
    repository::Repository,
};

/// The process ended with status 64 and one line for each of `problems`, each naming its parts.
fn assert_problems(ended: &Ended, problems: &[&[&str]]) {
    assert_eq!(ended.status, Some(64), "{ended:#?}");
    assert!(ended.stdout.is_empty(), "{ended:#?}");
    assert_eq!(ended.stderr.len(), problems.len(), "{ended:#?}");
    for parts in problems {
        let named = |line: &&String| parts.iter().all(|part| line.contains(part));
        assert_eq!(
            ended.stderr.iter().filter(named).count(),
            1,
            "{parts:?}: {ended:#?}"
        );
    }
    for line in &ended.stderr {
        assert!(
            line.starts_with("gateway: "),
            "each line says whose it is: {line}"
        );
    }
}

#[test]
fn a_wrong_key_is_shown_with_its_line() {
    let ended = Setup::new()
        .config("[http]\nworkers = 2\nadress = \"x\"\n")
        .run();
    assert_problems(&ended, &[&["gateway.toml:3", "`adress`", "`address`"]]);
}

#[test]
fn a_wrong_value_is_shown_with_its_line_and_what_it_should_be() {
    let ended = Setup::new().config("\n[limits]\ndeadline = 800\n").run();
    assert_problems(&ended, &[&["gateway.toml:3", "limits.deadline"]]);
    let ended = Setup::new().config("[drain]\ndelay = \"30s\"\n").run();
    assert_problems(&ended, &[&["gateway.toml:2", "drain.delay", "drain.grace"]]);
    let ended = Setup::new().config("[log]\nformat = \"xml\"\n").run();
    assert_problems(&ended, &[&["gateway.toml:2", "log.format", "json"]]);
}

#[test]
fn a_log_level_that_is_none_is_refused() {
    let ended = Setup::new().config("[log]\nlevel = \"=loud=\"\n").run();
    assert_problems(&ended, &[&["log.level"]]);
}

#[test]
fn broken_syntax_is_shown_with_its_line() {
    let ended = Setup::new().config("[http]\n\nworkers = \n").run();
    assert_problems(&ended, &[&["gateway.toml:3"]]);
}

#[test]
fn all_problems_are_shown_at_once() {
    let text = "[http]\nworkers = \"many\"\nadress = \"x\"\n[limits]\ndeadline = \"800\"\n\
                recommend_body = \"1\"\n[nope]\na = 1\n[scenes.cart]\npool = 5\ncandidates = \"popular\"\n";
    let ended = Setup::new().config(text).run();
    assert_problems(
        &ended,
        &[
            &["gateway.toml:2", "http.workers"],
            &["gateway.toml:3", "`adress`"],
            &["gateway.toml:5", "limits.deadline"],
            &["gateway.toml:6", "limits.recommend_body"],
            &["gateway.toml:7", "nope"],
            &["gateway.toml:9", "scenes.cart", "model"],
        ],
    );
}

#[test]
fn a_wrong_option_is_shown_by_its_own_name() {
    let ended = Setup::bare()
        .args(["--http", "localhost", "--admin", ANY_PORT])
        .run();
    assert_problems(&ended, &[&["--http", "http.address"]]);
    let ended = Setup::new()
        .env("GATEWAY_CONFIG", "/no/such/gateway.toml")
        .run();
    assert_problems(&ended, &[&["/no/such/gateway.toml"]]);
}

#[test]
fn an_open_admin_port_without_a_token_is_refused() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let ports = ["--http", ANY_PORT, "--grpc", ANY_PORT, "--admin", address];
        let ended = Setup::bare().args(ports).run();
        assert_problems(&ended, &[&["admin.token", "127.0.0.1"]]);
    }
}

#[test]
fn a_wrong_command_line_ends_with_64() {
    for args in [
        &["--no-such-option"][..],
        &["serve"],
        &["--http"],
        &["check", "extra"],
    ] {
        let ended = Setup::bare().args(args).run();
        assert_eq!(ended.status, Some(64), "{args:?}: {ended:#?}");
        assert!(
            ended.stdout.is_empty() && !ended.stderr.is_empty(),
            "{ended:#?}"
        );
    }
}

#[test]
fn version_and_help_are_no_failure() {
    let ended = Setup::bare().args(["--version"]).run();
    let version = format!("gateway {}", env!("CARGO_PKG_VERSION"));
    assert_eq!((ended.status, ended.stdout), (Some(0), vec![version]));
    let ended = Setup::bare().args(["--help"]).run();
    assert_eq!(ended.status, Some(0));
    let help = ended.stdout.join("\n");
    for option in [
        "--config",
        "--model-repository",
        "--http",
        "--grpc",
        "--admin",
        "check",
    ] {
        assert!(help.contains(option), "{option}: {help}");
    }
}

#[test]
fn check_finds_the_shipped_configuration_in_order() {
    let ended = Setup::bare().args(["check"]).run();
    assert_eq!(
        (ended.status, ended.stdout.len()),
        (Some(0), 1),
        "{ended:#?}"
    );
}

#[test]
fn check_lists_every_problem_of_files_too() {
    let repository = Repository::new();
    repository.write("broken/1/model.onnx", b"not a model");
    repository.write("empty/model.toml", b"");
    let setup = Setup::new()
        .repository(repository)
        .config("[features]\nstore = \"/no/such/store\"\n");
    assert_problems(
        &setup.args(["check"]).run(),
        &[
            &["/no/such/store"],
            &["scenes.home_feed.model", "`ml100k_din`"],
            &["scenes.catalogue.model", "`ml100k_din`"],
            &["scenes.genre_comedy.model", "`ml100k_din`"],
            &["`broken`", "model.onnx"],
            &["`empty`", "version folder"],
        ],
    );
    let setup = Setup::new().env("ORT_DYLIB_PATH", "/no/such/library");
    assert_problems(&setup.args(["check"]).run(), &[&["ORT_DYLIB_PATH"]]);
    let setup = Setup::new().config("[http]\nadress = \"x\"\nworkers = -1\n");
    let problems: &[&[&str]] = &[&["`adress`"], &["http.workers"]];
    assert_problems(&setup.args(["check"]).run(), problems);
}

#[tokio::test]
async fn the_command_line_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let [line, environment, file] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let folder = |dir: &tempfile::TempDir| dir.path().to_str().unwrap().to_owned();
    let toml = format!("[models]\nrepository = {:?}\n", file.path());
    let (by_line, by_environment) = (folder(&line), folder(&environment));
    let variable = "GATEWAY_MODEL_REPOSITORY";
    let option = ["--model-repository", &by_line];
    for (setup, expected) in [
        (Setup::new(), String::new()),
        (Setup::new().config(&toml), folder(&file)),
        (
            Setup::new().config(&toml).env(variable, &by_environment),
            by_environment.clone(),
        ),
        (
            Setup::new()
                .config(&toml)
                .env(variable, &by_environment)
                .args(option),
            by_line.clone(),
        ),
        (
            Setup::new().env(variable, &by_environment),
            by_environment.clone(),
        ),
        (Setup::new().config(&toml).args(option), by_line.clone()),
    ] {
        let config = setup.start().admin("/admin/config").await;
        assert_eq!(config["models"]["repository"], *expected, "{config}");
    }
}

#[tokio::test]
async fn every_option_has_its_variable() {
    let setup = Setup::bare();
    let path = setup.file("named.toml", b"[http]\nbacklog = 777\n");
    let setup = setup
        .env("GATEWAY_CONFIG", path)
        .env("GATEWAY_HTTP", "127.0.0.1:0")
        .env("GATEWAY_GRPC", "127.0.0.1:0")
        .env("GATEWAY_ADMIN", "127.0.0.1:0");
    let gateway = setup.start();
    let config = gateway.admin("/admin/config").await;
    assert_eq!(config["http"]["backlog"], 777);
    for port in ["http", "grpc", "admin"] {
        assert_eq!(config[port]["address"], "127.0.0.1:0", "{config}");
    }
}
