//! `gateway import`: from JSON lines to a store.
//!
//! The catalogue has one item a line: `{"item", "index", "title", "year", "genres", "popularity"}`.
//! Users have one user a line: `{"user", "profile": {NAME: NUMBER}, "history": [INDEX…],
//! "ratings": [NUMBER…]}`, the history most recent first. The store is written beside its final
//! place and renamed, so a gateway that has the old one open keeps it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use redb::Database;
use serde::Deserialize;

use super::{
    Catalogue, Item, UserRecord,
    embedded::{FORMAT, ITEMS, META, USERS},
};

/// Longest history kept, most recent first; models look at far fewer.
const MAX_HISTORY: usize = 1 << 16;
/// Most profile features.
const MAX_PROFILE: usize = 256;

/// Why an import ended without a store.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// An input cannot be read or the store cannot be written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A line is wrong.
    #[error("{path}:{line}: {reason}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from one.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The lines are right one by one, but not together.
    #[error("{path}: {reason}")]
    Contradiction {
        /// Which file.
        path: PathBuf,
        /// What contradicts.
        reason: String,
    },
    /// The database refused.
    #[error("the store could not be written: {0}")]
    Store(#[from] redb::Error),
}

/// What an import wrote.
#[derive(Debug, Clone, Copy)]
pub struct ImportSummary {
    /// Items in the catalogue.
    pub items: usize,
    /// Users with a record.
    pub users: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserLine {
    user: String,
    profile: BTreeMap<String, u32>,
    history: Vec<u32>,
    ratings: Vec<u8>,
}

/// Reads both files and writes the store.
pub fn import(catalogue: &Path, users: &Path, out: &Path) -> Result<ImportSummary, ImportError> {
    let items: Vec<Item> = lines(catalogue)?;
    let known = Catalogue::new(items.clone()).map_err(|reason| ImportError::Contradiction {
        path: catalogue.to_owned(),
        reason,
    })?;
    let people: Vec<UserLine> = lines(users)?;
    let features = profile_features(users, &people)?;
    let partial = out.with_extension("partial");
    let file = |source| ImportError::File {
        path: out.to_owned(),
        source,
    };
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder).map_err(file)?;
    }
    match std::fs::remove_file(&partial) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(file(e)),
        _ => {}
    }
    let database = Database::create(&partial).map_err(redb::Error::from)?;
    write(&database, &items, &known, &people, &features, users)?;
    drop(database);
    std::fs::rename(&partial, out).map_err(file)?;
    Ok(ImportSummary {
        items: items.len(),
        users: people.len(),
    })
}

fn write(
    database: &Database,
    items: &[Item],
    known: &Catalogue,
    people: &[UserLine],
    features: &[String],
    users: &Path,
) -> Result<(), ImportError> {
    let transaction = database.begin_write().map_err(redb::Error::from)?;
    {
        let mut meta = transaction.open_table(META).map_err(redb::Error::from)?;
        meta.insert("format", FORMAT).map_err(redb::Error::from)?;
        meta.insert("profile_features", features.join(",").as_str())
            .map_err(redb::Error::from)?;
        let mut table = transaction.open_table(ITEMS).map_err(redb::Error::from)?;
        for (slot, item) in (0..).zip(items) {
            let json = serde_json::to_vec(item).expect("an item has only plain fields");
            table
                .insert(slot, json.as_slice())
                .map_err(redb::Error::from)?;
        }
        let mut table = transaction.open_table(USERS).map_err(redb::Error::from)?;
        for (line, person) in (1..).zip(people) {
            let wrong = |reason| ImportError::Line {
                path: users.to_owned(),
                line,
                reason,
            };
            let record = record(person, features, known).map_err(wrong)?;
            let before = table
                .insert(person.user.as_str(), record.as_slice())
                .map_err(redb::Error::from)?;
            if before.is_some() {
                return Err(wrong(format!("user `{}` stands twice", person.user)));
            }
        }
    }
    transaction.commit().map_err(redb::Error::from)?;
    Ok(())
}

