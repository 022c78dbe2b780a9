//! The file-backed store: one redb file, opened read-only by any number of processes.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use redb::{
    DatabaseError, ReadOnlyDatabase, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageError,
    TableDefinition,
};

use super::{Catalogue, FeatureStore, Item, StoreError, UserRecord};

/// Item records as JSON, by slot.
pub(super) const ITEMS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("items");
/// User records, by id.
pub(super) const USERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("users");
/// What the file says of itself.
pub(super) const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
/// The format this code reads and writes.
pub(super) const FORMAT: &str = "1";

/// Records checked at opening. Enough to tell a damaged file from a whole one; a shop's many
/// millions would hold up the start.
const CHECKED_USERS: usize = 100_000;

/// See the module.
pub struct EmbeddedStore {
    path: PathBuf,
    catalogue: Catalogue,
    profile_features: Vec<String>,
    users: ReadOnlyTable<&'static str, &'static [u8]>,
    _database: ReadOnlyDatabase,
}

impl EmbeddedStore {
    /// Opens a store and reads its catalogue into memory.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let damaged = |reason: String| StoreError::Damaged {
            path: path.to_owned(),
            reason,
        };
        // The database trusts its pages; on damaged ones its assertions may fail.
        catch_unwind(AssertUnwindSafe(|| Self::read(path)))
            .unwrap_or_else(|_| Err(damaged("its pages contradict each other".into())))
    }

    fn read(path: &Path) -> Result<Self, StoreError> {
        let damaged = |reason: String| StoreError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let bad = |e: redb::Error| damaged(e.to_string());
        let database = ReadOnlyDatabase::open(path).map_err(|e| opening(path, e))?;
        let transaction = database.begin_read().map_err(|e| bad(e.into()))?;
        let meta = transaction.open_table(META).map_err(|e| bad(e.into()))?;
        let said = |key: &str| -> Result<String, StoreError> {
            let value = meta.get(key).map_err(|e| bad(e.into()))?;
            value
                .map(|v| v.value().to_owned())
                .ok_or_else(|| damaged(format!("it lacks `{key}`")))
        };
        let format = said("format")?;
        if format != FORMAT {
            return Err(damaged(format!(
                "it has format {format}, this gateway reads {FORMAT}"
            )));
        }
        let features = said("profile_features")?;
        let profile_features = features
            .split(',')
            .filter(|f| !f.is_empty())
            .map(str::to_owned)
            .collect();
        let items = transaction.open_table(ITEMS).map_err(|e| bad(e.into()))?;
        let catalogue = catalogue(&items).map_err(damaged)?;
        let users = transaction.open_table(USERS).map_err(|e| bad(e.into()))?;
        check_users(&users).map_err(damaged)?;
        Ok(Self {
            path: path.to_owned(),
            catalogue,
            profile_features,
            users,
            _database: database,
        })
    }
}

fn opening(path: &Path, error: DatabaseError) -> StoreError {
    let path = path.to_owned();
    match error {
        DatabaseError::Storage(StorageError::Io(e))
            if e.kind() != io::ErrorKind::InvalidData
                && e.kind() != io::ErrorKind::UnexpectedEof =>
        {
            StoreError::Unreadable {
                path,
                reason: e.to_string(),
            }
        }
        DatabaseError::DatabaseAlreadyOpen => StoreError::Unreadable {
            path,
            reason: "another process is writing it".into(),
        },
        other => StoreError::Damaged {
            path,
            reason: other.to_string(),
        },
    }
}

fn catalogue(items: &ReadOnlyTable<u32, &'static [u8]>) -> Result<Catalogue, String> {
    let mut all = Vec::new();
    for entry in items.iter().map_err(|e| e.to_string())? {
        let (slot, item) = entry.map_err(|e| e.to_string())?;
        let item: Item = serde_json::from_slice(item.value())
            .map_err(|e| format!("item {} does not read: {e}", slot.value()))?;
        all.push(item);
    }
    Catalogue::new(all)
}

fn check_users(users: &ReadOnlyTable<&'static str, &'static [u8]>) -> Result<(), String> {
    for entry in users.iter().map_err(|e| e.to_string())?.take(CHECKED_USERS) {
        let (id, record) = entry.map_err(|e| e.to_string())?;
        if UserRecord::parse(record.value()).is_none() {
            return Err(format!("the record of user `{}` is not whole", id.value()));
        }
    }
    Ok(())
}

impl FeatureStore for EmbeddedStore {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn profile_features(&self) -> &[String] {
        &self.profile_features
    }

    fn user(&self, id: &str, read: &mut dyn FnMut(UserRecord<'_>)) -> Result<bool, StoreError> {
        let damaged = |reason: String| StoreError::Damaged {
            path: self.path.clone(),
            reason,
        };
        let Some(record) = self.users.get(id).map_err(|e| damaged(e.to_string()))? else {
            return Ok(false);
        };
        let record = UserRecord::parse(record.value())
            .ok_or_else(|| damaged(format!("the record of user `{id}` is not whole")))?;
        read(record);
        Ok(true)
    }
}
