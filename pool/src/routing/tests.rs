use std::time::Duration;

use actix::Actor;
use common::SystemClock;
use inference_actor::{
    CodelSettings, Options, Watchdog, WatchdogTimeouts,
    arena::{ArenaRules, Arenas, Classes},
};

use super::*;

/// Routes to actors that run; which of them answer is the test's to say.
struct Stage {
    watchdog: Watchdog,
}

impl Stage {
    fn new() -> Self {
        let timeouts = WatchdogTimeouts {
            stall_after: Duration::from_secs(60),
            hang_grace: Duration::from_secs(60),
        };
        let watchdog = Watchdog::start(timeouts, Arc::new(SystemClock), Box::new(|_| true));
        Self {
            watchdog: watchdog.unwrap(),
        }
    }

    fn actor(&self, id: &str, host: Option<usize>) -> ActorRoute {
        let (id, gauge) = (ActorId(id.into()), Gauge::new());
        let watch = self.watchdog.watch(id.clone(), 0, Arc::clone(&gauge));
        let addr = InferenceActor::new(Options {
            id: id.clone(),
            incarnation: 0,
            gauge: Arc::clone(&gauge),
            watch,
            model: "m".parse().unwrap(),
            version: ModelVersion::new(1).unwrap(),
            queue: 1,
            codel: CodelSettings {
                target: Duration::from_secs(1),
                interval: Duration::from_secs(1),
            },
            turn: Duration::ZERO,
            arenas: Arenas::new(
                ArenaRules {
                    classes: Classes::new([16 << 10]),
                    large_bytes: 1 << 20,
                    idle: Duration::from_secs(1),
                    most_leases: 1000,
                },
                1 << 30,
            ),
            clock: Arc::new(SystemClock),
            supervisor: Nobody.start().recipient(),
        });
        ActorRoute {
            id,
            host: host.map(HostId),
            addr: addr.start(),
            gauge,
        }
    }
}

struct Nobody;

impl Actor for Nobody {
    type Context = actix::Context<Self>;
}

impl actix::Handler<inference_actor::RunnerLost> for Nobody {
    type Result = ();
    fn handle(&mut self, _: inference_actor::RunnerLost, _: &mut actix::Context<Self>) {}
}

fn route(actors: Vec<ActorRoute>) -> ModelRoute {
    ModelRoute {
        name: "m".parse().unwrap(),
        version: None,
        spec: None,
        actors,
        status: ModelStatus::Ready,
    }
}

fn picked(route: &ModelRoute, here: usize, not: Option<&ActorId>) -> Option<String> {
    route
        .pick(HostId(here), 0, not)
        .map(|actor| actor.id.to_string())
}

#[actix_rt::test]
async fn among_dedicated_actors_the_least_loaded_is_asked() {
    let stage = Stage::new();
    let route = route(vec![stage.actor("d0", None), stage.actor("d1", None)]);
    route.actors.iter().for_each(|a| a.gauge.show_session(true));
    let _busy = [
        route.actors[0].gauge.permit(),
        route.actors[0].gauge.permit(),
    ];
    let _less = route.actors[1].gauge.permit();
    assert_eq!(picked(&route, 0, None).as_deref(), Some("d1"));
    assert_eq!(
        picked(&route, 0, Some(&route.actors[1].id)).as_deref(),
        Some("d0")
    );
    route.actors[1].gauge.show_session(false);
    assert_eq!(
        picked(&route, 0, None).as_deref(),
        Some("d0"),
        "one that answers beats an idle one that does not"
    );
}

#[actix_rt::test]
async fn a_threads_own_actor_comes_first_while_it_answers() {
    let stage = Stage::new();
    let route = route(vec![stage.actor("w0", Some(0)), stage.actor("w1", Some(1))]);
    assert!(
        picked(&route, 1, None).is_some(),
        "with no session anywhere, one holds the request"
    );
    route.actors.iter().for_each(|a| a.gauge.show_session(true));
    let _busy = route.actors[1].gauge.permit();
    assert_eq!(picked(&route, 1, None).as_deref(), Some("w1"));
    route.actors[1].gauge.show_session(false);
    assert_eq!(picked(&route, 1, None).as_deref(), Some("w0"));
    let alone = super::tests::route(vec![route.actors[0].clone()]);
    assert_eq!(
        picked(&alone, 0, Some(&alone.actors[0].id)),
        None,
        "there is no elsewhere"
    );
}
