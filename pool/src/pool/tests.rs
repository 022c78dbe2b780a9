//! The whole pool with the drill engine: what callers see while models come and go.

mod stage;

use common::ErrorCode;

use self::stage::{Stage, drill};
use super::*;
use crate::placement::Place;

const DEDICATED: &str = "placement = \"dedicated\"\ninstances = 1";

fn key(text: &str) -> common::ModelKey {
    text.parse().unwrap()
}

#[actix_rt::test]
async fn a_dedicated_model_that_holds_every_thread_is_reloaded_without_a_pause() {
    let stage = Stage::new(1, &[("m:1", &drill(DEDICATED, "latency = \"1ms\""))]).await;
    let before = stage.actors_of("m:1").await;
    let failed = stage
        .under_load("m", async {
            for _ in 0..5 {
                stage
                    .pool
                    .load_model("m".parse().unwrap(), None)
                    .await
                    .unwrap();
            }
        })
        .await;
    assert!(failed.is_empty(), "{failed:?}");
    let after = stage.actors_of("m:1").await;
    assert!(after.len() == 1 && after != before, "{before:?} {after:?}");
    assert_eq!(stage.report("m:1").await.placement, Some(Place::Dedicated));
    assert_eq!(stage.pool.report().await.unwrap().dedicated_threads_used, 1);
}

#[actix_rt::test]
async fn an_auto_model_whose_runs_are_long_stays_off_the_workers_when_it_is_reloaded() {
    let stage = Stage::new(1, &[("m:1", &drill("instances = 1", "latency = \"5ms\""))]).await;
    for _ in 0..3 {
        assert_eq!(stage.report("m:1").await.placement, Some(Place::Dedicated));
        stage
            .pool
            .load_model("m".parse().unwrap(), None)
            .await
            .unwrap();
    }
    assert_eq!(stage.report("m:1").await.placement, Some(Place::Dedicated));
}

#[actix_rt::test]
async fn the_actors_of_a_former_load_end_and_their_threads_go_back() {
    let two = "placement = \"dedicated\"\ninstances = 2";
    let stage = Stage::new(2, &[("m:1", &drill(two, "")), ("w:1", &drill("", ""))]).await;
    for model in ["m", "w"] {
        let views = stage.views(model).await.into_iter();
        let former: Vec<_> = views.map(|view| view.addr.downgrade()).collect();
        stage
            .pool
            .load_model(model.parse().unwrap(), None)
            .await
            .unwrap();
        stage
            .until(|| former.iter().all(|addr| addr.upgrade().is_none()))
            .await;
    }
    stage
        .pool
        .unload_model("m".parse().unwrap(), None)
        .await
        .unwrap();
    stage
        .until_async(async || stage.pool.report().await.unwrap().dedicated_threads_used == 0)
        .await;
}

#[actix_rt::test]
async fn a_load_that_fails_changes_nothing_and_keeps_no_thread() {
    let stage = Stage::new(2, &[("m:1", &drill(DEDICATED, ""))]).await;
    let before = stage.actors_of("m:1").await;
    stage.write("m", "placement = \"nowhere\"");
    let error = stage
        .pool
        .load_model("m".parse().unwrap(), None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("model.toml"), "{error}");
    // It loads, and its second instance finds no session.
    stage.write(
        "m",
        &drill(
            "placement = \"dedicated\"\ninstances = 2\nengine = \"onnx\"",
            "",
        ),
    );
    assert!(
        stage
            .pool
            .load_model("m".parse().unwrap(), None)
            .await
            .is_err()
    );
    assert_eq!(stage.actors_of("m:1").await, before);
    assert_eq!(stage.pool.report().await.unwrap().dedicated_threads_used, 1);
    stage.ask("m").await.unwrap();
}

#[actix_rt::test]
async fn of_two_versions_under_load_one_is_reloaded_and_the_other_left_alone() {
    let manifest = format!("versions = \"all\"\n{}", drill(DEDICATED, ""));
    let stage = Stage::new(2, &[("m:1", &manifest), ("m:2", &manifest)]).await;
    let (one, two) = (stage.actors_of("m:1").await, stage.actors_of("m:2").await);
    assert!(
        one.len() == 1 && two.len() == 1 && one != two,
        "{one:?} {two:?}"
    );
    let second = common::ModelVersion::new(2);
    let failed = stage
        .under_load("m:1", async {
            let other = stage.under_load("m:2", async {
                for _ in 0..3 {
                    stage
                        .pool
                        .load_model("m".parse().unwrap(), second)
                        .await
                        .unwrap();
                }
            });
            let failed = other.await;
            assert!(failed.is_empty(), "{failed:?}");
        })
        .await;
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(stage.actors_of("m:1").await, one);
    assert_ne!(stage.actors_of("m:2").await, two);
    stage
        .pool
        .unload_model("m".parse().unwrap(), second)
        .await
        .unwrap();
    assert!(stage.actors_of("m:2").await.is_empty());
    stage.ask("m").await.unwrap();
    let again = stage.pool.unload_model("m".parse().unwrap(), second).await;
    assert_eq!(again, Err(ChangeError::UnknownVersion(key("m:2"))));
}

#[actix_rt::test]
async fn a_new_highest_version_takes_the_threads_of_the_one_it_replaces() {
    let stage = Stage::new(1, &[("m:1", &drill(DEDICATED, ""))]).await;
    stage.add_version("m", 20_240_101_123_456);
    let failed = stage
        .under_load("m", async {
            stage
                .pool
                .load_model("m".parse().unwrap(), None)
                .await
                .unwrap();
        })
        .await;
    assert!(failed.is_empty(), "{failed:?}");
    assert!(stage.actors_of("m:1").await.is_empty());
    assert_eq!(stage.actors_of("m:20240101123456").await.len(), 1);
}

