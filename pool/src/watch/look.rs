//! One look at the repository: what each version's files are, without reading them.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, BufRead},
    os::unix::fs::MetadataExt,
    path::Path,
};

use sha2::{Digest, Sha256};

use super::{Seen, Sight, Stamp};
use crate::repository::{ModelSource, Repository, RepositoryError};

/// Most files of one version that are looked at; one with more is never whole.
const MAX_FILES: usize = 10_000;
/// Most folders inside one another.
const MAX_DEPTH: usize = 8;
/// Larger lists of checksums are none.
const MAX_SUMS_BYTES: u64 = 1 << 20;
/// What is read at a time.
const READ_BYTES: usize = 256 << 10;
/// The list of checksums that a version may bring.
const SUMS: &str = "SHA256SUMS";
/// How names of files end while they are being copied.
const TEMPORARY: [&str; 6] = [
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
];

/// Looks at every version that the manifests choose. Links are followed: a folder that is replaced by
/// a link to another has other files.
pub(crate) fn look(root: &Path) -> Result<(Seen, Repository), RepositoryError> {
    let found = Repository::scan(root)?;
    let mut seen = Seen::default();
    for source in &found.models {
        seen.models.insert(source.name.clone());
        // A version that vanishes while it is looked at is not there.
        if let Ok(sight) = sight(source) {
            seen.versions.insert(source.key(), sight);
        }
    }
    let unusable = found.unusable.iter().map(|(name, _)| name.clone());
    seen.models.extend(unusable);
    Ok((seen, found))
}

