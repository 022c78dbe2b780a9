use std::{collections::HashSet, time::Duration};

use super::{
    super::{
        external,
        wire::{put_bytes, put_varint},
    },
    *,
};

const WEIGHTS: &str = convert::WEIGHTS;

/// A model whose only content is one initialiser of this many floats.
fn model(floats: usize) -> Vec<u8> {
    let data: Vec<u8> = (0..floats).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let (mut tensor, mut graph, mut model) = (Vec::new(), Vec::new(), Vec::new());
    put_varint(&mut tensor, 2 << 3);
    put_varint(&mut tensor, 1);
    put_bytes(&mut tensor, 9, &data);
    put_bytes(&mut tensor, 8, b"table");
    put_bytes(&mut graph, 2, b"g");
    put_bytes(&mut graph, 5, &tensor);
    put_varint(&mut model, 1 << 3);
    put_varint(&mut model, 8);
    put_bytes(&mut model, 7, &graph);
    model
}

fn convert_at(cache: &WeightCache, file: &[u8], at: u64) -> Option<PathBuf> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(at);
    let facts = Facts::of(file).unwrap();
    cache.copy_of(file, &facts, &[], false, now).unwrap()
}

/// A folder with a model and its external data.
struct External {
    root: tempfile::TempDir,
    cache: WeightCache,
}

impl External {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("m/1/sub")).unwrap();
        let cache = WeightCache::new(root.path().join("cache"), 1 << 30);
        let external = Self { root, cache };
        external.put("w.bin", &[1; 5000]);
        external.put("sub/w.bin", &[2; 5000]);
        external
    }

    fn put(&self, name: &str, contents: &[u8]) {
        fs::write(self.root.path().join("m/1").join(name), contents).unwrap();
    }

    fn copy(&self) -> PathBuf {
        let locations = HashSet::from([b"w.bin".to_vec(), b"sub/w.bin".to_vec()]);
        let folder = self.root.path().join("m/1");
        let sources = external::sources(&folder, &locations, &[]).unwrap();
        let copied = self.cache.copy_of(
            b"model",
            &Facts::default(),
            &sources,
            false,
            SystemTime::UNIX_EPOCH,
        );
        copied.unwrap().unwrap()
    }
}

#[test]
fn weights_are_moved_bit_for_bit_and_found_again() {
    let root = tempfile::tempdir().unwrap();
    let cache = WeightCache::new(root.path().join("cache"), 1 << 30);
    let file = model(300_000);
    let small = convert_at(&cache, &file, 1).unwrap();
    let weights = fs::read(small.with_file_name(WEIGHTS)).unwrap();
    let expected: Vec<u8> = (0..300_000)
        .flat_map(|i| (i as f32).to_le_bytes())
        .collect();
    assert!(weights == expected);
    let bytes = fs::read(&small).unwrap();
    assert!(bytes.len() < 200, "{}", bytes.len());
    let facts = Facts::of(&bytes).unwrap();
    assert!(facts.locations.contains(WEIGHTS.as_bytes()));
    assert_eq!(convert_at(&cache, &file, 2), Some(small));
    assert_eq!(fs::read_dir(root.path().join("cache")).unwrap().count(), 1);
}

