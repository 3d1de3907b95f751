//! A lake of an older version becomes one of this version: the table gets the columns and the version number that it lacks, in one commit.
//! Rows stay as they are, and have NULL in the new columns. Only opening a lake for writing does this; reading one needs no change.

use deltalake::DeltaTableError;
use deltalake::kernel::transaction::{CommitBuilder, TransactionError};
use deltalake::kernel::{Action, MetadataExt, StructType};
use deltalake::protocol::DeltaOperation;
use tracing::info;

use crate::error::StoreError;
use crate::lake_table::plain_commit;
use crate::log_gate::gated;
use crate::schema::{EVENTS, SCHEMA_VERSION, SCHEMA_VERSION_PROPERTY};
use crate::table::Lake;

/// Attempts that others may win before it gives up. Whoever wins is a writer of the old version or has migrated the lake itself.
const MAX_LOST_RACES: u32 = 50;

impl Lake {
    /// Brings the table to [`SCHEMA_VERSION`], unless it is there already.
    ///
    /// The commit is put as exactly the next version, so that it fails where somebody was faster, and what they did is looked at again.
    /// Writers of the old version that are at work meanwhile find the version number at their next commit and stop.
    ///
    /// # Errors
    /// [`StoreError::Contention`] where others were faster each time, [`StoreError::Storage`] where the table cannot be changed.
    pub(crate) async fn migrate(&mut self) -> Result<(), StoreError> {
        for _ in 0..MAX_LOST_RACES {
            let found = self.schema_version()?;
            if found == SCHEMA_VERSION {
                return Ok(());
            }
            match self.put_present_schema().await {
                Ok(()) => {
                    info!(location = %self.location, from = found, to = SCHEMA_VERSION, "migrated the lake")
                }
                Err(DeltaTableError::Transaction {
                    source: TransactionError::MaxCommitAttempts(_),
                }) => {}
                Err(error) => return self.settle(error).await,
            }
            self.refresh().await?;
        }
        Err(StoreError::Contention {
            location: self.location.clone(),
            attempts: MAX_LOST_RACES,
        })
    }

    async fn put_present_schema(&self) -> Result<(), DeltaTableError> {
        let (name, version) = (SCHEMA_VERSION_PROPERTY.to_owned(), SCHEMA_VERSION.to_string());
        let snapshot = self.events.delta.snapshot()?.snapshot();
        let metadata = snapshot
            .metadata()
            .clone()
            .with_schema(&StructType::try_new(EVENTS.delta_fields())?)?
            .add_config_key(name.clone(), version.clone())?;
        let operation = DeltaOperation::SetTableProperties {
            properties: [(name, version)].into(),
        };
        let commit = CommitBuilder::from(plain_commit())
            .with_actions(vec![Action::Metadata(metadata)])
            .build(Some(snapshot), self.events.log_store(), operation);
        gated(commit.into_future()).await?;
        Ok(())
    }

    /// A commit can land and be reported as failed: what can be read decides.
    async fn settle(&mut self, error: DeltaTableError) -> Result<(), StoreError> {
        self.refresh().await?;
        if self.schema_version()? == SCHEMA_VERSION {
            return Ok(());
        }
        Err(StoreError::storage("migrate", &self.location, error))
    }
}

#[cfg(test)]
mod tests;
