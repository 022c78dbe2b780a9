//! `xtask fetch` as a person meets it: the binary, a pip that is a script, and everything that
//! can go wrong. No network, and no waiting: processes meet at named pipes.

mod support;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};

use support::{CONTENTS, Stage, WHEEL, assert_fetched, error_line, text, wheel};

#[test]
fn a_good_wheel_is_installed_and_a_second_run_fetches_nothing() {
    let stage = Stage::new();
    let pip = stage.good_pip();
    let first = stage.fetch_with(&pip);
    assert_fetched(&first);
    assert!(text(&first).contains("Package 1.0"), "{}", text(&first));
    assert_eq!(fs::read(stage.installed()).unwrap(), CONTENTS);
    assert!(!stage.cache().join("tmp").exists());

    let second = stage.fetch_with(&pip);
    assert_fetched(&second);
    assert_eq!(text(&second), "");
    assert_eq!(stage.downloads(), 1);
}

#[test]
fn pip_is_asked_for_one_wheel_by_its_tags() {
    let stage = Stage::new();
    assert_fetched(&stage.fetch_with(&stage.good_pip()));
    let asked = fs::read_to_string(stage.path("downloads")).unwrap();
    for part in [
        "download --no-deps --only-binary=:all:",
        "--python-version 3.11 --implementation cp --abi cp311 --platform any",
        " package==1.0\n",
    ] {
        assert!(asked.contains(part), "{asked}");
    }
}

#[test]
fn a_file_that_was_deleted_cut_short_or_unstamped_is_noticed() {
    let stage = Stage::new();
    let pip = stage.good_pip();
    assert_fetched(&stage.fetch_with(&pip));

    fs::remove_file(stage.installed()).unwrap();
    assert_fetched(&stage.fetch_with(&pip));
    assert_eq!(stage.downloads(), 2);

    fs::write(stage.installed(), &CONTENTS[1..]).unwrap();
    assert_fetched(&stage.fetch_with(&pip));
    assert_eq!(stage.downloads(), 3);

    // Whole but without its stamp: checked in place, not fetched again.
    fs::remove_file(stage.installed().with_file_name(".stamp")).unwrap();
    assert_fetched(&stage.fetch_with(&pip));
    assert_eq!(stage.downloads(), 3);

    // The right size and the wrong contents do not earn a stamp.
    fs::remove_file(stage.installed().with_file_name(".stamp")).unwrap();
    fs::write(stage.installed(), CONTENTS.to_ascii_uppercase()).unwrap();
    assert_fetched(&stage.fetch_with(&pip));
    assert_eq!(stage.downloads(), 4);
    assert_eq!(fs::read(stage.installed()).unwrap(), CONTENTS);
}

#[test]
fn new_pins_replace_what_the_old_ones_brought() {
    let stage = Stage::new();
    assert_fetched(&stage.fetch_with(&stage.good_pip()));
    let contents = CONTENTS.to_ascii_uppercase();
    fs::write(stage.path("new.whl"), wheel(&contents)).unwrap();
    stage.pin(&wheel(&contents), &contents);
    assert_fetched(&stage.fetch_with(&stage.pip("cp $stage/new.whl $wheel")));
    assert_eq!(fs::read(stage.installed()).unwrap(), contents);
}

#[test]
fn a_wheel_with_the_wrong_checksum_is_refused() {
    let stage = Stage::new();
    let error = error_line(&stage.fetch_with(&stage.pip("echo other > $wheel")));
    assert!(
        error.contains("wrong checksum") && error.contains(WHEEL),
        "{error}"
    );
    assert!(!stage.installed().exists());
}

#[test]
fn a_file_with_the_wrong_checksum_inside_a_good_wheel_is_refused() {
    let stage = Stage::new();
    let wheel = fs::read(stage.path("good.whl")).unwrap();
    stage.pin(&wheel, b"what the pins expect");
    let error = error_line(&stage.fetch_with(&stage.good_pip()));
    assert!(
        error.contains("wrong checksum for package/library"),
        "{error}"
    );
    assert!(!stage.installed().exists());
}

#[test]
fn no_network_is_said_in_one_line() {
    let stage = Stage::new();
    let pip = stage.pip(
        "echo \"WARNING: Retrying after connection broken by 'NewConnectionError('<x object at \
         0x7f>: Failed to establish a new connection: [Errno 111] Connection refused')': /s/\" >&2\n\
         echo 'ERROR: No matching distribution found for package==1.0' >&2; exit 1",
    );
    let error = error_line(&stage.fetch_with(&pip));
    assert!(
        error.starts_with("error: no network: PyPI did not answer"),
        "{error}"
    );
    assert!(error.contains("[Errno 111] Connection refused") && error.contains("PIP_INDEX_URL"));
}

