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
            in_routes: Arc::default(),
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

fn version(number: u64) -> ModelVersion {
    ModelVersion::new(number).unwrap()
}

fn table(versions: &[(u64, ModelStatus)]) -> RoutingTable {
    let routes = versions.iter().map(|(number, status)| ModelRoute {
        version: Some(version(*number)),
        status: status.clone(),
        ..route(Vec::new())
    });
    routes.fold(RoutingTable::default(), RoutingTable::with)
}

fn chosen(table: &RoutingTable, model: &ModelRef<'_>) -> Option<u64> {
    let splits = [0, 1, u64::MAX];
    let each = splits.map(|split| table.resolve(model, split)?.version.map(ModelVersion::get));
    assert!(each.iter().all(|one| *one == each[0]), "{each:?}");
    each[0]
}

#[test]
fn a_name_alone_gives_the_highest_version_that_serves_and_a_version_itself() {
    let down = || ModelStatus::Unavailable("parked".into());
    let name: ModelName = "m".parse().unwrap();
    let by_name = ModelRef::Name(&name);
    let held = table(&[
        (2, ModelStatus::Ready),
        (20_240_101_123_456, down()),
        (1, ModelStatus::Ready),
    ]);
    assert_eq!(chosen(&held, &by_name), Some(2));
    let named = ModelRef::Version(&name, version(20_240_101_123_456));
    assert_eq!(chosen(&held, &named), Some(20_240_101_123_456));
    assert_eq!(chosen(&held, &ModelRef::Version(&name, version(3))), None);
    let none_serves = table(&[(1, down()), (2, down())]);
    assert_eq!(
        chosen(&none_serves, &by_name),
        Some(2),
        "so that its reason can be told"
    );
    let other: ModelName = "other".parse().unwrap();
    assert_eq!(chosen(&held, &ModelRef::Name(&other)), None);
}

#[test]
fn a_version_leaves_the_table_alone_and_a_model_with_all_of_its_versions() {
    let name: ModelName = "m".parse().unwrap();
    let held = table(&[(1, ModelStatus::Ready), (2, ModelStatus::Ready)]);
    let without_two = held.clone().without(&name, Some(version(2)));
    assert_eq!(chosen(&without_two, &ModelRef::Name(&name)), Some(1));
    let gone = without_two.without(&name, Some(version(1)));
    assert_eq!(chosen(&gone, &ModelRef::Name(&name)), None);
    assert_eq!(
        chosen(&held.without(&name, None), &ModelRef::Name(&name)),
        None
    );
}

#[test]
fn a_split_divides_callers_and_falls_back_to_the_version_that_serves() {
    let name: ModelName = "m".parse().unwrap();
    let by_name = ModelRef::Name(&name);
    let split = |percent| Some(VersionSplit::new(&name, version(1), version(2), percent));
    let both = || table(&[(1, ModelStatus::Ready), (2, ModelStatus::Ready)]);
    let held = both().with_split(&name, split(0));
    assert_eq!(
        chosen(&held, &by_name),
        Some(1),
        "the new one answers nobody yet"
    );
    assert_eq!(
        chosen(&held, &ModelRef::Version(&name, version(2))),
        Some(2)
    );
    let half = both().with_split(&name, split(50));
    let of_two = (0..1_000_u64)
        .filter(|user| half.resolve(&by_name, user + 1).unwrap().version == Some(version(2)));
    let of_two = of_two.count();
    assert!((430..570).contains(&of_two), "{of_two}");
    assert_eq!(
        chosen(&both().with_split(&name, split(100)), &by_name),
        Some(2)
    );
    let down = ModelStatus::Unavailable("parked".into());
    let one = table(&[(1, ModelStatus::Ready), (2, down)]).with_split(&name, split(100));
    assert_eq!(chosen(&one, &by_name), Some(1));
    // Without one of its versions a split is over, and the highest that serves is taken.
    let left = both()
        .with_split(&name, split(0))
        .without(&name, Some(version(1)));
    assert_eq!(chosen(&left, &by_name), Some(2));
}
