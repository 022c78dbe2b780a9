//! Weights once: large weights are moved out of an `.onnx` to a file beside a small copy of it.
//!
//! The engine copies weights that lie inside the `.onnx` to the memory of each session, but maps
//! those that lie in a file of their own, and mapped pages are shared by all sessions and processes.
//! The copy is made once and kept in a cache by the digest of the model's bytes: written to a folder
//! of its own and renamed when whole, so that two processes may do it at once. Nothing but the place
//! of the weights changes; operators and everything else are copied as they are.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

use super::{
    facts::Facts,
    wire::{Field, Fields, Payload, WireError, put_bytes, put_varint},
};

/// A tensor below this stays where it is: a page's worth of sharing is not worth a mapping.
const LARGE_TENSOR_BYTES: usize = 64 << 10;
/// A model whose large tensors are less than this together stays whole.
const WORTH_MOVING_BYTES: usize = 1 << 20;
/// Tensors begin on page boundaries, as mapping needs it.
const PAGE_BYTES: u64 = 4096;
/// Name of the file of weights in the cache.
pub(crate) const WEIGHTS: &str = "weights.bin";
/// Changes whenever the same model would be written differently.
const FORMAT: &[u8] = b"fusebox-weights-1";

// Field numbers of onnx.proto.
const MODEL_GRAPH: u64 = 7;
const GRAPH_INITIALIZER: u64 = 5;
const TENSOR_TYPE: u64 = 2;
const TENSOR_FLOATS: u64 = 4;
const TENSOR_RAW: u64 = 9;
const TENSOR_DOUBLES: u64 = 10;
const TENSOR_EXTERNAL: u64 = 13;
const TENSOR_LOCATION: u64 = 14;
const EXTERNAL: u64 = 1;
// Element types of onnx.proto.
const TYPE_FLOAT: u64 = 1;
const TYPE_DOUBLE: u64 = 11;
/// Types whose raw bytes are their elements, little-endian: numbers of whole bytes.
const PLAIN_TYPES: [u64; 13] = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16];

/// Why a model could not be moved to the cache; it is then loaded as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WeightCacheError {
    /// The cache cannot be written.
    #[error("the weight cache {path} cannot be written: {source}")]
    Io {
        /// The cache's folder.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The model is no protocol buffer.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A folder of converted models, bounded in size.
#[derive(Debug, Clone)]
pub(crate) struct WeightCache {
    folder: PathBuf,
    most_bytes: u64,
}

impl WeightCache {
    pub(crate) fn new(folder: PathBuf, most_bytes: u64) -> Self {
        Self { folder, most_bytes }
    }

    /// Where the small copy of this model lies, made if it was not there; none where the model is
    /// better loaded as it is. `now` marks the entry as used.
    pub(crate) fn converted(
        &self,
        file: &[u8],
        facts: &Facts,
        now: SystemTime,
    ) -> Result<Option<PathBuf>, WeightCacheError> {
        let moved = large_tensors(file, facts)?;
        let bytes: usize = moved.iter().map(|tensor| tensor.data.len()).sum();
        // Weights that lie outside already are found by paths relative to the original.
        let whole = !facts.locations.is_empty() || facts.graphs.len() != 1;
        if whole || bytes < WORTH_MOVING_BYTES || file.len() as u64 > self.most_bytes {
            return Ok(None);
        }
        let digest = Sha256::new().chain_update(FORMAT).chain_update(file);
        let name: String = digest
            .finalize()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let entry = self.folder.join(name);
        let failed = |source| WeightCacheError::Io {
            path: self.folder.clone(),
            source,
        };
        if !entry.join("model.onnx").is_file() {
            self.write(&entry, file, &moved).map_err(failed)?;
            self.evict(&entry).map_err(failed)?;
        }
        // Failing to mark only makes the entry look older than it is.
        let _ = File::open(entry.join("model.onnx")).and_then(|f| f.set_modified(now));
        Ok(Some(entry.join("model.onnx")))
    }

    fn write(&self, entry: &Path, file: &[u8], moved: &[Large]) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: the number only has to be unique.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let own = format!(".new-{}-{number}", std::process::id());
        let fresh = self.folder.join(own);
        fs::create_dir_all(&fresh)?;
        let written = write_files(&fresh, file, moved).and_then(|()| {
            match fs::rename(&fresh, entry) {
                // Another process was faster, with the same bytes.
                Err(_) if entry.join("model.onnx").is_file() => Ok(()),
                renamed => renamed,
            }
        });
        if fresh.exists() {
            let _ = fs::remove_dir_all(&fresh);
        }
        written
    }

    /// Removes the entries used longest ago until the cache is within its bound. Files that a
    /// process has mapped stay readable to it after they are removed.
    fn evict(&self, keep: &Path) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let used = path
                .join("model.onnx")
                .metadata()
                .and_then(|m| m.modified());
            let bytes: u64 = fs::read_dir(&path)
                .map(|files| {
                    let sizes = files.flatten().filter_map(|f| f.metadata().ok());
                    sizes.map(|m| m.len()).sum()
                })
                .unwrap_or(0);
            entries.push((used.unwrap_or(SystemTime::UNIX_EPOCH), bytes, path));
        }
        entries.sort_unstable();
        let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in entries {
            if total <= self.most_bytes {
                break;
            }
            if path != keep {
                fs::remove_dir_all(&path)?;
                total -= bytes;
            }
        }
        Ok(())
    }
}

