//! Hangs, placement and an operator's hand on actors, seen from outside.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod rig;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rig::{CALM, Rig, call::Caller, drill, eventually};

/// Every fourth run hangs for far longer than any request waits.
fn hanging(top: &str, mode: &str) -> String {
    let behaviour =
        format!("latency = \"1ms\"\nhang_every = 4\nhang = \"60s\"\nhang_mode = \"{mode}\"");
    drill(top, &behaviour)
}

fn statuses(rig: &Rig, requests: usize, timeout_ms: u64) -> Vec<u16> {
    (0..requests)
        .map(|_| rig.recommend("m", timeout_ms))
        .collect()
}

#[test]
fn a_dedicated_run_that_honours_its_end_costs_one_504() {
    let model = hanging("placement = \"dedicated\"\ninstances = 2", "honours");
    let rig = Rig::start(&[("m", model)], CALM);
    assert_eq!(
        statuses(&rig, 8, 100),
        [200, 200, 200, 504, 200, 200, 200, 504]
    );
    let pool = rig.look("/admin/pool");
    assert_eq!(pool["threads_given_up"], 0);
}

#[test]
fn a_dedicated_run_that_ignores_its_end_loses_its_thread_and_nobody_else() {
    let model = hanging("placement = \"dedicated\"\ninstances = 2", "ignores");
    let config = format!("{CALM}[supervision]\nhang_grace = \"50ms\"\n");
    let rig = Rig::start(&[("m", model)], &config);
    assert_eq!(statuses(&rig, 4, 100), [200, 200, 200, 504]);
    // The other actor answers while this one is held, and before it is replaced.
    assert_eq!(statuses(&rig, 3, 2000), [200, 200, 200]);
    eventually("the thread to be replaced", || {
        let pool = rig.look("/admin/pool");
        (pool["threads_given_up"] == 1 && pool["threads_in_quarantine"] == 1).then_some(())
    });
    let counts = |what: &str| -> Vec<u64> {
        let actors = rig.actors_of("m");
        let of = |id: &String| {
            let actor = rig.look(&format!("/admin/actors/{id}"));
            actor["supervision"][what].as_u64().unwrap()
        };
        actors.iter().map(of).collect()
    };
    assert_eq!(counts("kills").iter().sum::<u64>(), 1);
    assert_eq!(counts("panics").iter().sum::<u64>(), 0);
    rig.actors_of("m")
        .iter()
        .for_each(|id| rig.until(id, "serving"));
    assert_eq!(rig.recommend("m", 100), 504, "the eighth run");
    assert_eq!(rig.recommend("m", 2000), 200);
}

#[test]
fn a_colocated_run_that_honours_its_end_costs_one_504() {
    let model = hanging("placement = \"colocated\"", "honours");
    let rig = Rig::start(&[("m", model)], CALM);
    assert_eq!(
        statuses(&rig, 8, 100),
        [200, 200, 200, 504, 200, 200, 200, 504]
    );
}

#[test]
fn a_colocated_run_that_ignores_its_end_ends_the_process_with_status_70() {
    let held = hanging("placement = \"colocated\"", "ignores");
    let other = drill(
        "placement = \"dedicated\"\ninstances = 1",
        "latency = \"1500ms\"",
    );
    let config = format!(
        "{CALM}[limits]\ndeadline = \"10s\"\n[http]\nworkers = 2\n[supervision]\nhang_grace = \"200ms\"\n\
         [drain]\ndelay = \"200ms\"\ngrace = \"10s\"\n"
    );
    let rig = Rig::start(&[("m", held), ("other", other)], &config);
    assert_eq!(statuses(&rig, 3, 100), [200, 200, 200]);
    let http = rig.http;
    // Connections are dealt to the two workers in turn: these two go to different ones.
    let (mut of_other, mut of_held) = (Caller::new(http), Caller::new(http));
    of_other.connect().unwrap();
    of_held.connect().unwrap();
    let answered = std::thread::spawn(move || of_other.recommend("other", 8000).unwrap().status);
    eventually("the other worker's request", || {
        (rig.look("/admin/actors/other-1-d0")["mailbox_depth"] == 1).then_some(())
    });
    let lost = std::thread::spawn(move || of_held.recommend("m", 100).is_err());
    eventually("readiness to say no", || (rig.ready() != 200).then_some(()));
    let (status, log) = rig.ended();
    assert_eq!(status.code(), Some(70), "{log}");
    assert!(log.contains("is held"), "{log}");
    assert_eq!(answered.join().unwrap(), 200, "the other worker is drained");
    assert!(
        lost.join().unwrap(),
        "the held worker's request is the one exception"
    );
}

