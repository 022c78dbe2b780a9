//! The replay program from outside: its exit status and what it prints.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const OPTIONS: [&str; 6] = [
    "--preset",
    "evidence",
    "--deadline-ms",
    "800",
    "--seed",
    "1",
];

fn replay(args: &[&str], input: &str) -> Output {
    // Examples lie beside the `deps` folder that this test runs from, built with it.
    let mut path = std::env::current_exe().expect("this test has a path");
    path.pop();
    path.pop();
    path.push("examples");
    path.push("replay");
    let mut child = Command::new(&path)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the replay example is built with the tests");
    // A program that refuses its command line does not read; that is not our failure.
    let _ = child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends")
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// A request every 10 ms whose outcome depends on the time.
fn trace(seconds: u64, outcome: impl Fn(u64) -> &'static str) -> String {
    let mut text = "t_ms,latency_ms,outcome\n".to_owned();
    for t_ms in (0..seconds * 1_000).step_by(10) {
        text += &format!("{t_ms},{}.5,{}\n", 4 + t_ms / 10 % 7, outcome(t_ms));
    }
    text
}

#[test]
fn an_outage_opens_probes_ramps_and_closes() {
    let input = trace(200, |t| {
        if (60_000..80_000).contains(&t) {
            "fail"
        } else {
            "ok"
        }
    });
    let output = replay(&OPTIONS, &input);
    assert_eq!(output.status.code(), Some(0));
    let changes: Vec<Vec<String>> = lines(&output)
        .iter()
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect();
    let states: Vec<_> = changes
        .iter()
        .map(|c| (c[1].as_str(), c[2].as_str()))
        .collect();
    assert_eq!(
        states,
        [
            ("closed", "open"),
            ("open", "half_open"),
            ("half_open", "ramp"),
            ("ramp", "closed")
        ]
    );
    assert_eq!(changes[0][3], "consecutive_failures");
    let opened: u64 = changes[0][0].parse().unwrap();
    assert!((61_000..61_100).contains(&opened), "{opened}");
}

#[test]
fn the_same_seed_gives_the_same_lines() {
    let input = trace(200, |t| if t > 60_000 { "fail" } else { "ok" });
    assert_eq!(
        replay(&OPTIONS, &input).stdout,
        replay(&OPTIONS, &input).stdout
    );
}

#[test]
fn what_says_nothing_about_the_model_prints_nothing() {
    for outcome in ["shed", "cancel", "bad_input"] {
        let input = trace(120, |t| if t > 60_000 { outcome } else { "ok" });
        let output = replay(&OPTIONS, &input);
        assert_eq!(
            (output.status.code(), lines(&output)),
            (Some(0), Vec::new())
        );
    }
}

#[test]
fn a_quiet_century_a_header_blank_lines_and_slight_disorder_are_taken() {
    let input = "t_ms,latency_ms,outcome\n\n# a remark\n100,5,ok\n90,5,ok\r\n3000000000000,5,ok\n";
    let output = replay(&OPTIONS, input);
    assert_eq!(
        (output.status.code(), lines(&output)),
        (Some(0), Vec::new())
    );
}

#[test]
fn time_passes_through_a_gap_in_the_trace() {
    let mut input = trace(62, |t| if t > 60_000 { "fail" } else { "ok" });
    input += "400000,5,ok\n";
    let output = replay(&OPTIONS, &input);
    let changes = lines(&output);
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(
        changes[1].ends_with("open,half_open,open_elapsed"),
        "{changes:?}"
    );
}

#[test]
fn a_wrong_line_is_named_with_status_65() {
    for (line, what) in [
        ("x,5,ok", "t_ms"),
        ("1,-5,ok", "latency_ms"),
        ("1,NaN,ok", "latency_ms"),
        ("1,5,fine", "outcome"),
        ("1,5", "fields"),
    ] {
        let output = replay(&OPTIONS, &format!("0,5,ok\n{line}\n"));
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(65), "{line}");
        assert!(
            message.contains("line 2") && message.contains(what),
            "{message}"
        );
    }
}

#[test]
fn a_wrong_command_line_has_status_64() {
    for args in [
        &[][..],
        &["--preset", "best", "--deadline-ms", "800", "--seed", "1"],
        &["--preset", "classic", "--deadline-ms", "0", "--seed", "1"],
        &["--preset", "classic", "--deadline-ms", "800"],
        &[
            "--preset",
            "classic",
            "--deadline-ms",
            "800",
            "--seed",
            "1",
            "--fast",
        ],
    ] {
        assert_eq!(replay(args, "").status.code(), Some(64), "{args:?}");
    }
}
