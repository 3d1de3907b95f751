//! The rows of a day of a derived table, computed, sorted and uploaded as files. Never touches the table's log.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::partition;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::{Compression, Encoding, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use datafusion::prelude::SessionContext;
use deltalake::kernel::Add;
use futures::TryStreamExt;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use uuid::Uuid;

use crate::derived::{DerivedTable, DerivedView, HOUR_US, HOURS_OF_DAY};
use crate::error::{Cause, StoreError};
use crate::file_statistics::statistics_json;
use crate::lake_table::LakeTable;
use crate::latency::latency_aggregates;
use crate::location::LakeLocation;
use crate::maintain::derive::{DayPlan, DeriveOptions};
use crate::maintain::resources::{Planner, Resources};
use crate::schema::{ColumnType, TableShape};
use crate::table::Lake;
use crate::upload::{data_file, date_text};

/// A file is ended where it has so many bytes.
const TARGET_BYTES: usize = 128 << 20;

/// The files are small and read for years.
const ZSTD_LEVEL: i32 = 3;

const ROW_GROUP_ROWS: usize = 1024 * 1024;

/// What a file holds of its day. Its name says so, as in every version of the log and in every checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// One hour.
    Hour,
    /// All of it, or a part of the fingerprints.
    Day,
}

const HOUR_PREFIX: &str = "hour-";
const DAY_PREFIX: &str = "day-";

impl Span {
    /// What a file of a day holds, and the hour since 1970 of one of an hour.
    pub(super) fn of_path(path: &str, day: i32) -> (Span, Option<i64>) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let hour = name
            .strip_prefix(HOUR_PREFIX)
            .and_then(|rest| rest.get(..2)?.parse::<i64>().ok());
        match hour {
            Some(hour) => (Span::Hour, Some(i64::from(day) * HOURS_OF_DAY + hour)),
            None => (Span::Day, None),
        }
    }
}

/// Computes and uploads rows of one derived table.
pub(super) struct Writer<'v> {
    view: &'v DerivedView,
    session: SessionContext,
    /// Rooted at the table.
    store: Arc<dyn ObjectStore>,
    location: LakeLocation,
    rows: u64,
}

impl<'v> Writer<'v> {
    pub(super) async fn new(
        lake: &Lake,
        view: &'v DerivedView,
        delta: &LakeTable,
        options: &DeriveOptions,
    ) -> Result<Writer<'v>, StoreError> {
        Ok(Writer {
            view,
            session: session(lake, view, options.resources, options.planner.as_ref()).await?,
            store: delta.log_store().object_store(None),
            location: lake.location().clone(),
            rows: 0,
        })
    }

    /// Rows of all files.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes the files of a day.
    pub(super) async fn write(&mut self, plan: &DayPlan) -> Result<Vec<Add>, StoreError> {
        let mut batches = self
            .sorted_rows(plan)
            .await
            .map_err(|error| failed(&self.location, error))?;
        let mut adds = Vec::new();
        let mut open: Option<OpenFile> = None;
        while let Some(batch) = batches
            .try_next()
            .await
            .map_err(|error| failed(&self.location, error))?
        {
            for (prefix, batch) in pieces(batch, plan).map_err(|error| failed(&self.location, error))? {
                if let Some(full) = open.take_if(|file| file.prefix != prefix || file.bytes() >= TARGET_BYTES)
                {
                    adds.push(self.finish(full, plan.day).await?);
                }
                let file = match open.take() {
                    Some(file) => file,
                    None => OpenFile::start(self.view.table().shape(), prefix, batch.schema())?,
                };
                open = Some(file.write(batch).await?);
            }
        }
        if let Some(last) = open {
            adds.push(self.finish(last, plan.day).await?);
        }
        Ok(adds)
    }

    /// The rows of a day in the order of the files.
    async fn sorted_rows(&self, plan: &DayPlan) -> Result<SendableRecordBatchStream, DataFusionError> {
        let table = self.view.table();
        let (rows, order) = match plan.span {
            Span::Day => (
                self.view.day_sql(plan.day, &plan.touched),
                table.order().to_owned(),
            ),
            Span::Hour => (
                table.definition(&plan.touched.condition("ts")),
                format!("hour, {}", table.order()),
            ),
        };
        let columns = table.shape().columns.iter();
        let columns: Vec<String> = columns.map(|column| format!("\"{}\"", column.name)).collect();
        let sql = format!(
            "SELECT {} FROM ({rows}) AS day ORDER BY {order}",
            columns.join(", ")
        );
        self.session.sql(&sql).await?.execute_stream().await
    }

    async fn finish(&mut self, file: OpenFile, day: i32) -> Result<Add, StoreError> {
        let shape = self.view.table().shape();
        let (prefix, rows) = (file.prefix.clone(), file.rows);
        let (bytes, statistics) = file.finish(shape).await?;
        self.rows += rows as u64;
        let date = date_text(day);
        let path = format!("event_date={date}/{prefix}{}.parquet", Uuid::new_v4());
        let partition = [("event_date".to_owned(), Some(date))].into();
        let add = data_file(path, partition, bytes.len() as u64, statistics);
        self.store
            .put(&StorePath::from(add.path.as_str()), bytes.into())
            .await
            .map_err(|error| StoreError::storage("write to", &self.location, error))?;
        Ok(add)
    }
}