#[test]
fn a_model_whose_runs_hold_more_threads_than_allowed_is_parked_and_the_process_serves_on() {
    let behaviour = "hang_every = 1\nhang = \"60s\"\nhang_mode = \"ignores\"";
    let model = drill("placement = \"dedicated\"\ninstances = 1", behaviour);
    let config = format!(
        "{CALM}[supervision]\nhang_grace = \"20ms\"\nrestart_delay = \"1ms\"\nquarantine = 1\n\
         [drain]\ndelay = \"10ms\"\ngrace = \"2s\"\n"
    );
    let other = drill("placement = \"colocated\"", "latency = \"1ms\"");
    let rig = Rig::start(&[("m", model), ("other", other)], &config);
    assert_eq!(rig.recommend("m", 50), 504);
    rig.until("m-1-d0", "serving");
    eventually("the first thread to be given up", || {
        (rig.look("/admin/pool")["threads_in_quarantine"] == 1).then_some(())
    });
    rig.until("m-1-d0", "serving");
    assert_eq!(rig.recommend("m", 50), 504);
    rig.until("m-1-d0", "parked");
    let answer = Caller::new(rig.http).recommend("m", 50).unwrap();
    assert_eq!(answer.status, 503);
    assert!(
        answer.body.contains("do not end when they are told to"),
        "{}",
        answer.body
    );
    assert_eq!((rig.recommend("other", 800), rig.ready()), (200, 200));
    assert_eq!(rig.look("/admin/pool")["threads_in_quarantine"], 2);
    // An operator may try once more.
    assert_eq!(rig.change("/admin/actors/m-1-d0/resume").0, 200);
    rig.until("m-1-d0", "serving");
    rig.terminate();
    let (_, log) = rig.ended();
    assert!(log.contains("model parked"), "{log}");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the grace time is a promise about real time"
)]
fn a_stop_during_a_hang_ends_within_the_grace_time() {
    for place in [
        "placement = \"colocated\"",
        "placement = \"dedicated\"\ninstances = 1",
    ] {
        let behaviour = "hang_every = 1\nhang = \"60s\"\nhang_mode = \"ignores\"";
        let config = "[limits]\ndeadline = \"30s\"\n[drain]\ndelay = \"100ms\"\ngrace = \"1s\"\n";
        let rig = Rig::start(&[("m", drill(place, behaviour))], config);
        let http = rig.http;
        let held = std::thread::spawn(move || Caller::new(http).recommend("m", 30_000).is_err());
        eventually("the run", || {
            let actors = rig.look("/admin/actors");
            let actors = actors["inference"].as_array().unwrap().clone();
            actors
                .iter()
                .any(|actor| actor["mailbox_depth"] == 1)
                .then_some(())
        });
        let start = Instant::now();
        rig.terminate();
        let (status, log) = rig.ended();
        // The runner may be busy: far from the hang's 60 s and the deadline's 30 s is what counts.
        assert!(start.elapsed() < Duration::from_secs(15), "{place}");
        assert!(
            matches!(status.code(), Some(0 | 70)),
            "{place}: {status} {log}"
        );
        held.join().unwrap();
    }
}