#[test]
fn several_may_convert_the_same_model_at_once() {
    let root = tempfile::tempdir().unwrap();
    let cache = WeightCache::new(root.path().to_owned(), 1 << 30);
    let file = model(300_000);
    let paths: Vec<_> = std::thread::scope(|scope| {
        let each = [(); 8].map(|()| scope.spawn(|| convert_at(&cache, &file, 1).unwrap()));
        each.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(paths.iter().all(|path| *path == paths[0] && path.is_file()));
    // Nothing half-written is left.
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
}

#[test]
fn small_models_stay_as_they_are() {
    let root = tempfile::tempdir().unwrap();
    let cache = WeightCache::new(root.path().to_owned(), 1 << 30);
    assert_eq!(convert_at(&cache, &model(1000), 1), None);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn the_cache_keeps_within_its_bound_by_dropping_what_was_used_longest_ago() {
    let root = tempfile::tempdir().unwrap();
    let cache = WeightCache::new(root.path().to_owned(), 3 << 20);
    let (a, b, c) = (model(300_000), model(300_001), model(300_002));
    let first = convert_at(&cache, &a, 1).unwrap();
    let second = convert_at(&cache, &b, 2).unwrap();
    convert_at(&cache, &a, 3).unwrap();
    let third = convert_at(&cache, &c, 4).unwrap();
    assert_eq!(
        (first.exists(), second.exists(), third.exists()),
        (true, false, true)
    );
}

#[test]
fn external_data_is_copied_so_that_writing_to_the_original_changes_nothing() {
    let external = External::new();
    let copy = external.copy();
    external.put("w.bin", &[9; 10]);
    assert_eq!(fs::read(&copy).unwrap(), b"model");
    assert_eq!(fs::read(copy.with_file_name("w.bin")).unwrap(), [1; 5000]);
    let sub = copy.with_file_name("sub").join("w.bin");
    assert_eq!(fs::read(sub).unwrap(), [2; 5000]);
    let mode = fs::metadata(copy.with_file_name("w.bin")).unwrap().mode();
    assert_eq!(mode & 0o777, READ_ONLY);
    // The next load takes the new contents, under another name.
    let next = external.copy();
    assert_ne!(next, copy);
    assert_eq!(fs::read(next.with_file_name("w.bin")).unwrap(), [9; 10]);
    assert!(copy.exists());
}

#[test]
fn a_damaged_entry_is_found_and_made_anew_from_the_original() {
    for damage in [
        |path: &Path| fs::write(path, [0; 5000]),
        |path: &Path| fs::write(path, [1; 2500]),
        |path: &Path| fs::remove_file(path),
        |path: &Path| fs::write(path.with_file_name("model.onnx"), b"other"),
        |path: &Path| fs::remove_file(path.parent().unwrap().with_file_name(DIGESTS)),
    ] {
        let external = External::new();
        let copy = external.copy();
        let weights = copy.with_file_name("w.bin");
        for file in [&copy, &weights] {
            fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
        }
        damage(&weights).unwrap();
        assert_eq!(external.copy(), copy);
        assert_eq!(fs::read(&copy).unwrap(), b"model");
        assert_eq!(fs::read(&weights).unwrap(), [1; 5000]);
    }
}

#[test]
fn an_entry_restored_with_other_times_is_read_and_accepted() {
    let external = External::new();
    let copy = external.copy();
    let weights = File::open(copy.with_file_name("w.bin")).unwrap();
    weights.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let entry = fs::metadata(copy.parent().unwrap()).unwrap().ino();
    assert_eq!(external.copy(), copy);
    assert_eq!(fs::metadata(copy.parent().unwrap()).unwrap().ino(), entry);
}

#[test]
fn a_model_that_names_itself_as_its_weights_stays_itself() {
    let external = External::new();
    external.put(MODEL, b"model");
    let folder = external.root.path().join("m/1");
    let locations = HashSet::from([MODEL.as_bytes().to_vec()]);
    let sources = external::sources(&folder, &locations, &[]).unwrap();
    let facts = Facts::default();
    let copied = external
        .cache
        .copy_of(b"model", &facts, &sources, false, SystemTime::UNIX_EPOCH);
    assert_eq!(fs::read(copied.unwrap().unwrap()).unwrap(), b"model");
}

#[test]
fn weights_larger_than_the_whole_cache_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let cache = WeightCache::new(root.path().to_owned(), 1000);
    let source = Source {
        relative: "w.bin".into(),
        path: "/no/such".into(),
        bytes: 1001,
    };
    let refused = cache.copy_of(
        b"m",
        &Facts::default(),
        &[source],
        false,
        SystemTime::UNIX_EPOCH,
    );
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("models.weight_cache_size"), "{error}");
}
