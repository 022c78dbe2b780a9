//! `gateway doctor` says what is wrong and how to mend it, and ends as a start would.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

use std::{fs, io::ErrorKind, net::TcpListener, path::Path, process::Command};

/// Its status and what it printed.
fn doctor(arguments: &[&str], library: Option<&str>) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.arg("doctor").args(arguments);
    if let Some(library) = library {
        command.env("ORT_DYLIB_PATH", library);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

const FREE: [&str; 4] = ["--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

fn problems(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| line.starts_with("PROBLEM"))
        .collect()
}

#[test]
fn a_workspace_that_was_built_is_well() {
    let (status, text) = doctor(&FREE, None);
    assert_eq!((status, problems(&text).len()), (0, 0), "{text}");
    assert!(
        text.contains("ok       model ml100k_din: version 1 loads"),
        "{text}"
    );
}

#[test]
fn a_wrong_library_is_named_with_its_mend() {
    let (status, text) = doctor(&FREE, Some("/no/such/library.so"));
    let found = problems(&text);
    assert_eq!((status, found.len()), (69, 1), "{text}");
    assert!(
        found[0].contains("ORT_DYLIB_PATH") && found[0].contains("unset it"),
        "{text}"
    );
}

#[test]
fn a_taken_port_is_named_with_its_mend() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, text) = doctor(&["--http", &address, "--admin", "127.0.0.1:0"], None);
    let found = problems(&text);
    assert_eq!((status, found.len()), (69, 1), "{text}");
    assert!(
        found[0].contains(&address) && found[0].contains("--http"),
        "{text}"
    );
}

#[test]
fn a_missing_repository_and_a_damaged_model_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("models");
    let with = |repository: &Path| {
        let given = ["--model-repository", repository.to_str().unwrap()];
        doctor(&[&FREE[..], &given].concat(), None)
    };
    let (status, text) = with(&repository);
    assert_eq!(status, 66, "{text}");
    assert!(
        problems(&text)[0].contains("NAME/VERSION/model.onnx"),
        "{text}"
    );

    fs::create_dir_all(repository.join("ml100k_din/1")).unwrap();
    fs::write(repository.join("ml100k_din/1/model.onnx"), "no model").unwrap();
    let (status, text) = with(&repository);
    assert_eq!(status, 65, "{text}");
    assert!(
        text.contains("PROBLEM  model ml100k_din") && text.contains("export it again"),
        "{text}"
    );
}

#[test]
fn a_scene_of_a_genre_that_nobody_has_is_named_with_those_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(&config, "[scenes.genre_comedy]\ngenre = \"Comdy\"\n").unwrap();
    let given = ["--config", config.to_str().unwrap()];
    let (status, text) = doctor(&[&FREE[..], &given].concat(), None);
    assert_eq!(status, 64, "{text}");
    assert!(
        text.contains("`Comdy`") && text.contains("Comedy, "),
        "{text}"
    );
}

/// The doctor as a user who owns nothing. Root may read everything, so root lets another user look,
/// who gets a copy of the program where it can be reached: `folder`.
fn as_a_stranger(folder: &Path, arguments: &[&str]) -> (i32, String) {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    let own = Path::new(env!("CARGO_BIN_EXE_gateway"));
    let mut command = Command::new(own);
    if rustix::process::geteuid().is_root() {
        let reachable = folder.join("gateway");
        if !reachable.exists() {
            fs::copy(own, &reachable).unwrap();
        }
        command = Command::new(reachable);
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
    }
    command.arg("doctor").args(arguments);
    let output = loop {
        // A test that forked while the copy was written holds it open for a moment.
        match command.output() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            ended => break ended.unwrap(),
        }
    };
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

fn allow(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_may_not_be_read_is_named_with_the_command_that_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    allow(folder.path(), 0o755);
    let repository = folder.path().join("models");
    let version = repository.join("mine/1");
    let model = version.join("model.onnx");
    fs::create_dir_all(&version).unwrap();
    fs::write(&model, "no model, but nobody gets to see that").unwrap();
    let store = folder.path().join("features.redb");
    fs::write(&store, "").unwrap();
    let config = folder.path().join("config.toml");
    let named = format!("[features]\nstore = \"{}\"\n", store.display());
    fs::write(&config, named).unwrap();
    let given = ["--config", config.to_str().unwrap(), "--model-repository"];
    let given = [&FREE[..], &given, &[repository.to_str().unwrap()]].concat();

    allow(&model, 0o000);
    allow(&store, 0o000);
    let (status, text) = as_a_stranger(folder.path(), &given);
    assert_ne!(status, 0, "{text}");
    for (what, path) in [("model mine", &model), ("feature store", &store)] {
        let mend = format!("run `chmod a+r {}`", path.display());
        let told = |line: &&str| line.starts_with(&format!("PROBLEM  {what}"));
        let line = text.lines().find(told).unwrap_or_default();
        assert!(
            line.contains("permission denied") && line.contains(&mend),
            "{text}"
        );
    }

    allow(&repository, 0o000);
    let (_, text) = as_a_stranger(folder.path(), &given);
    allow(&repository, 0o755);
    let mend = format!("run `chmod a+rx {}`", repository.display());
    assert!(
        text.contains("PROBLEM  model repository") && text.contains(&mend),
        "{text}"
    );
}
