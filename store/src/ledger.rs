//! Which sources the lake knows, from its ledger rows. Never reads entries.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionContext, col, lit};
use futures::TryStreamExt;

use crate::error::StoreError;
use crate::schema::Kind;
use crate::table::Lake;

/// A source that was read before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSource {
    /// Its unit of progress.
    pub app_id: String,
    /// Its name when it was last read.
    pub source: String,
    /// Which file or partition it was, whatever its name.
    pub source_identity: String,
    /// The end of the farthest range read of it.
    pub next_offset: i64,
    /// The detail of that range's ledger row.
    pub detail: Option<String>,
}

const COLUMNS: [&str; 5] = ["app_id", "source", "source_identity", "detail", "range_end"];

impl Lake {
    /// The sources that ledger rows speak of, by `app_id`: for each one the row with the farthest range. Reads five columns of the
    /// ledger's files and nothing else.
    ///
    /// # Errors
    /// [`StoreError::Storage`] where a file cannot be read.
    pub async fn known_sources(&self) -> Result<Vec<KnownSource>, StoreError> {
        let mut known = BTreeMap::new();
        let provider = self.provider()?;
        let read = async {
            let context = SessionContext::new();
            let rows = context
                .read_table(provider)?
                .filter(col("kind").eq(lit(Kind::Ledger.as_str())))?;
            let mut batches = rows.select_columns(&COLUMNS)?.execute_stream().await?;
            while let Some(batch) = batches.try_next().await? {
                collect(&batch, &mut known)?;
            }
            Ok::<_, DataFusionError>(())
        };
        read.await
            .map_err(|error| StoreError::storage("read", &self.location, error))?;
        Ok(known.into_values().collect())
    }
}

fn collect(batch: &RecordBatch, known: &mut BTreeMap<String, KnownSource>) -> Result<(), DataFusionError> {
    let texts = (0..4)
        .map(|column| cast(batch.column(column), &DataType::Utf8))
        .collect::<Result<Vec<_>, _>>()?;
    let [app_ids, sources, identities, details] = [0, 1, 2, 3].map(|column| texts[column].as_string::<i32>());
    let ends = batch.column(4).as_primitive::<Int64Type>();
    for row in (0..batch.num_rows()).filter(|row| app_ids.is_valid(*row) && ends.is_valid(*row)) {
        let (app_id, next_offset) = (app_ids.value(row), ends.value(row));
        if known
            .get(app_id)
            .is_none_or(|so_far| so_far.next_offset < next_offset)
        {
            let (app_id, source) = (app_id.to_owned(), sources.value(row).to_owned());
            let source_identity = identities.value(row).to_owned();
            let detail = details.is_valid(row).then(|| details.value(row).to_owned());
            known.insert(
                app_id.clone(),
                KnownSource {
                    app_id,
                    source,
                    source_identity,
                    next_offset,
                    detail,
                },
            );
        }
    }
    Ok(())
}
