//! Signals that stop the process, and a limit of open files that keeps it from starting.

mod harness;

use harness::{client, eventually, process::Setup};
use rustix::process::Signal;

#[tokio::test]
async fn a_closed_terminal_and_quit_drain() {
    for signal in [Signal::HUP, Signal::QUIT] {
        let gateway = Setup::new()
            .config("[drain]\ndelay = \"300ms\"\ngrace = \"10s\"\n")
            .start();
        gateway.signal(signal);
        eventually("readiness to say no", async || {
            let ready = client::get(gateway.http, "/v2/health/ready").await;
            (ready.status == 503).then_some(())
        })
        .await;
        let ended = gateway.end();
        assert_eq!(ended.status, Some(0), "{ended:#?}");
        assert!(ended.stderr.join("\n").contains("drained"), "{ended:#?}");
    }
}

#[tokio::test]
async fn a_hangup_after_the_first_signal_does_not_cut_the_drain() {
    let gateway = Setup::new()
        .config("[drain]\ndelay = \"500ms\"\ngrace = \"10s\"\n")
        .start();
    gateway.terminate();
    gateway.signal(Signal::HUP);
    let ended = gateway.end();
    assert!(ended.stderr.join("\n").contains("drained"), "{ended:#?}");
}

#[test]
fn a_limit_of_open_files_that_is_too_low_is_named() {
    let ended = Setup::bare()
        .limited("ulimit -n 40")
        .args(["--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .run();
    assert_eq!(ended.status, Some(69), "{ended:#?}");
    let told = ended.stderr.join("\n");
    assert!(told.contains("limit of open files is 40"), "{told}");
}
