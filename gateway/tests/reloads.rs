//! A model that is reloaded again and again while callers keep asking: no request fails, and the
//! process holds what it held at the start.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod rig;

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rig::{CALM, Rig, call::Caller, drill, eventually};

/// Enough for a leak of one thread, descriptor or series a reload to be seen; more by
/// `FUSEBOX_TEST_RELOADS`.
const RELOADS: usize = 30;

fn reloads() -> usize {
    let more = std::env::var("FUSEBOX_TEST_RELOADS");
    more.map_or(RELOADS, |text| text.parse().unwrap())
}

/// What a process holds. Connections of callers are left out: they come and go.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    threads: usize,
    descriptors: usize,
    series: usize,
}

impl Held {
    fn by(rig: &Rig) -> Self {
        let entries = |folder: &str| std::fs::read_dir(rig.proc().join(folder)).unwrap();
        let socket = |entry: &std::fs::DirEntry| {
            let target = std::fs::read_link(entry.path()).unwrap_or_default();
            target.to_string_lossy().starts_with("socket:")
        };
        let descriptors = entries("fd").filter_map(Result::ok);
        // Threads of the blocking pool come and go with loads.
        let blocking = |entry: &std::fs::DirEntry| {
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            name.starts_with("tokio-rt-worker") || name.starts_with("tokio-runtime-w")
        };
        let threads = entries("task").filter_map(Result::ok);
        let metrics = rig.metrics();
        let series: BTreeSet<&str> = metrics
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(name, _)| name)
            .collect();
        Self {
            threads: threads.filter(|entry| !blocking(entry)).count(),
            descriptors: descriptors.filter(|entry| !socket(entry)).count(),
            series: series.len(),
        }
    }
}

fn reloaded_under_load(place: &str, threads: usize) {
    let config = format!("{CALM}[models]\ndedicated_threads = {threads}\n");
    let rig = Rig::start(&[("m", drill(place, "latency = \"1ms\""))], &config);
    let reload = || {
        let (status, body) = rig.change("/v2/repository/models/m/load");
        assert_eq!(status, 200, "{place}: {body}");
    };
    let (over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut caller = Caller::new(rig.http);
                while !over.load(Ordering::Relaxed) {
                    match caller.recommend("m", 5000) {
                        Ok(answer) if answer.status == 200 => {
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        other => failed.lock().unwrap().push(format!("{other:?}")),
                    }
                }
            });
        }
        let some_more = || {
            let so_far = answered.load(Ordering::Relaxed);
            eventually("answers", || {
                (answered.load(Ordering::Relaxed) > so_far + 20).then_some(())
            });
        };
        // The first reload makes what all later ones use again.
        some_more();
        reload();
        some_more();
        let actors = rig.actors_of("m").len();
        let before = Held::by(&rig);
        (0..reloads()).for_each(|_| reload());
        some_more();
        eventually(&format!("{place}: {before:?} again"), || {
            let now = Held::by(&rig);
            (rig.actors_of("m").len() == actors && now == before).then_some(())
        });
        over.store(true, Ordering::Relaxed);
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{place}: {failed:?}");
}

#[test]
fn a_dedicated_model_is_reloaded_under_load_and_nothing_is_left_behind() {
    reloaded_under_load("placement = \"dedicated\"\ninstances = 2", 2);
}

#[test]
fn a_colocated_model_is_reloaded_under_load_and_nothing_is_left_behind() {
    reloaded_under_load("placement = \"colocated\"", 1);
}