/// A large tensor of the main graph.
struct Large {
    /// Where its message lies in the file.
    message: std::ops::Range<usize>,
    /// Where its elements lie.
    data: std::ops::Range<usize>,
    /// The field that holds them.
    field: u64,
}

fn large_tensors(file: &[u8], facts: &Facts) -> Result<Vec<Large>, WireError> {
    let mut large = Vec::new();
    for message in &facts.initializers {
        if message.len() < LARGE_TENSOR_BYTES {
            continue;
        }
        let (mut element, mut data) = (0, Vec::new());
        for field in Fields::of(file, message.clone()) {
            match field? {
                Field {
                    number: TENSOR_TYPE,
                    payload: Payload::Number(number),
                    ..
                } => element = number,
                Field {
                    number: number @ (TENSOR_FLOATS | TENSOR_RAW | TENSOR_DOUBLES),
                    payload: Payload::Bytes(range),
                    ..
                } => data.push((number, range)),
                _ => {}
            }
        }
        let [(field, data)] = data.as_slice() else {
            continue;
        };
        // Packed floats and doubles lie in the file just as raw data would.
        let plain = match *field {
            TENSOR_FLOATS => element == TYPE_FLOAT,
            TENSOR_DOUBLES => element == TYPE_DOUBLE,
            _ => PLAIN_TYPES.contains(&element),
        };
        if plain && data.len() >= LARGE_TENSOR_BYTES {
            large.push(Large {
                message: message.clone(),
                data: data.clone(),
                field: *field,
            });
        }
    }
    Ok(large)
}

fn write_files(folder: &Path, file: &[u8], moved: &[Large]) -> io::Result<()> {
    let broken = |error: WireError| io::Error::other(error);
    let mut weights = BufWriter::new(File::create(folder.join(WEIGHTS))?);
    let mut offset = 0u64;
    let mut places = Vec::with_capacity(moved.len());
    for tensor in moved {
        let padding = offset.next_multiple_of(PAGE_BYTES) - offset;
        weights.write_all(&[0u8; PAGE_BYTES as usize][..padding as usize])?;
        offset += padding;
        places.push(offset);
        weights.write_all(&file[tensor.data.clone()])?;
        offset += tensor.data.len() as u64;
    }
    weights.into_inner()?.sync_all()?;

    let mut model = Vec::new();
    for field in Fields::of(file, 0..file.len()) {
        match field.map_err(broken)? {
            Field {
                number: MODEL_GRAPH,
                payload: Payload::Bytes(graph),
                ..
            } => {
                let graph = graph_without(file, graph, moved, &places).map_err(broken)?;
                put_bytes(&mut model, MODEL_GRAPH, &graph);
            }
            other => model.extend_from_slice(&file[other.whole]),
        }
    }
    let mut small = File::create(folder.join("model.onnx"))?;
    small.write_all(&model)?;
    small.sync_all()
}

fn graph_without(
    file: &[u8],
    graph: std::ops::Range<usize>,
    moved: &[Large],
    places: &[u64],
) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    for field in Fields::of(file, graph) {
        let Field {
            number,
            payload,
            whole,
        } = field?;
        let found = match payload {
            Payload::Bytes(range) if number == GRAPH_INITIALIZER => {
                moved.iter().position(|tensor| tensor.message == range)
            }
            _ => None,
        };
        match found {
            Some(index) => {
                let tensor = tensor_outside(file, &moved[index], places[index])?;
                put_bytes(&mut out, GRAPH_INITIALIZER, &tensor);
            }
            None => out.extend_from_slice(&file[whole]),
        }
    }
    Ok(out)
}