fn record(person: &UserLine, features: &[String], known: &Catalogue) -> Result<Vec<u8>, String> {
    if person.history.len() != person.ratings.len() {
        let (items, ratings) = (person.history.len(), person.ratings.len());
        return Err(format!(
            "{items} items in the history, but {ratings} ratings"
        ));
    }
    if let Some(index) = person
        .history
        .iter()
        .find(|index| known.slot_of_index(**index).is_none())
    {
        return Err(format!("history names index {index}, which no item has"));
    }
    let kept = person.history.len().min(MAX_HISTORY);
    let profile: Vec<u32> = features
        .iter()
        .map(|f| person.profile.get(f).copied().unwrap_or(0))
        .collect();
    Ok(UserRecord::encode(
        &profile,
        &person.history[..kept],
        &person.ratings[..kept],
    ))
}

fn profile_features(users: &Path, people: &[UserLine]) -> Result<Vec<String>, ImportError> {
    let wrong = |reason| ImportError::Contradiction {
        path: users.to_owned(),
        reason,
    };
    let all: std::collections::BTreeSet<&String> =
        people.iter().flat_map(|p| p.profile.keys()).collect();
    if all.len() > MAX_PROFILE {
        return Err(wrong(format!(
            "{} profile features, at most {MAX_PROFILE} are kept",
            all.len()
        )));
    }
    match all
        .iter()
        .find(|name| name.is_empty() || name.contains(','))
    {
        Some(name) => Err(wrong(format!(
            "profile feature `{name}` must be a name without commas"
        ))),
        None => Ok(all.into_iter().cloned().collect()),
    }
}

fn lines<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, ImportError> {
    let file = |source| ImportError::File {
        path: path.to_owned(),
        source,
    };
    let reader = BufReader::new(File::open(path).map_err(file)?);
    let mut all = Vec::new();
    for (line, text) in (1..).zip(reader.lines()) {
        let text = text.map_err(file)?;
        let value = serde_json::from_str(&text).map_err(|e| ImportError::Line {
            path: path.to_owned(),
            line,
            reason: e.to_string(),
        })?;
        all.push(value);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{EmbeddedStore, FeatureStore, StoreError};

    const ITEMS: &str = r#"{"item":"1","index":1,"title":"Toy Story","year":1995,"genres":["Comedy"],"popularity":452}"#;
    const USERS: &str =
        r#"{"user":"196","profile":{"gender":2,"age":5},"history":[1],"ratings":[4]}"#;

    fn imported(
        items: &str,
        users: &str,
    ) -> (tempfile::TempDir, Result<ImportSummary, ImportError>) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("items"), items).unwrap();
        std::fs::write(path("users"), users).unwrap();
        let done = import(&path("items"), &path("users"), &path("store"));
        (folder, done)
    }

    #[test]
    fn what_is_imported_is_read_back() {
        let (folder, done) = imported(ITEMS, USERS);
        assert_eq!(done.unwrap().users, 1);
        let store = EmbeddedStore::open(&folder.path().join("store")).unwrap();
        assert_eq!(store.profile_features(), ["age", "gender"]);
        assert_eq!(store.catalogue().item(0).title, "Toy Story");
        let mut seen = Vec::new();
        assert!(
            store
                .user("196", &mut |r| seen.extend(r.history()))
                .unwrap()
        );
        assert_eq!(seen, [(1, 4)]);
        assert!(!store.user("nobody", &mut |_| panic!()).unwrap());
    }

    #[test]
    fn mistakes_name_file_and_line() {
        let message = |items: &str, users: &str| imported(items, users).1.unwrap_err().to_string();
        assert!(message("{}", USERS).contains("items:1: missing field"));
        assert!(
            message(ITEMS, &USERS.replace("[1]", "[9]")).contains("users:1: history names index 9")
        );
        assert!(message(ITEMS, &USERS.replace("[4]", "[]")).contains("0 ratings"));
        assert!(
            message(ITEMS, &format!("{USERS}\n{USERS}"))
                .contains("users:2: user `196` stands twice")
        );
    }

    #[test]
    fn missing_garbled_and_cut_stores_are_told_apart() {
        let (folder, _) = imported(ITEMS, USERS);
        let store = folder.path().join("store");
        let missing = EmbeddedStore::open(&folder.path().join("nope"));
        assert!(matches!(missing.err(), Some(StoreError::Missing(_))));
        let whole = std::fs::read(&store).unwrap();
        for damaged in [&b"this is no store"[..], &whole[..whole.len() / 2], &[]] {
            std::fs::write(&store, damaged).unwrap();
            let error = EmbeddedStore::open(&store).err();
            assert!(
                matches!(error, Some(StoreError::Damaged { .. })),
                "{error:?}"
            );
        }
    }
}
