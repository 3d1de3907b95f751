//! One lake, opened: where its Delta table `events` is, its state at one version, and whether this program may use it. Rows go in through
//! `upload` and `append`, come out through `scan`; nothing here reads or writes them.

use std::fs::DirEntry;
use std::path::Path;
use std::sync::Arc;

use deltalake::DeltaTable;
use deltalake::logstore::{StorageConfig, default_logstore};
use deltalake::operations::create::CreateBuilder;
use object_store::ObjectStore;
use object_store::path::Path as StorePath;
use slowlake_parse::statement::FINGERPRINT_VERSION;

use crate::conditional_put;
use crate::error::{Cause, StoreError};
use crate::lake_table::{LakeTable, plain_commit};
use crate::location::LakeLocation;
use crate::log_gate::gated;
use crate::newest_commit::damage_of_newest_commit;
use crate::rows::Rows;
use crate::schema::{
    EVENTS, FINGERPRINT_VERSION_PROPERTY, PARTITION_COLUMNS, SCHEMA_VERSION, SCHEMA_VERSION_PROPERTY,
    STATISTICS_COLUMNS,
};
use crate::upload::{Uploaded, Uploader};

/// A lake at one version of its history. Others may commit meanwhile; [`refresh`](Lake::refresh) catches up with them.
///
/// Call it from a multi-threaded tokio runtime.
#[derive(Debug)]
pub struct Lake {
    pub(crate) location: LakeLocation,
    /// Reaches the location.
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) events: LakeTable,
}

/// The directories in a lake that its events may be in. New lakes have them in one of their own, beside the other tables; the first lakes
/// have nothing but events, in the lake's directory itself, and stay as they are.
const EVENTS_DIRECTORIES: [&str; 2] = ["events/", ""];

/// The size of a lake, from its log alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LakeStatistics {
    /// Data files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Their rows of every kind, ledger rows too.
    pub rows: u64,
}

impl Lake {
    /// Opens a lake that exists.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is none; [`StoreError::Damaged`] where the newest commit keeps it from being read;
    /// [`StoreError::NotEmpty`], [`StoreError::NotALake`], [`StoreError::Newer`],
    /// [`StoreError::Unsupported`] where there is something else.
    pub async fn open(location: &LakeLocation) -> Result<Lake, StoreError> {
        Lake::open_on(location, location.object_store()?).await
    }

    /// Opens a lake for writing: makes it in a directory that is empty or does not exist, and migrates one of an older version.
    ///
    /// # Errors
    /// As [`open`](Lake::open), [`StoreError::Damaged`] where the newest commit did not arrive whole, [`StoreError::Fingerprints`]
    /// where new rows would not agree with those of the lake, and [`StoreError::Contention`] where others kept it from being migrated.
    pub async fn open_or_create(location: &LakeLocation) -> Result<Lake, StoreError> {
        Lake::open_or_create_on(location, location.object_store()?).await
    }

    /// As [`open`](Lake::open), reaching the location through `store`.
    pub(crate) async fn open_on(
        location: &LakeLocation,
        store: Arc<dyn ObjectStore>,
    ) -> Result<Lake, StoreError> {
        for directory in EVENTS_DIRECTORIES {
            if let Some(events) = load(location, directory, store.clone()).await? {
                return Ok(Lake {
                    location: location.clone(),
                    store,
                    events,
                });
            }
        }
        let location = location.clone();
        Err(match first_entry(&location, store.as_ref()).await? {
            None => StoreError::NotFound { location },
            Some(found) => StoreError::NotEmpty { location, found },
        })
    }

    /// As [`open_or_create`](Lake::open_or_create), reaching the location through `store`.
    pub(crate) async fn open_or_create_on(
        location: &LakeLocation,
        store: Arc<dyn ObjectStore>,
    ) -> Result<Lake, StoreError> {
        let mut lake = match Lake::open_on(location, store.clone()).await {
            Err(StoreError::NotFound { .. }) => {
                conditional_put::require(location, store.as_ref()).await?;
                let created = create(location, store.clone()).await;
                // Another process may have been faster, or the lake be there despite the error: what can be opened decides.
                match (Lake::open_on(location, store).await, created) {
                    (Err(StoreError::NotFound { .. } | StoreError::NotEmpty { .. }), Err(error)) => {
                        Err(error)
                    }
                    (opened, _) => opened,
                }
            }
            Ok(lake) => {
                conditional_put::require(location, store.as_ref()).await?;
                Ok(lake)
            }
            refused => refused,
        }?;
        lake.check_newest_commit().await?;
        lake.check_fingerprints()?;
        lake.migrate().await?;
        Ok(lake)
    }

    /// Makes sure that the newest commit arrived whole, as opening for writing does: for whoever changes a lake that must exist.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], and [`StoreError::Storage`] where the storage does not answer.
    pub async fn check_newest_commit(&mut self) -> Result<(), StoreError> {
        self.events.check_newest_commit().await
    }

    /// Catches up with what others committed.
    ///
    /// # Errors
    /// [`StoreError::Storage`] where the log cannot be read, [`StoreError::Replaced`] where it is another table's, and those of
    /// [`open`](Lake::open) where a newer slowlake changed the lake meanwhile.
    pub async fn refresh(&mut self) -> Result<(), StoreError> {
        self.events.refresh().await
    }

    /// The version of the lake that this handle sees: 0 when just made, one more for each commit.
    pub fn version(&self) -> i64 {
        self.events.version()
    }

    /// Where it is.
    pub fn location(&self) -> &LakeLocation {
        &self.location
    }