fn tensor_outside(file: &[u8], tensor: &Large, offset: u64) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    for field in Fields::of(file, tensor.message.clone()) {
        let field = field?;
        if field.number != tensor.field {
            out.extend_from_slice(&file[field.whole]);
        }
    }
    let length = tensor.data.len().to_string();
    let offset = offset.to_string();
    for (key, value) in [
        ("location", WEIGHTS),
        ("offset", &offset),
        ("length", &length),
    ] {
        let mut entry = Vec::new();
        put_bytes(&mut entry, 1, key.as_bytes());
        put_bytes(&mut entry, 2, value.as_bytes());
        put_bytes(&mut out, TENSOR_EXTERNAL, &entry);
    }
    put_varint(&mut out, TENSOR_LOCATION << 3);
    put_varint(&mut out, EXTERNAL);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model whose only content is one initialiser of this many floats.
    fn model(floats: usize) -> Vec<u8> {
        let (mut tensor, mut graph, mut model) = (Vec::new(), Vec::new(), Vec::new());
        put_varint(&mut tensor, TENSOR_TYPE << 3);
        put_varint(&mut tensor, TYPE_FLOAT);
        let data: Vec<u8> = (0..floats).flat_map(|i| (i as f32).to_le_bytes()).collect();
        put_bytes(&mut tensor, TENSOR_RAW, &data);
        put_bytes(&mut tensor, 8, b"table");
        put_bytes(&mut graph, 2, b"g");
        put_bytes(&mut graph, GRAPH_INITIALIZER, &tensor);
        put_varint(&mut model, 1 << 3);
        put_varint(&mut model, 8);
        put_bytes(&mut model, MODEL_GRAPH, &graph);
        model
    }

    fn convert(cache: &WeightCache, file: &[u8], at: u64) -> Option<PathBuf> {
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(at);
        let facts = Facts::of(file).unwrap();
        cache.converted(file, &facts, now).unwrap()
    }

    #[test]
    fn weights_are_moved_bit_for_bit_and_found_again() {
        let root = tempfile::tempdir().unwrap();
        let cache = WeightCache::new(root.path().join("cache"), 1 << 30);
        let file = model(300_000);
        let small = convert(&cache, &file, 1).unwrap();
        let weights = fs::read(small.with_file_name(WEIGHTS)).unwrap();
        let expected: Vec<u8> = (0..300_000)
            .flat_map(|i| (i as f32).to_le_bytes())
            .collect();
        assert!(weights == expected);
        let bytes = fs::read(&small).unwrap();
        assert!(bytes.len() < 200, "{}", bytes.len());
        let facts = Facts::of(&bytes).unwrap();
        assert!(facts.locations.contains(WEIGHTS.as_bytes()));
        assert_eq!(convert(&cache, &file, 2), Some(small));
        assert_eq!(fs::read_dir(root.path().join("cache")).unwrap().count(), 1);
    }

    #[test]
    fn several_may_convert_the_same_model_at_once() {
        let root = tempfile::tempdir().unwrap();
        let cache = WeightCache::new(root.path().to_owned(), 1 << 30);
        let file = model(300_000);
        let paths: Vec<_> = std::thread::scope(|scope| {
            let each = [(); 8].map(|()| scope.spawn(|| convert(&cache, &file, 1).unwrap()));
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
        assert_eq!(convert(&cache, &model(1000), 1), None);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_cache_keeps_within_its_bound_by_dropping_what_was_used_longest_ago() {
        let root = tempfile::tempdir().unwrap();
        let cache = WeightCache::new(root.path().to_owned(), 3 << 20);
        let (a, b, c) = (model(300_000), model(300_001), model(300_002));
        let first = convert(&cache, &a, 1).unwrap();
        let second = convert(&cache, &b, 2).unwrap();
        convert(&cache, &a, 3).unwrap();
        let third = convert(&cache, &c, 4).unwrap();
        assert_eq!(
            (first.exists(), second.exists(), third.exists()),
            (true, false, true)
        );
    }
}