#[test]
fn auto_places_by_the_run_at_warm_up() {
    let short = drill("", "latency = \"200us\"");
    let long = drill("instances = 1", "latency = \"5ms\"");
    let rig = Rig::start(&[("short", short), ("long", long)], CALM);
    let pool = rig.look("/admin/pool");
    let placement = |model: &str| {
        let models = pool["models"].as_array().unwrap();
        let of = models
            .iter()
            .find(|report| report["model"] == model)
            .unwrap();
        (of["placement"].clone(), of["warm_up_run_us"].clone())
    };
    assert_eq!(placement("short"), ("colocated".into(), 200.into()));
    assert_eq!(placement("long"), ("dedicated".into(), 5000.into()));
    assert_eq!(
        (rig.recommend("short", 800), rig.recommend("long", 800)),
        (200, 200)
    );
}

#[test]
fn threads_never_outnumber_what_was_granted() {
    let greedy = drill(
        "placement = \"dedicated\"\ninstances = 9",
        "latency = \"1ms\"",
    );
    let modest = drill("", "latency = \"5ms\"");
    let config = format!("{CALM}[models]\ndedicated_threads = 3\n");
    let rig = Rig::start(&[("greedy", greedy), ("modest", modest)], &config);
    let pool = rig.look("/admin/pool");
    assert_eq!(
        (
            &pool["dedicated_threads_granted"],
            &pool["dedicated_threads_used"]
        ),
        (&3.into(), &3.into())
    );
    assert_eq!(rig.actors_of("greedy").len(), 3);
    assert!(
        pool["models"][1]["placement_reason"]
            .as_str()
            .unwrap()
            .contains("shares a thread")
    );
    assert_eq!(
        (rig.recommend("greedy", 800), rig.recommend("modest", 800)),
        (200, 200)
    );
}

#[test]
fn a_model_whose_live_runs_become_long_moves_to_its_own_threads_without_a_failed_request() {
    // Short by its settings, long from half a second after the load on.
    let behaviour =
        "latency = \"500us\"\nslow_from = \"500ms\"\nslow_for = \"1h\"\nslow_factor = 6";
    let rig = Rig::start(&[("m", drill("", behaviour))], CALM);
    let failed = under_load(&rig, || {
        eventually("the move", || {
            let pool = rig.look("/admin/pool");
            (pool["models_moved"] == 1 && pool["models"][0]["placement"] == "dedicated")
                .then_some(())
        });
        eventually("the old actors to be gone", || {
            rig.actors_of("m")
                .iter()
                .all(|id| id.contains("-d"))
                .then_some(())
        });
    });
    assert!(failed.is_empty(), "{failed:?}");
}

/// Does something while four callers keep asking; gives every answer that was not 200.
fn under_load(rig: &Rig, act: impl FnOnce()) -> Vec<String> {
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
        eventually("load", || {
            (answered.load(Ordering::Relaxed) > 20).then_some(())
        });
        act();
        over.store(true, Ordering::Relaxed);
    });
    failed.into_inner().unwrap()
}

fn each_command_in_turn(place: &str) {
    let rig = Rig::start(&[("m", drill(place, "latency = \"1ms\""))], CALM);
    let failed = under_load(&rig, || {
        for id in rig.actors_of("m") {
            let ask = |command: &str| {
                let (status, body) = rig.change(&format!("/admin/actors/{id}/{command}"));
                assert_eq!(status, 200, "{id} {command}: {body}");
            };
            ask("pause");
            rig.until(&id, "paused");
            ask("resume");
            rig.until(&id, "serving");
            ask("restart");
            rig.until(&id, "serving");
            ask("drain");
            rig.until(&id, "drained");
            ask("resume");
            rig.until(&id, "serving");
        }
    });
    assert!(failed.is_empty(), "{place}: {failed:?}");
}

#[test]
fn steering_colocated_actors_one_by_one_fails_no_request() {
    each_command_in_turn("placement = \"colocated\"");
}

#[test]
fn steering_dedicated_actors_one_by_one_fails_no_request() {
    each_command_in_turn("placement = \"dedicated\"\ninstances = 2");
}