#[test]
fn a_pip_that_is_killed_half_way_installs_nothing_and_the_next_run_recovers() {
    let stage = Stage::new();
    let pip = stage.pip("head -c 40 $stage/good.whl > $wheel; kill -9 $$");
    let error = error_line(&stage.fetch_with(&pip));
    assert!(
        error.contains("signal: 9") && error.contains("run it again"),
        "{error}"
    );
    assert!(!stage.installed().exists());
    assert!(!stage.cache().join("tmp").exists());
    assert_fetched(&stage.fetch_with(&stage.good_pip()));
}

#[test]
fn a_run_that_is_killed_half_way_leaves_nothing_that_counts() {
    let stage = Stage::new();
    let (started, go_on) = (stage.fifo("started"), stage.fifo("go_on"));
    let pip = stage
        .pip("head -c 40 $stage/good.whl > $wheel; echo x > $stage/started; read x < $stage/go_on");
    let mut killed = stage.command().arg("--pip").arg(&pip).spawn().unwrap();
    stage.wait_for(&started);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!stage.installed().exists());
    assert!(
        stage.cache().join("tmp").exists(),
        "it was killed in the middle"
    );
    drop(File::options().write(true).open(go_on).unwrap());

    assert_fetched(&stage.fetch_with(&stage.good_pip()));
    assert_eq!(fs::read(stage.installed()).unwrap(), CONTENTS);
    assert!(!stage.cache().join("tmp").exists());
}

#[test]
fn of_two_runs_at_once_one_fetches_and_the_other_waits() {
    let stage = Stage::new();
    let (started, go_on) = (stage.fifo("started"), stage.fifo("go_on"));
    let pip =
        stage.pip("echo x > $stage/started; read x < $stage/go_on; cp $stage/good.whl $wheel");
    let first = stage.command().arg("--pip").arg(&pip).spawn().unwrap();
    stage.wait_for(&started);

    let mut second = stage.command().arg("--pip").arg(&pip).spawn().unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(second.stderr.take().unwrap());
    lines.read_line(&mut said).unwrap();
    assert!(said.contains("another run is fetching"), "{said}");

    drop(File::options().write(true).open(go_on).unwrap());
    assert_fetched(&first.wait_with_output().unwrap());
    assert!(second.wait().unwrap().success());
    assert_eq!(stage.downloads(), 1);
    assert_eq!(fs::read(stage.installed()).unwrap(), CONTENTS);
}

#[test]
fn without_python_or_pip_it_says_what_to_install() {
    let stage = Stage::new();
    fs::create_dir(stage.path("bin")).unwrap();
    let run = |stage: &Stage| {
        stage
            .command()
            .env("PATH", stage.path("bin"))
            .output()
            .unwrap()
    };
    let error = error_line(&run(&stage));
    assert!(error.contains("no Python with pip found (tried python3 -m pip, python -m pip"));
    assert!(error.contains("apt-get install python3-pip"), "{error}");

    stage.executable(
        "bin/python3",
        "echo 'python3: No module named pip' >&2; exit 1",
    );
    let error = error_line(&run(&stage));
    assert!(
        error.contains("`python3` is there but has no pip"),
        "{error}"
    );
}

#[test]
fn the_first_pip_that_works_is_used() {
    let stage = Stage::new();
    let pip = stage.good_pip();
    stage.executable(
        "bin/python3",
        "echo 'python3: No module named pip' >&2; exit 1",
    );
    stage.executable(
        "bin/pip3",
        &format!("PATH=/usr/bin:/bin exec {} \"$@\"", pip.display()),
    );
    assert_fetched(
        &stage
            .command()
            .env("PATH", stage.path("bin"))
            .output()
            .unwrap(),
    );
    assert_eq!(stage.downloads(), 1);
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let stage = Stage::new();
    fs::write(stage.cache(), b"a file where the folder belongs").unwrap();
    let error = error_line(&stage.fetch_with(&stage.good_pip()));
    assert!(
        error.contains("cannot create") && error.contains("cache"),
        "{error}"
    );
    assert_eq!(stage.downloads(), 0);
}

#[test]
fn an_unsupported_platform_is_told_so_before_anything_is_fetched() {
    let stage = Stage::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["fetch", "--platform", "windows-x86_64", "--cache"])
        .arg(stage.cache());
    let error = error_line(&command.output().unwrap());
    assert!(
        error.contains("windows-x86_64") && error.contains("linux-aarch64"),
        "{error}"
    );
    assert!(!stage.cache().exists());
}

#[test]
fn wrong_usage_ends_with_64() {
    for arguments in [
        &["fetch", "--nonsense"][..],
        &["nonsense"],
        &[],
        &["tidy", "--pip", "x"],
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(arguments)
            .output();
        assert_eq!(output.unwrap().status.code(), Some(64), "{arguments:?}");
    }
}
