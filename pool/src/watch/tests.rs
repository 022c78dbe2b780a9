use super::*;

const SECOND: Duration = Duration::from_secs(1);
const DEBOUNCE: Duration = Duration::from_secs(3);

fn key(text: &str) -> ModelKey {
    text.parse().unwrap()
}

fn seen(versions: &[(&str, u64)]) -> Seen {
    let sight = |stamp| Sight {
        stamp: Stamp(stamp),
        whole: true,
    };
    Seen {
        versions: versions
            .iter()
            .map(|(text, stamp)| (key(text), sight(*stamp)))
            .collect(),
        models: versions.iter().map(|(text, _)| key(text).name).collect(),
    }
}

/// Looks once a second; what each look asks for.
struct Looks {
    watcher: Watcher,
    serving: BTreeSet<ModelKey>,
    now: Instant,
}

impl Looks {
    fn from(first: &Seen, serving: &[&str]) -> Self {
        let serving: BTreeSet<_> = serving.iter().map(|text| key(text)).collect();
        let now = common::Clock::now(&common::ManualClock::new());
        Self {
            watcher: Watcher::new(DEBOUNCE, first, &serving, now),
            serving,
            now,
        }
    }

    fn look(&mut self, seen: &Seen) -> Vec<Step> {
        self.now += SECOND;
        self.watcher.observe(seen, &self.serving, self.now)
    }

    /// So many looks at the same; every step asked for.
    fn looks(&mut self, count: usize, seen: &Seen) -> Vec<Step> {
        (0..count).flat_map(|_| self.look(seen)).collect()
    }
}

#[test]
fn what_serves_as_it_is_on_disk_is_left_alone() {
    let held = seen(&[("m:1", 7), ("n:4", 8)]);
    let mut looks = Looks::from(&held, &["m:1", "n:4"]);
    assert!(looks.looks(20, &held).is_empty());
}

#[test]
fn a_new_version_is_loaded_once_it_has_not_changed_for_the_debounce_time() {
    let mut looks = Looks::from(&seen(&[("m:1", 7)]), &["m:1"]);
    for stamp in 1..10 {
        let growing = seen(&[("m:1", 7), ("m:2", stamp)]);
        assert!(looks.look(&growing).is_empty(), "it is being written");
    }
    let written = seen(&[("m:1", 7), ("m:2", 10)]);
    assert!(looks.looks(3, &written).is_empty());
    assert_eq!(looks.look(&written), [Step::Load(key("m:2"))]);
    assert!(looks.looks(20, &written).is_empty(), "once");
}

#[test]
fn a_version_with_a_temporary_file_in_it_waits_for_as_long_as_it_is_there() {
    let mut looks = Looks::from(&seen(&[("m:1", 7)]), &["m:1"]);
    let mut copied = seen(&[("m:1", 7), ("m:2", 9)]);
    copied.versions.get_mut(&key("m:2")).unwrap().whole = false;
    assert!(looks.looks(50, &copied).is_empty());
    copied.versions.get_mut(&key("m:2")).unwrap().whole = true;
    assert_eq!(looks.looks(4, &copied), [Step::Load(key("m:2"))]);
}

#[test]
fn a_load_that_failed_is_tried_again_only_when_the_files_change() {
    let mut looks = Looks::from(&seen(&[("m:1", 7)]), &["m:1"]);
    let bad = seen(&[("m:1", 7), ("m:2", 9)]);
    assert_eq!(looks.looks(10, &bad), [Step::Load(key("m:2"))]);
    assert!(looks.looks(100, &bad).is_empty());
    let mended = seen(&[("m:1", 7), ("m:2", 10)]);
    assert_eq!(looks.looks(10, &mended), [Step::Load(key("m:2"))]);
}

#[test]
fn the_former_version_is_unloaded_when_the_new_one_serves_and_not_before() {
    let mut looks = Looks::from(&seen(&[("m:1", 7)]), &["m:1"]);
    // `latest`: the manifest chooses version 2 from now on.
    let new = seen(&[("m:2", 9)]);
    assert_eq!(looks.looks(10, &new), [Step::Load(key("m:2"))]);
    assert!(looks.looks(50, &new).is_empty(), "the load failed");
    looks.serving.insert(key("m:2"));
    assert_eq!(looks.look(&new), [Step::Unload(key("m:1"))]);
}

#[test]
fn a_rollback_takes_the_higher_version_out_and_loads_nothing() {
    let both = seen(&[("m:1", 7), ("m:2", 9)]);
    let mut looks = Looks::from(&both, &["m:1", "m:2"]);
    let back = seen(&[("m:1", 7)]);
    assert_eq!(looks.looks(4, &back), [Step::Unload(key("m:2"))]);
}

#[test]
fn a_model_that_is_gone_is_unloaded_and_one_that_is_back_in_time_is_not() {
    let held = seen(&[("m:1", 7), ("n:1", 8)]);
    let mut looks = Looks::from(&held, &["m:1", "n:1"]);
    let without = seen(&[("n:1", 8)]);
    // A folder that is replaced by a link to another is gone for a moment.
    assert!(looks.looks(2, &without).is_empty());
    assert!(looks.looks(20, &held).is_empty());
    assert_eq!(looks.looks(4, &without), [Step::Unload(key("m:1"))]);
}

#[test]
fn a_broken_manifest_and_a_repository_that_is_not_there_unload_nothing() {
    let held = seen(&[("m:1", 7), ("n:1", 8)]);
    let mut looks = Looks::from(&held, &["m:1", "n:1"]);
    let mut unusable = seen(&[("n:1", 8)]);
    unusable.models.insert(key("m:1").name);
    assert!(looks.looks(50, &unusable).is_empty());
    assert!(looks.looks(50, &Seen::default()).is_empty());
}

#[test]
fn a_changed_file_of_a_version_that_serves_is_loaded_again() {
    let mut looks = Looks::from(&seen(&[("m:1", 7)]), &["m:1"]);
    let changed = seen(&[("m:1", 8)]);
    assert_eq!(looks.looks(10, &changed), [Step::Load(key("m:1"))]);
}
