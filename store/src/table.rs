//! One lake, opened: the Delta table `events`, its state at one version, and whether this program may use it. Rows go in through
//! `upload` and `append`, come out through `scan`; nothing here reads or writes them.

use std::sync::Arc;

use deltalake::DeltaTable;
use deltalake::logstore::{StorageConfig, default_logstore};
use deltalake::operations::create::CreateBuilder;
use object_store::ObjectStore;
use slowlake_parse::statement::FINGERPRINT_VERSION;

use crate::conditional_put;
use crate::error::StoreError;
use crate::lake_table::{LakeTable, plain_commit};
use crate::location::LakeLocation;
use crate::newest_commit::damage_of_newest_commit;
use crate::rows::Rows;
use crate::schema::{
    FINGERPRINT_VERSION_PROPERTY, PARTITION_COLUMNS, SCHEMA_VERSION, SCHEMA_VERSION_PROPERTY,
    STATISTICS_COLUMNS, delta_fields,
};
use crate::upload::{Uploaded, Uploader};

/// A lake at one version of its history. Others may commit meanwhile; [`refresh`](Lake::refresh) catches up with them.
///
/// Call it from a multi-threaded tokio runtime.
#[derive(Debug)]
pub struct Lake {
    pub(crate) location: LakeLocation,
    pub(crate) events: LakeTable,
}

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
        let mut table = table_at(location, store.clone())?;
        if !has_log(location, &table).await? {
            return Err(match first_entry(location, store.as_ref()).await? {
                None => StoreError::NotFound {
                    location: location.clone(),
                },
                Some(found) => StoreError::NotEmpty {
                    location: location.clone(),
                    found,
                },
            });
        }
        if let Err(error) = table.load().await {
            let damage = damage_of_newest_commit(location, &table.log_store()).await;
            return Err(damage.unwrap_or_else(|| StoreError::storage("open", location, error)));
        }
        Ok(Lake {
            location: location.clone(),
            events: LakeTable::new(location, table)?,
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
        lake.events.check_newest_commit().await?;
        lake.check_fingerprints()?;
        lake.migrate().await?;
        Ok(lake)
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

/// The table at a location, whether or not it exists.
fn table_at(location: &LakeLocation, store: Arc<dyn ObjectStore>) -> Result<DeltaTable, StoreError> {
    let url = location.url()?;
    // What the library would choose by the URL's scheme, which it knows only of local disks: a log of which each entry is put once.
    let settings = StorageConfig::default();
    let rooted_at_table = settings
        .decorate_store(store.clone(), &url)
        .map_err(|error| StoreError::storage("reach", location, error))?;
    let log = default_logstore(Arc::new(rooted_at_table), store, &url, &settings);
    Ok(DeltaTable::new(log))
}

async fn has_log(location: &LakeLocation, table: &DeltaTable) -> Result<bool, StoreError> {
    table
        .verify_deltatable_existence()
        .await
        .map_err(|error| StoreError::storage("reach", location, error))
}

/// The name of something that is at the location although no table is. What a broken-off creation leaves does not count.
async fn first_entry(location: &LakeLocation, store: &dyn ObjectStore) -> Result<Option<String>, StoreError> {
    let Some(directory) = location.directory() else {
        return first_object(location, store).await;
    };
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(|error| StoreError::storage("reach", location, error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| StoreError::storage("reach", location, error))?;
        if entry.file_name() != "_delta_log" {
            return Ok(Some(entry.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

/// As [`first_entry`], of a bucket.
async fn first_object(
    location: &LakeLocation,
    store: &dyn ObjectStore,
) -> Result<Option<String>, StoreError> {
    let prefix = location.object_path()?;
    let listed = store
        .list_with_delimiter(Some(&prefix))
        .await
        .map_err(|error| StoreError::storage("reach", location, error))?;
    let objects = listed.objects.into_iter().map(|object| object.location);
    let names = listed.common_prefixes.into_iter().chain(objects);
    Ok(names
        .filter_map(|path| path.filename().map(str::to_owned))
        .find(|name| name != "_delta_log" && name != conditional_put::PROBE))
}

async fn create(location: &LakeLocation, store: Arc<dyn ObjectStore>) -> Result<(), StoreError> {
    let table = table_at(location, store)?;
    let properties = [
        (SCHEMA_VERSION_PROPERTY, SCHEMA_VERSION.to_string()),
        (FINGERPRINT_VERSION_PROPERTY, FINGERPRINT_VERSION.to_string()),
        ("delta.dataSkippingStatsColumns", STATISTICS_COLUMNS.join(",")),
    ];
    CreateBuilder::new()
        .with_log_store(table.log_store())
        .with_table_name("events")
        .with_columns(delta_fields())
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