#[actix_rt::test]
async fn a_second_long_model_shares_a_thread_and_never_comes_to_the_workers() {
    let long = drill("", "latency = \"30ms\"");
    let stage = Stage::new(2, &[("first:1", &long), ("second:1", &long)]).await;
    assert_eq!(stage.actors_of("first:1").await.len(), 2);
    let second = stage.report("second:1").await;
    assert_eq!(second.placement, Some(Place::Dedicated));
    assert!(
        second.placement_reason.contains("shares a thread"),
        "{second:?}"
    );
    for model in ["first", "second"] {
        stage.ask(model).await.unwrap();
    }
    // The thread is not the first's alone any more; what it reloads with does not end the second's.
    stage
        .pool
        .load_model("first".parse().unwrap(), None)
        .await
        .unwrap();
    stage.ask("second").await.unwrap();
    stage
        .pool
        .unload_model("first".parse().unwrap(), None)
        .await
        .unwrap();
    stage.ask("second").await.unwrap();
}

#[actix_rt::test]
async fn a_model_whose_runs_ignore_their_end_is_parked_and_its_neighbour_serves_on() {
    let hangs = "hang_every = 1\nhang = \"5m\"\nhang_mode = \"ignores\"";
    let models = [
        ("bad:1", drill(DEDICATED, hangs)),
        ("good:1", drill(DEDICATED, "latency = \"1ms\"")),
    ];
    let stage = Stage::new(1, &models.each_ref().map(|(k, m)| (*k, m.as_str()))).await;
    for given_up in 1..=2 {
        let answer = stage.ask("bad").await.unwrap_err();
        assert_eq!(answer.code, ErrorCode::Deadline);
        stage
            .until_async(async || stage.pool.report().await.unwrap().threads_given_up == given_up)
            .await;
        stage
            .until_async(async || stage.ask("good").await.is_ok())
            .await;
        if given_up == 1 {
            let serves = async || stage.views("bad").await[0].slot.state == "serving";
            stage.until_async(serves).await;
        }
    }
    let parked = &stage.views("bad").await[0].slot;
    assert_eq!((parked.state, parked.counts.kills), ("parked", 2));
    let good = &stage.views("good").await[0].slot;
    assert_eq!((good.counts.kills, good.failures_in_row), (0, 0));
    let reason = stage.ask("bad").await.unwrap_err();
    assert!(
        reason.message.contains("do not end when they are told to"),
        "{reason}"
    );
    assert_eq!(stage.pool.report().await.unwrap().threads_in_quarantine, 2);
    assert!(stage.pool.wedged.borrow().is_none(), "the process goes on");
}

#[actix_rt::test]
async fn a_half_made_highest_version_leaves_the_one_below_in_service_at_start_and_at_a_load() {
    let stage = Stage::new(1, &[("m:1", &drill(DEDICATED, ""))]).await;
    stage.add_version("m", 2);
    stage.break_version("m", 2);
    let error = stage
        .pool
        .load_model("m".parse().unwrap(), None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("half-made"), "{error}");
    stage.ask("m:1").await.unwrap();
    stage
        .pool
        .unload_model("m".parse().unwrap(), None)
        .await
        .unwrap();
    stage
        .pool
        .load_model("m".parse().unwrap(), None)
        .await
        .unwrap();
    stage.ask("m").await.unwrap();
    assert!(stage.report("m:2").await.status.contains("half-made"));
    let again = Stage::over(stage).await;
    again.ask("m").await.unwrap();
    assert!(again.report("m:2").await.status.contains("half-made"));
}

#[actix_rt::test]
async fn a_watched_repository_is_followed_without_a_failed_request() {
    let stage = Stage::new(1, &[("m:1", &drill(DEDICATED, ""))]).await;
    stage.watch();
    let failed = stage
        .under_load("m", async {
            stage.add_version("m", 2);
            stage
                .until_async(async || stage.actors_of("m:2").await.len() == 1)
                .await;
            stage
                .until_async(async || stage.actors_of("m:1").await.is_empty())
                .await;
            // One that does not load changes nothing, and the reason is shown.
            stage.add_version("m", 3);
            stage.break_version("m", 3);
            let told = async || {
                let status = stage.report_of("m:3").await.map(|report| report.status);
                status.is_some_and(|status| status.contains("half-made"))
            };
            stage.until_async(told).await;
            assert_eq!(stage.actors_of("m:2").await.len(), 1);
            stage.mend_version("m", 3);
            stage
                .until_async(async || stage.actors_of("m:3").await.len() == 1)
                .await;
            stage
                .until_async(async || stage.actors_of("m:2").await.is_empty())
                .await;
        })
        .await;
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(stage.pool.report().await.unwrap().dedicated_threads_used, 1);
}

#[actix_rt::test]
async fn of_the_last_two_versions_a_rollback_is_the_removal_of_the_higher() {
    let manifest = format!("versions = \"latest:2\"\n{}", drill("", ""));
    let stage = Stage::new(1, &[("m:1", &manifest), ("m:2", &manifest)]).await;
    let warm = stage.actors_of("m:1").await;
    stage.watch();
    let failed = stage
        .under_load("m", async {
            stage.remove_version("m", 2);
            stage
                .until_async(async || stage.actors_of("m:2").await.is_empty())
                .await;
        })
        .await;
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(
        stage.actors_of("m:1").await,
        warm,
        "the version below was warm"
    );
}
