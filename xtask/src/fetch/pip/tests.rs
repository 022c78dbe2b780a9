use std::os::unix::process::ExitStatusExt as _;

use super::*;

const WHEEL: &str = "package-1.0-py3-none-any.whl";

fn diagnose(output: &str, status: i32) -> PipError {
    let pip = Pip {
        command: vec!["pip".into()],
    };
    let ended = Ended {
        status: ExitStatus::from_raw(status),
        output: output.into(),
    };
    pip.diagnose("package==1.0", WHEEL, &ended)
}

/// Exit status 1 as `wait` reports it.
const FAILED: i32 = 1 << 8;

#[test]
fn a_name_that_does_not_resolve_is_no_network() {
    let error = diagnose(
        "Looking in indexes: https://pypi.example/simple\n\
         WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) \
         after connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.\
         HTTPSConnection object at 0x7f1d2b4821d0>: Failed to establish a new connection: \
         [Errno -2] Name or service not known')': /simple/package/\n\
         ERROR: Could not find a version that satisfies the requirement package==1.0 (from \
         versions: none)\n\
         ERROR: No matching distribution found for package==1.0\n",
        FAILED,
    );
    let text = error.to_string();
    assert!(matches!(error, PipError::NoNetwork { .. }), "{text}");
    assert!(
        text.contains(
            "Failed to establish a new connection: [Errno -2] Name or service not known)"
        ),
        "{text}"
    );
}

#[test]
fn a_certificate_a_full_disk_and_a_missing_version_are_told_apart() {
    let certificate = "WARNING: Retrying after connection broken by 'SSLError(SSLCertVerification\
                       Error(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate'))': /x";
    assert!(matches!(
        diagnose(certificate, FAILED),
        PipError::Certificate { .. }
    ));
    let full = "Traceback\nOSError: [Errno 28] No space left on device: 'a' -> 'b'\n";
    assert!(matches!(diagnose(full, FAILED), PipError::DiskFull { .. }));
    let missing = "ERROR: Could not find a version that satisfies the requirement package==1.0 \
                   (from versions: 0.9)\nERROR: No matching distribution found for package==1.0\n";
    assert!(matches!(
        diagnose(missing, FAILED),
        PipError::NotOnIndex { .. }
    ));
}

#[test]
fn anything_else_shows_pips_own_error_and_a_kill_shows_the_signal() {
    let other = diagnose("Collecting package\nERROR: Invalid wheel name\n", FAILED).to_string();
    assert!(other.contains("Invalid wheel name"), "{other}");
    let killed = diagnose("Collecting package\n", 9).to_string();
    assert!(killed.contains("signal: 9"), "{killed}");
    assert_eq!(killed.lines().count(), 1);
}

#[test]
fn a_command_that_outlives_its_limit_is_killed() {
    let command = ["sleep".to_owned()];
    let error = run(&command, &["1000"], None, Duration::from_millis(1))
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
