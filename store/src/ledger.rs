//! Which sources the lake knows, from its ledger rows. Never reads entries.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::prelude::{Expr, SessionConfig, SessionContext, col, lit};
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

    /// The detail of the ledger row of a unit's range that ends at `range_end`, and was written at or after `since_us` (µs since 1970 UTC);
    /// `None` if there is no such row, or it has none. Files that are older are not opened.
    ///
    /// # Errors
    /// [`StoreError::Storage`] where a file cannot be read.
    pub async fn ledger_detail(
        &self,
        app_id: &str,
        range_end: i64,
        since_us: i64,
    ) -> Result<Option<String>, StoreError> {
        let provider = self.provider()?;
        let read = async {
            // Of the long details, only the one that is wanted is read.
            let config = SessionConfig::new().set_bool("datafusion.execution.parquet.pushdown_filters", true);
            let rows = SessionContext::new_with_config(config).read_table(provider)?;
            let wanted = [
                col("kind").eq(lit(Kind::Ledger.as_str())),
                col("ts").gt_eq(timestamp(since_us)),
                col("range_end").eq(lit(range_end)),
                col("app_id").eq(lit(app_id)),
            ];
            let wanted = wanted.into_iter().reduce(Expr::and).unwrap_or(lit(true));
            let rows = rows.filter(wanted)?.select_columns(&["detail"])?;
            rows.collect().await
        };
        let batches: Vec<RecordBatch> = read
            .await
            .map_err(|error| StoreError::storage("read", &self.location, error))?;
        let first = batches.iter().find(|batch| batch.num_rows() > 0);
        let Some(column) = first.map(|batch| batch.column(0)) else {
            return Ok(None);
        };
        let text = cast(column, &DataType::Utf8)
            .map_err(|error| StoreError::storage("read", &self.location, DataFusionError::from(error)))?;
        let text = text.as_string::<i32>();
        Ok(text.is_valid(0).then(|| text.value(0).to_owned()))
    }
}

fn timestamp(us: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(
        Some(us),
        Some(Arc::from("UTC")),
    ))
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