/// What the definition is asked in: the events and what is kept, as the view has them; for `rollup_day` the hours as well.
pub(in crate::maintain) async fn session(
    lake: &Lake,
    view: &DerivedView,
    resources: Resources,
    planner: Option<&Planner>,
) -> Result<SessionContext, StoreError> {
    let failed = |error: DataFusionError| failed(lake.location(), error);
    let session = resources.session_of(planner).map_err(failed)?;
    // An hour of a file that has the whole day is a filter on rows.
    let state = session.state_ref();
    state
        .write()
        .config_mut()
        .options_mut()
        .execution
        .parquet
        .pushdown_filters = true;
    for function in latency_aggregates() {
        session.register_udaf(function);
    }
    session
        .register_table("events", lake.provider()?)
        .map_err(failed)?;
    register_stored(&session, view, lake.location())?;
    if view.table() == DerivedTable::RollupDay {
        let hours = lake.derived(DerivedTable::RollupHour).await?;
        register_stored(&session, &hours, lake.location())?;
        let rows = session.sql(&hours.rows_sql()).await.map_err(failed)?;
        session
            .register_table(hours.table().view_name(), rows.into_view())
            .map_err(failed)?;
    }
    Ok(session)
}

fn register_stored(
    session: &SessionContext,
    view: &DerivedView,
    location: &LakeLocation,
) -> Result<(), StoreError> {
    if let Some(stored) = view.stored()? {
        session
            .register_table(view.table().stored_name(), stored)
            .map_err(|error| failed(location, error))?;
    }
    Ok(())
}

fn failed(location: &LakeLocation, error: impl Into<Cause>) -> StoreError {
    StoreError::storage("derive from", location, error)
}

/// The rows by the file they belong to, each with what its name begins with.
fn pieces(batch: RecordBatch, plan: &DayPlan) -> Result<Vec<(String, RecordBatch)>, DataFusionError> {
    if plan.span == Span::Day {
        return Ok(vec![(DAY_PREFIX.to_owned(), batch)]);
    }
    let hour = batch.schema().index_of("hour")?;
    let times = datafusion::common::cast::as_timestamp_microsecond_array(batch.column(hour))?.clone();
    let ranges = partition(&[Arc::new(times.clone())])?.ranges();
    let piece = |range: std::ops::Range<usize>| {
        let hour = times
            .value(range.start)
            .div_euclid(HOUR_US)
            .rem_euclid(HOURS_OF_DAY);
        (
            format!("{HOUR_PREFIX}{hour:02}-"),
            batch.slice(range.start, range.len()),
        )
    };
    Ok(ranges.into_iter().map(piece).collect())
}

/// A file that is being encoded.
struct OpenFile {
    /// What its name begins with.
    prefix: String,
    writer: ArrowWriter<Vec<u8>>,
    rows: usize,
}

impl OpenFile {
    fn start(shape: &TableShape, prefix: String, schema: SchemaRef) -> Result<OpenFile, StoreError> {
        let options = ArrowWriterOptions::new()
            .with_properties(writer_properties(shape))
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), schema, options)
            .map_err(|error| StoreError::Encode(error.into()))?;
        Ok(OpenFile {
            prefix,
            writer,
            rows: 0,
        })
    }

    /// About how long the file would be if it ended here.
    fn bytes(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    async fn write(mut self, batch: RecordBatch) -> Result<OpenFile, StoreError> {
        self.rows += batch.num_rows();
        blocking(move || {
            self.writer.write(&batch)?;
            Ok(self)
        })
        .await
    }

    /// The file, and what the table's log says of it.
    async fn finish(mut self, shape: &'static TableShape) -> Result<(Bytes, String), StoreError> {
        blocking(move || {
            let metadata = self.writer.finish()?;
            let statistics = statistics_json(shape, &metadata, self.rows);
            Ok((Bytes::from(std::mem::take(self.writer.inner_mut())), statistics))
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ParquetError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Encode(error.into()))?
        .map_err(|error| StoreError::Encode(error.into()))
}

fn writer_properties(shape: &TableShape) -> WriterProperties {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by(concat!("slowlake ", env!("CARGO_PKG_VERSION")).to_owned());
    for column in shape.columns {
        let path = ColumnPath::from(column.name);
        if column.column_type == ColumnType::Time && !shape.statistics.contains(&column.name) {
            // Hardly two are the same.
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
        }
        if shape.statistics.contains(&column.name) {
            properties = properties.set_column_statistics_enabled(path, EnabledStatistics::Page);
        }
    }
    properties.build()
}
