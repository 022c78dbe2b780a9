//! The gateway contacts nobody that its configuration does not name, and writes to no folder but its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code; clippy only knows the functions marked so"
)]

mod harness;

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, Ipv6Addr},
    path::Path,
    time::Duration,
};

use harness::process::{Setup, UNHURRIED};
use serde_json::json;

/// ONNX Runtime's first attempt to send usage data comes nine seconds after its library was loaded.
const WATCHED: Duration = Duration::from_secs(12);

/// Sockets of a process that lead, or could lead, out of this machine: one line each.
fn outward_sockets(process: u32) -> BTreeSet<String> {
    let own: BTreeSet<String> = fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|target| {
            let target = target.to_string_lossy().into_owned();
            let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect();
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let Ok(text) = fs::read_to_string(format!("/proc/{process}/net/{table}")) else {
            continue;
        };
        for line in text.lines().skip(1) {
            let columns: Vec<_> = line.split_whitespace().collect();
            let (remote, inode) = (columns[2], columns[9]);
            let address = remote.split(':').next().unwrap();
            let local = is_local(address) && table.starts_with("tcp");
            if own.contains(inode) && !local {
                found.insert(format!("{table} {} {remote}", columns[1]));
            }
        }
    }
    found
}

/// Of an address as the kernel prints it: the loopback, or none (a socket that listens).
fn is_local(address: &str) -> bool {
    let words: Vec<_> = (0..address.len())
        .step_by(8)
        .map(|at| u32::from_str_radix(&address[at..at + 8], 16).unwrap())
        .flat_map(u32::to_le_bytes)
        .collect();
    match <[u8; 4]>::try_from(&words[..]) {
        Ok(four) => {
            let address = Ipv4Addr::from(four);
            address.is_loopback() || address.is_unspecified()
        }
        Err(_) => {
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(&words[..]).unwrap());
            let mapped = address.to_ipv4_mapped().is_some_and(|a| a.is_loopback());
            address.is_loopback() || address.is_unspecified() || mapped
        }
    }
}

fn files_below(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect()
}

#[tokio::test]
async fn a_gateway_that_is_used_contacts_nobody_and_leaves_no_file_behind() {
    let [home, temporary, folder] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    // The variable says the opposite: the gateway must not leave it to its environment.
    let gateway = Setup::new()
        .config(UNHURRIED)
        .env("ORT_DISABLE_TELEMETRY", "0")
        .env("HOME", home.path())
        .env("XDG_CACHE_HOME", home.path().join(".cache"))
        .env("TMPDIR", temporary.path())
        .folder(folder.path())
        .start();
    let mut seen = BTreeSet::new();
    let watched = async {
        loop {
            seen.extend(outward_sockets(gateway.id()));
            let answer = gateway.recommend(&json!({"user_id": "196"})).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // Running out of time is how watching ends.
    let _ = tokio::time::timeout(WATCHED, watched).await;
    assert!(seen.is_empty(), "{seen:?}");
    for folder in [&home, &temporary, &folder] {
        let files = files_below(folder.path());
        assert!(files.is_empty(), "{files:?}");
    }
}
