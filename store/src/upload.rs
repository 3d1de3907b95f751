//! Rows to Parquet files in the lake's directory. Files are uploaded before the commit that makes them part of the table, from as
//! many tasks as the caller likes; a file that is never committed is invisible. Never touches the table's log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use datafusion::arrow::array::{Array, RecordBatch, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::{Compression, Encoding, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use datafusion::parquet::schema::types::ColumnPath;
use deltalake::kernel::Add;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use uuid::Uuid;

use crate::error::StoreError;
use crate::file_statistics::statistics_json;
use crate::location::LakeLocation;
use crate::rows::{Part, Partition, Rows};
use crate::schema::{
    COLUMNS, Column, ColumnType, EVENTS, Kind, PARTITION_COLUMNS, STATISTICS_COLUMNS, arrow_type,
};

/// Files of a lake that no commit names yet.
#[derive(Debug, Default)]
pub struct Uploaded {
    pub(crate) adds: Vec<Add>,
    rows: usize,
}

impl Uploaded {
    /// How many files.
    pub fn files(&self) -> usize {
        self.adds.len()
    }

    /// How many rows they hold.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Their size in bytes.
    pub fn bytes(&self) -> u64 {
        self.adds.iter().map(|add| add.size as u64).sum()
    }
}

/// Uploads rows to one lake. Cheap to clone and free to move to any task, while the lake itself commits.
#[derive(Debug, Clone)]
pub struct Uploader {
    /// Rooted at the lake.
    store: Arc<dyn ObjectStore>,
    location: LakeLocation,
}

impl Uploader {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, location: LakeLocation) -> Uploader {
        Uploader { store, location }
    }

    /// Encodes the rows, one Parquet file a partition, and uploads them. When it returns they are durable, but not in the table:
    /// name them in a [`Commit`](crate::Commit). Encoding takes a thread for blocking work, so several uploads run in parallel.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] and [`StoreError::Storage`]; files already uploaded stay behind, invisible.
    pub async fn upload(&self, rows: Rows) -> Result<Uploaded, StoreError> {
        let mut uploaded = Uploaded::default();
        for part in rows.parts {
            let partition = part.partition;
            let encoded = tokio::task::spawn_blocking(move || encode(&part))
                .await
                .map_err(|error| StoreError::Encode(error.into()))?
                .map_err(|error| StoreError::Encode(error.into()))?;
            let add = encoded.add(partition);
            self.store
                .put(&StorePath::from(add.path.as_str()), encoded.bytes.into())
                .await
                .map_err(|error| StoreError::storage("write to", &self.location, error))?;
            uploaded.rows += encoded.rows;
            uploaded.adds.push(add);
        }
        Ok(uploaded)
    }
}

struct Encoded {
    bytes: Bytes,
    rows: usize,
    statistics: String,
}

impl Encoded {
    fn add(&self, partition: Partition) -> Add {
        let date = date_text(partition.event_date);
        let path = format!(
            "{}/{}.parquet",
            partition_path(&date, partition.kind),
            Uuid::new_v4()
        );
        add(
            path,
            (&date, partition.kind),
            self.bytes.len() as u64,
            self.statistics.clone(),
        )
    }
}

/// The directory of a partition in the table's.
pub(crate) fn partition_path(date: &str, kind: Kind) -> String {
    let [date_name, kind_name] = PARTITION_COLUMNS;
    format!("{date_name}={date}/{kind_name}={}", kind.as_str())
}

/// A new file of rows that were not in the table of events before, in the words of the table's log.
pub(crate) fn add(path: String, (date, kind): (&str, Kind), size: u64, statistics: String) -> Add {
    let [date_name, kind_name] = PARTITION_COLUMNS;
    let partition = [
        (date_name.to_owned(), Some(date.to_owned())),
        (kind_name.to_owned(), Some(kind.as_str().to_owned())),
    ];
    data_file(path, partition.into(), size, statistics)
}