fn sight(source: &ModelSource) -> io::Result<Sight> {
    let mut files = Files::default();
    if let Some(model) = source.folder.parent() {
        // Whatever the manifest says holds for all versions.
        match fs::metadata(model.join("model.toml")) {
            Ok(manifest) => files.add("model.toml", &manifest),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    files.visit(&source.folder, 0)?;
    let graph = source.needs_file().map(|name| source.folder.join(name));
    let has_graph = graph.is_none_or(|path| path.is_file());
    Ok(Sight {
        stamp: Stamp(files.hash.finish()),
        whole: has_graph && !files.temporary && files.count < MAX_FILES,
    })
}

#[derive(Default)]
struct Files {
    hash: DefaultHasher,
    count: usize,
    temporary: bool,
}

impl Files {
    fn add(&mut self, name: &str, file: &fs::Metadata) {
        (name, file.dev(), file.ino(), file.len()).hash(&mut self.hash);
        (file.mtime(), file.mtime_nsec()).hash(&mut self.hash);
    }

    fn visit(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        if depth > MAX_DEPTH || self.count >= MAX_FILES {
            self.count = MAX_FILES;
            return Ok(());
        }
        let entries: io::Result<Vec<_>> = fs::read_dir(folder)?.take(MAX_FILES).collect();
        let mut entries = entries?;
        entries.sort_unstable_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            // What `rsync` and its like write to before they rename it begins with a dot.
            self.temporary |= name.starts_with('.') && !name.starts_with("..");
            self.temporary |=
                name.ends_with('~') || TEMPORARY.iter().any(|end| name.ends_with(end));
            self.count += 1;
            let path = entry.path();
            let file = fs::metadata(&path)?;
            match file.is_dir() {
                true => self.visit(&path, depth + 1)?,
                false => self.add(&name, &file),
            }
        }
        Ok(())
    }
}

/// Compares a version's files with the checksums it brings, if it brings any.
pub(crate) fn verify(folder: &Path) -> Result<(), String> {
    let list = folder.join(SUMS);
    let told = |error: io::Error| format!("{} cannot be read: {error}", list.display());
    match fs::metadata(&list) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(told(error)),
        Ok(file) if file.len() > MAX_SUMS_BYTES => {
            return Err(format!(
                "{} is larger than any list of checksums",
                list.display()
            ));
        }
        Ok(_) => {}
    }
    for line in fs::read_to_string(&list).map_err(told)?.lines() {
        let Some((sum, name)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let name = name.trim_start_matches([' ', '*']);
        let inside = Path::new(name).components();
        if !inside.into_iter().all(|part| {
            matches!(
                part,
                std::path::Component::Normal(_) | std::path::Component::CurDir
            )
        }) {
            return Err(format!(
                "{} names a file outside its folder: {name}",
                list.display()
            ));
        }
        let path = folder.join(name);
        let is = sum_of(&path).map_err(|e| {
            format!(
                "{}, which {SUMS} lists, cannot be read: {e}",
                path.display()
            )
        })?;
        if !is.eq_ignore_ascii_case(sum) {
            return Err(format!(
                "{} is not as {SUMS} lists it: copy it again",
                path.display()
            ));
        }
    }
    Ok(())
}

fn sum_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = io::BufReader::with_capacity(READ_BYTES, fs::File::open(path)?);
    loop {
        let part = file.fill_buf()?;
        if part.is_empty() {
            break;
        }
        hash.update(part);
        let read = part.len();
        file.consume(read);
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(root: &Path) -> Sight {
        let (seen, _) = look(root).unwrap();
        *seen.versions.values().next().unwrap()
    }

    fn model() -> (tempfile::TempDir, std::path::PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("m/1");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model.onnx"), "graph").unwrap();
        (root, folder)
    }

    #[test]
    fn a_file_that_grows_or_is_exchanged_and_another_manifest_are_seen() {
        let (root, folder) = model();
        let mut stamps = vec![one(root.path()).stamp];
        assert_eq!(one(root.path()).stamp, stamps[0], "nothing has changed");
        fs::write(folder.join("model.onnx"), "graph and more").unwrap();
        stamps.push(one(root.path()).stamp);
        fs::write(folder.join("new"), "GRAPH and more").unwrap();
        fs::rename(folder.join("new"), folder.join("model.onnx")).unwrap();
        stamps.push(one(root.path()).stamp);
        fs::write(root.path().join("m/model.toml"), "").unwrap();
        stamps.push(one(root.path()).stamp);
        let distinct: std::collections::HashSet<_> = stamps.iter().collect();
        assert_eq!(distinct.len(), stamps.len());
    }

    #[test]
    fn a_version_is_not_whole_while_a_file_has_a_temporary_name_or_the_graph_is_missing() {
        let (root, folder) = model();
        assert!(one(root.path()).whole);
        for name in [".model.onnx.x7Zq", "weights.bin.part", "weights.bin~"] {
            fs::write(folder.join(name), "").unwrap();
            assert!(!one(root.path()).whole, "{name}");
            fs::remove_file(folder.join(name)).unwrap();
        }
        fs::remove_file(folder.join("model.onnx")).unwrap();
        assert!(!one(root.path()).whole);
    }

    #[test]
    fn a_link_that_points_to_another_folder_is_another_state() {
        let (releases, _) = model();
        let (other, _) = model();
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("m");
        std::os::unix::fs::symlink(releases.path().join("m"), &link).unwrap();
        let before = one(root.path()).stamp;
        let next = root.path().join("next");
        std::os::unix::fs::symlink(other.path().join("m"), &next).unwrap();
        fs::rename(next, link).unwrap();
        assert_ne!(one(root.path()).stamp, before);
    }

    #[test]
    fn files_that_differ_from_their_checksums_are_refused() {
        let (_root, folder) = model();
        assert_eq!(verify(&folder), Ok(()));
        let sum = sum_of(&folder.join("model.onnx")).unwrap();
        fs::write(folder.join(SUMS), format!("{sum}  model.onnx\n")).unwrap();
        assert_eq!(verify(&folder), Ok(()));
        fs::write(folder.join("model.onnx"), "grap").unwrap();
        assert!(verify(&folder).unwrap_err().contains("copy it again"));
        fs::write(folder.join(SUMS), format!("{sum}  weights.bin\n")).unwrap();
        assert!(verify(&folder).unwrap_err().contains("cannot be read"));
        fs::write(folder.join(SUMS), format!("{sum}  ../../secret\n")).unwrap();
        assert!(verify(&folder).unwrap_err().contains("outside"));
    }
}
