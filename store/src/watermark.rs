//! How far each unit of progress has come, from the table's application transactions. Never moves one: that is a commit's work.

use std::collections::HashMap;

use crate::append::Progress;
use crate::error::StoreError;
use crate::table::Lake;

impl Lake {
    /// The next offset to read for a unit of progress (everything before it is in the lake), at the version this handle sees.
    /// `None` where the lake has nothing of it.
    ///
    /// # Errors
    /// [`StoreError::Storage`] where the log cannot be read.
    pub async fn watermark(&self, app_id: &str) -> Result<Option<i64>, StoreError> {
        self.snapshot()?
            .transaction_version(&self.log_store(), app_id)
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
}