    /// Files, bytes and rows at this version, from the log alone.
    ///
    /// # Errors
    /// [`StoreError::Storage`] where the log's file list cannot be read.
    pub fn statistics(&self) -> Result<LakeStatistics, StoreError> {
        let mut total = LakeStatistics::default();
        for file in self.events.files()?.iter() {
            total.files += 1;
            total.bytes += u64::try_from(file.size()).unwrap_or(0);
            total.rows += file.num_records().unwrap_or(0) as u64;
        }
        Ok(total)
    }

    /// What uploads rows to this lake from any task, also while the lake commits.
    pub fn uploader(&self) -> Uploader {
        Uploader::new(self.events.log_store().object_store(None), self.location.clone())
    }

    /// Uploads rows; see [`Uploader::upload`].
    ///
    /// # Errors
    /// Those of [`Uploader::upload`].
    pub async fn upload(&self, rows: Rows) -> Result<Uploaded, StoreError> {
        self.uploader().upload(rows).await
    }

    /// The version of the lake's schema, which this program knows.
    pub(crate) fn schema_version(&self) -> Result<i64, StoreError> {
        self.events.schema_version()
    }

    fn check_fingerprints(&self) -> Result<(), StoreError> {
        let found = self
            .events
            .property(FINGERPRINT_VERSION_PROPERTY)?
            .unwrap_or_else(|| "unknown".to_owned());
        if found == FINGERPRINT_VERSION.to_string() {
            return Ok(());
        }
        Err(StoreError::Fingerprints {
            location: self.location.clone(),
            found,
            known: FINGERPRINT_VERSION.into(),
        })
    }
}

/// The table in a directory of the lake, where one is.
pub(crate) async fn load(
    location: &LakeLocation,
    directory: &str,
    store: Arc<dyn ObjectStore>,
) -> Result<Option<LakeTable>, StoreError> {
    let mut table = table_at(location, directory, store)?;
    let exists = table.verify_deltatable_existence().await;
    if !exists.map_err(|error| StoreError::storage("reach", location, error))? {
        return Ok(None);
    }
    if let Err(error) = gated(table.load()).await {
        let damage = damage_of_newest_commit(location, &table.log_store()).await;
        return Err(damage.unwrap_or_else(|| StoreError::storage("open", location, error)));
    }
    LakeTable::new(location, table).map(Some)
}

/// The table in a directory of the lake, whether or not it exists. The directory ends in a slash, or is empty for the lake's own.
pub(crate) fn table_at(
    location: &LakeLocation,
    directory: &str,
    store: Arc<dyn ObjectStore>,
) -> Result<DeltaTable, StoreError> {
    let url = location.url()?;
    let url = url
        .join(directory)
        .map_err(|error| StoreError::storage("reach", location, error))?;
    // What the library would choose by the URL's scheme, which it knows only of local disks: a log of which each entry is put once.
    let settings = StorageConfig::default();
    let rooted_at_table = settings
        .decorate_store(store.clone(), &url)
        .map_err(|error| StoreError::storage("reach", location, error))?;
    let log = default_logstore(Arc::new(rooted_at_table), store, &url, &settings);
    Ok(DeltaTable::new(log))
}

/// The name of something that is at the location although no table is. What a broken-off creation leaves does not count.
async fn first_entry(location: &LakeLocation, store: &dyn ObjectStore) -> Result<Option<String>, StoreError> {
    for directory in EVENTS_DIRECTORIES {
        let names = match location.directory() {
            Some(lake) => names_in(&lake.join(directory)).map_err(Cause::from),
            None => {
                let path = location
                    .object_path()?
                    .parts()
                    .chain(StorePath::from(directory).parts())
                    .collect();
                names_under(&path, store).await.map_err(Cause::from)
            }
        };
        let found = names
            .map_err(|error| StoreError::storage("reach", location, error))?
            .into_iter()
            .map(|name| format!("{directory}{name}"))
            .find(|found| !LEFT_BEHIND.contains(&found.as_str()));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The names in a directory, which need not exist.
fn names_in(directory: &Path) -> std::io::Result<Vec<String>> {
    let name = |entry: std::io::Result<DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(name).collect(),
    }
}

/// The names one step below a path of a bucket.
async fn names_under(path: &StorePath, store: &dyn ObjectStore) -> object_store::Result<Vec<String>> {
    let listed = store.list_with_delimiter(Some(path)).await?;
    let objects = listed.objects.into_iter().map(|object| object.location);
    Ok(listed
        .common_prefixes
        .into_iter()
        .chain(objects)
        .filter_map(|path| path.filename().map(str::to_owned))
        .collect())
}

/// What may be left of a lake whose creation was broken off.
const LEFT_BEHIND: [&str; 4] = [
    "_delta_log",
    "events",
    "events/_delta_log",
    conditional_put::PROBE,
];

async fn create(location: &LakeLocation, store: Arc<dyn ObjectStore>) -> Result<(), StoreError> {
    let table = table_at(location, EVENTS_DIRECTORIES[0], store)?;
    let properties = [
        (SCHEMA_VERSION_PROPERTY, SCHEMA_VERSION.to_string()),
        (FINGERPRINT_VERSION_PROPERTY, FINGERPRINT_VERSION.to_string()),
        ("delta.dataSkippingStatsColumns", STATISTICS_COLUMNS.join(",")),
    ];
    CreateBuilder::new()
        .with_log_store(table.log_store())
        .with_table_name("events")
        .with_columns(EVENTS.delta_fields())
        .with_partition_columns(PARTITION_COLUMNS)
        .with_configuration(properties.map(|(name, value)| (name, Some(value))))
        .with_raise_if_key_not_exists(false)
        // With a retry it would replace the table that a faster process just made.
        .with_commit_properties(plain_commit())
        .await
        .map_err(|error| StoreError::storage("create", location, error))?;
    Ok(())
}

#[cfg(test)]
mod tests;
