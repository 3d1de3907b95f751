//! One Delta table of a lake, opened: its state at one version, and whether this program may use it. Changes go through
//! `append`; nothing here makes one.

use std::collections::HashMap;

use deltalake::DeltaTable;
use deltalake::kernel::transaction::CommitProperties;
use deltalake::kernel::{EagerSnapshot, LogDataHandler};
use deltalake::logstore::LogStoreRef;
use object_store::ObjectMeta;

use crate::append::Progress;
use crate::error::StoreError;
use crate::location::LakeLocation;
use crate::log_gate::gated;
use crate::schema::{SCHEMA_VERSION, SCHEMA_VERSION_PROPERTY};

/// A table at one version of its history. Others may commit meanwhile; [`refresh`](LakeTable::refresh) catches up with them.
#[derive(Debug)]
pub(crate) struct LakeTable {
    /// The lake's, for messages.
    pub(crate) location: LakeLocation,
    pub(crate) delta: DeltaTable,
    /// The table's identity when it was opened.
    pub(crate) id: String,
    /// A log entry that was there when the table was opened for writing.
    pub(crate) anchor: Option<ObjectMeta>,
}

impl LakeTable {
    /// A table that was loaded.
    ///
    /// # Errors
    /// [`StoreError::NotALake`], [`StoreError::Newer`] and [`StoreError::Unsupported`] where this program may not use it.
    pub(crate) fn new(location: &LakeLocation, delta: DeltaTable) -> Result<LakeTable, StoreError> {
        let mut table = LakeTable {
            location: location.clone(),
            delta,
            id: String::new(),
            anchor: None,
        };
        table.id = table.snapshot()?.metadata().id().to_owned();
        table.check()?;
        Ok(table)
    }

    /// Catches up with what others committed.
    ///
    /// # Errors
    /// Those of [`Lake::refresh`](crate::Lake::refresh).
    pub(crate) async fn refresh(&mut self) -> Result<(), StoreError> {
        let read = |error| StoreError::storage("read", &self.location, error);
        if !self.is_displaced().await? {
            gated(self.delta.update_state()).await.map_err(read)?;
            return self.check();
        }
        let mut delta = DeltaTable::new(self.log_store());
        gated(delta.load()).await.map_err(read)?;
        self.delta = delta;
        self.check()?;
        self.check_newest_commit().await
    }

    pub(crate) fn version(&self) -> i64 {
        self.delta.version().map_or(0, |version| version as i64)
    }

    pub(crate) fn log_store(&self) -> LogStoreRef {
        self.delta.log_store()
    }

    pub(crate) fn snapshot(&self) -> Result<&EagerSnapshot, StoreError> {
        let state = self
            .delta
            .snapshot()
            .map_err(|error| StoreError::storage("read", &self.location, error))?;
        Ok(state.snapshot())
    }

    /// The files that are part of the table.
    pub(crate) fn files(&self) -> Result<LogDataHandler<'_>, StoreError> {
        self.snapshot()?
            .try_log_data()
            .map_err(|error| StoreError::storage("read", &self.location, error))
    }

    /// How far a unit of progress has come; see [`Lake::watermark`](crate::Lake::watermark).
    pub(crate) async fn watermark(&self, app_id: &str) -> Result<Option<i64>, StoreError> {
        let log_store = self.log_store();
        gated(self.snapshot()?.transaction_version(&log_store, app_id))
            .await
            .map_err(|error| StoreError::storage("read", &self.location, error))
    }

    /// The watermarks of several units.
    pub(crate) async fn watermarks(
        &self,
        progress: &[Progress],
    ) -> Result<HashMap<String, Option<i64>>, StoreError> {
        let mut found = HashMap::with_capacity(progress.len());
        for unit in progress {
            found.insert(unit.app_id.clone(), self.watermark(&unit.app_id).await?);
        }
        Ok(found)
    }

    /// Whether this program understands the table as it is now.
    fn check(&self) -> Result<(), StoreError> {
        let snapshot = self.snapshot()?;
        let location = || self.location.clone();
        if snapshot.metadata().id() != self.id {
            return Err(StoreError::Replaced { location: location() });
        }
        self.schema_version()?;
        if snapshot.protocol().min_reader_version() > 1 {
            // Reader features change what the bytes of a file mean; a plain table asks for version 1.
            return Err(StoreError::Unsupported {
                location: location(),
                feature: "Delta reader features (such as deletion vectors)",
            });
        }
        Ok(())
    }

    /// The version of the lake's schema, which this program knows.
    pub(crate) fn schema_version(&self) -> Result<i64, StoreError> {
        let Some(found) = self.property(SCHEMA_VERSION_PROPERTY)? else {
            return Err(StoreError::NotALake {
                location: self.location.clone(),
                property: SCHEMA_VERSION_PROPERTY,
            });
        };
        match found.parse::<i64>() {
            Ok(version) if version <= SCHEMA_VERSION => Ok(version),
            _ => Err(StoreError::Newer {
                location: self.location.clone(),
                property: SCHEMA_VERSION_PROPERTY,
                found,
                known: SCHEMA_VERSION,
            }),
        }
    }

    pub(crate) fn property(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.snapshot()?.metadata().configuration().get(name).cloned())
    }
}

/// One attempt, and nothing after it: checkpoints and clean-up belong to maintenance.
pub(crate) fn plain_commit() -> CommitProperties {
    CommitProperties::default()
        .with_max_retries(0)
        .with_create_checkpoint(false)
        .with_cleanup_expired_logs(Some(false))
}