/// A new file of any table, in the words of the table's log.
pub(crate) fn data_file(
    path: String,
    partition_values: HashMap<String, Option<String>>,
    size: u64,
    statistics: String,
) -> Add {
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64);
    Add {
        path,
        partition_values,
        size: size as i64,
        modification_time: now_ms,
        data_change: true,
        stats: Some(statistics),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

/// The day as `2026-11-23`. Rows never have a day outside the calendar of four-digit years.
pub(crate) fn date_text(event_date: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch
        .checked_add(jiff::Span::new().days(event_date))
        .unwrap_or(epoch)
        .to_string()
}

fn encode(part: &Part) -> Result<Encoded, ParquetError> {
    let schema = common_schema(&part.batches);
    // Compaction will write the rows again, so that fast goes before small.
    let options = writer_options(writer_properties(1));
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, schema.clone(), options)?;
    for batch in &part.batches {
        writer.write(&widen(batch, &schema)?)?;
    }
    let metadata = writer.finish()?;
    let rows = part.batches.iter().map(RecordBatch::num_rows).sum();
    let statistics = statistics_json(&EVENTS, &metadata, rows);
    drop(writer);
    Ok(Encoded {
        bytes: bytes.into(),
        rows,
        statistics,
    })
}

/// The columns that any of the batches has, in the order of the table. Texts are a dictionary where they are in all batches.
fn common_schema(batches: &[RecordBatch]) -> SchemaRef {
    if let [only] = batches {
        return only.schema();
    }
    let field = |column: &Column| {
        let mut types = batches
            .iter()
            .filter_map(|batch| batch.column_by_name(column.name))
            .map(Array::data_type);
        let first = types.next()?;
        let data_type = if types.all(|other| other == first) {
            first.clone()
        } else {
            arrow_type(column.column_type)
        };
        Some(Field::new(column.name, data_type, column.is_nullable()))
    };
    Arc::new(Schema::new(COLUMNS.iter().filter_map(field).collect::<Vec<_>>()))
}

/// The batch in the given schema, with NULLs in the columns it does not have.
fn widen(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ParquetError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let array = |field: &Arc<Field>| match batch.column_by_name(field.name()) {
        Some(array) => cast(array, field.data_type()),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    };
    let arrays = schema.fields().iter().map(array).collect::<Result<_, _>>()?;
    Ok(RecordBatch::try_new(schema.clone(), arrays)?)
}

/// How a file is written whose columns are written like this.
pub(crate) fn writer_options(properties: WriterPropertiesBuilder) -> ArrowWriterOptions {
    ArrowWriterOptions::new()
        .with_properties(properties.build())
        // The schema in Arrow's own words would add kilobytes to each file and says nothing that Parquet's does not.
        .with_skip_arrow_metadata(true)
}

/// How each column is written, compressed at a level of zstd.
pub(crate) fn writer_properties(level: i32) -> WriterPropertiesBuilder {
    let level = ZstdLevel::try_new(level).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(concat!("slowlake ", env!("CARGO_PKG_VERSION")).to_owned());
    for column in &COLUMNS {
        let path = ColumnPath::from(column.name);
        let has_statistics = STATISTICS_COLUMNS.contains(&column.name);
        properties = match column.column_type {
            ColumnType::Time => deltas(properties, path.clone()),
            ColumnType::Integer if MANY_VALUED.contains(&column.name) => deltas(properties, path.clone()),
            _ => properties,
        };
        let statistics = match column.column_type {
            _ if has_statistics => EnabledStatistics::Page,
            ColumnType::Integer | ColumnType::SmallInteger | ColumnType::Time | ColumnType::Boolean => {
                EnabledStatistics::Chunk
            }
            _ => EnabledStatistics::None,
        };
        properties = properties.set_column_statistics_enabled(path, statistics);
    }
    properties
}

const ROW_GROUP_ROWS: usize = 1024 * 1024;

/// Integers that rarely repeat: a dictionary of them would be as large as the column.
const MANY_VALUED: [&str; 12] = [
    "source_offset",
    "query_time_us",
    "lock_time_us",
    "transaction_id",
    "duration_us",
    "size_bytes",
    "execution_offset",
    "bytes_sent",
    "bytes_received",
    "tmp_table_bytes",
    "range_end",
    "bytes_in",
];

fn deltas(properties: WriterPropertiesBuilder, path: ColumnPath) -> WriterPropertiesBuilder {
    properties
        .set_column_dictionary_enabled(path.clone(), false)
        .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_the_protocol_wants() {
        assert_eq!(date_text(0), "1970-01-01");
        assert_eq!(date_text(-719_162), "0001-01-01");
        assert_eq!(date_text(2_932_896), "9999-12-31");
    }
}