#[test]
fn a_panic_is_answered_by_another_actor() {
    let model = drill(
        "placement = \"dedicated\"\ninstances = 2",
        "latency = \"1ms\"\npanic_every = 20",
    );
    let rig = Rig::start(&[("m", model)], CALM);
    assert!(
        statuses(&rig, 100, 5000)
            .iter()
            .all(|status| *status == 200)
    );
    let panics = |id: &String| {
        let actor = rig.look(&format!("/admin/actors/{id}"));
        assert!(actor["last_panic"].is_object() || actor["supervision"]["panics"] == 0);
        actor["supervision"]["panics"].as_u64().unwrap()
    };
    assert!(rig.actors_of("m").iter().map(panics).sum::<u64>() >= 5);
}

#[test]
fn with_every_actor_paused_the_answer_is_a_clear_503_and_conflicts_are_409() {
    let rig = Rig::start(
        &[("m", drill("placement = \"colocated\"", "latency = \"1ms\""))],
        CALM,
    );
    let actors = rig.actors_of("m");
    for id in &actors {
        assert_eq!(rig.change(&format!("/admin/actors/{id}/pause")).0, 200);
        assert_eq!(rig.change(&format!("/admin/actors/{id}/pause")).0, 409);
    }
    let answer = Caller::new(rig.http).recommend("m", 800).unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    assert!(
        answer.body.contains("is paused") && answer.body.contains("MODEL.CONFIG.UNAVAILABLE"),
        "{}",
        answer.body
    );
    assert_eq!(rig.change("/admin/actors/nobody/pause").0, 404);
    assert_eq!(rig.change("/admin/actors/front-0/pause").0, 409);
    assert_eq!(
        rig.change(&format!("/admin/actors/{}/explode", actors[0]))
            .0,
        404
    );
    assert_eq!(
        rig.change(&format!("/admin/actors/{}/resume", actors[0])).0,
        200
    );
    assert_eq!(rig.recommend("m", 800), 200);
}

#[test]
fn an_actor_that_keeps_failing_is_parked_and_comes_back_when_asked() {
    let model = drill(
        "placement = \"dedicated\"\ninstances = 1",
        "panic_every = 1",
    );
    let config = format!(
        "{CALM}[supervision]\nrestart_delay = \"1ms\"\nrestart_delay_max = \"2ms\"\npark_after = 3\n"
    );
    let rig = Rig::start(&[("m", model)], &config);
    let id = "m-1-d0";
    eventually("parking", || {
        rig.recommend("m", 300);
        (rig.look(&format!("/admin/actors/{id}"))["state"] == "parked").then_some(())
    });
    let answer = Caller::new(rig.http).recommend("m", 300).unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    // Before its model is taken out of service the answer names the actor, afterwards the model.
    let told = ["is parked", "keep failing"];
    let says_why = told.iter().any(|why| answer.body.contains(why));
    assert!(says_why, "{}", answer.body);
    assert_eq!(rig.change(&format!("/admin/actors/{id}/resume")).0, 200);
    rig.until(id, "serving");
}

#[test]
fn an_actor_that_outgrows_its_limit_is_recycled_without_a_failed_request() {
    let model = drill(
        "placement = \"colocated\"",
        "latency = \"1ms\"\nmemory = \"1MiB\"\nleak = \"16KiB\"",
    );
    let config = format!("{CALM}[supervision]\nactor_memory = \"2MiB\"\n");
    let rig = Rig::start(&[("m", model)], &config);
    let failed = under_load(&rig, || {
        eventually("both to be recycled", || {
            let recycled = |id: &String| {
                let actor = rig.look(&format!("/admin/actors/{id}"));
                actor["supervision"]["recycles"].as_u64().unwrap() > 0
            };
            rig.actors_of("m").iter().all(recycled).then_some(())
        });
    });
    assert!(failed.is_empty(), "{failed:?}");
}
