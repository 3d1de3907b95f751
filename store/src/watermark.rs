//! How far each unit of progress has come, from the table's application transactions. Never moves one: that is a commit's work.

use crate::error::StoreError;
use crate::table::Lake;

impl Lake {
    /// The next offset to read for a unit of progress (everything before it is in the lake), at the version this handle sees.
    /// `None` where the lake has nothing of it.
    ///
    /// # Errors
    /// [`StoreError::Storage`] where the log cannot be read.
    pub async fn watermark(&self, app_id: &str) -> Result<Option<i64>, StoreError> {
        self.events.watermark(app_id).await
    }
}
