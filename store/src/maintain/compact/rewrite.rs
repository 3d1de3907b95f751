//! The rows of some files, sorted, into new ones. Sorts in bounded memory, with temporary files where it does not suffice. Never
//! touches the table's log.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use deltalake::kernel::Add;
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path as StorePath;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::error::StoreError;
use crate::file_order::{sort_columns, sorted_name};
use crate::file_statistics::statistics_json;
use crate::footer::read_footer;
use crate::location::LakeLocation;
use crate::maintain::compact::plan::{Bin, TARGET_BYTES};
use crate::maintain::data_file::FilePartition;
use crate::maintain::resources::{Resources, register};
use crate::schema::{EVENTS, Kind};
use crate::table::Lake;
use crate::upload::{add, partition_path, writer_options, writer_properties};

/// Sorted files are read for months: small goes before fast.
const ZSTD_LEVEL: i32 = 3;

/// Encoded bytes that are held before they are uploaded.
const PART_BYTES: usize = 8 << 20;

const ORDER: SortOptions = SortOptions {
    descending: false,
    nulls_first: true,
};

/// New files with the rows of a bin, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    pub(super) adds: Vec<Add>,
    pub(super) rows: u64,
}

impl Rewritten {
    pub(super) fn bytes(&self) -> u64 {
        self.adds.iter().map(|add| add.size as u64).sum()
    }
}

/// What reads and writes the files of one table.
#[derive(Debug, Clone)]
pub(super) struct Rewriter {
    /// Rooted at the table.
    store: Arc<dyn ObjectStore>,
    /// As which the store is known to `context`.
    url: ObjectStoreUrl,
    /// With its limit of memory.
    context: Arc<TaskContext>,
    location: LakeLocation,
}

impl Rewriter {
    /// All rewriters of these resources share them.
    pub(super) fn new(lake: &Lake, resources: Resources) -> Result<Rewriter, StoreError> {
        let store = lake.events.log_store().object_store(None);
        let session = resources.session();
        let (url, session) = session
            .and_then(|session| Ok((register(&session, store.clone())?, session)))
            .map_err(|error| StoreError::storage("compact", lake.location(), error))?;
        Ok(Rewriter {
            store,
            url,
            context: session.task_ctx(),
            location: lake.location().clone(),
        })
    }

    /// Uploads the rows of a bin, sorted.
    pub(super) async fn rewrite(&self, bin: &Bin) -> Result<Rewritten, StoreError> {
        let schema = self.common_schema(bin).await?;
        let plan = self.plan(bin, &schema).map_err(|error| self.failed(error))?;
        let mut batches = execute_stream(plan, self.context.clone()).map_err(|error| self.failed(error))?;
        let mut rewritten = Rewritten::default();
        let mut open: Option<SortedFile> = None;
        while let Some(batch) = batches.try_next().await.map_err(|error| self.failed(error))? {
            rewritten.rows += batch.num_rows() as u64;
            let file = match open.take() {
                Some(file) => file,
                None => SortedFile::start(self, bin.partition.clone(), &schema)?,
            };
            let file = file.write(batch).await?;
            if file.bytes() < TARGET_BYTES {
                open = Some(file);
            } else {
                rewritten.adds.push(file.finish().await?);
            }
        }
        if let Some(file) = open {
            rewritten.adds.push(file.finish().await?);
        }
        Ok(rewritten)
    }

    /// The columns that any of the files has, in the order of the table.
    async fn common_schema(&self, bin: &Bin) -> Result<SchemaRef, StoreError> {
        let mut names = HashSet::new();
        for file in &bin.files {
            let footer = read_footer(self.store.as_ref(), &file.path, file.bytes)
                .await
                .map_err(|error| self.failed(error))?;
            let fields = footer.file_metadata().schema_descr().root_schema().get_fields();
            names.extend(fields.iter().map(|field| field.name().to_owned()));
        }
        let fields: Vec<Arc<Field>> = EVENTS
            .file_schema()
            .fields()
            .iter()
            .filter(|field| names.contains(field.name()))
            .cloned()
            .collect();
        Ok(Arc::new(Schema::new(fields)))
    }

    fn plan(&self, bin: &Bin, schema: &SchemaRef) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let files = bin
            .files
            .iter()
            .map(|file| PartitionedFile::new(file.path.clone(), file.bytes));
        let source = ParquetSource::new(TableSchema::builder(schema.clone()).build());
        let config = FileScanConfigBuilder::new(self.url.clone(), Arc::new(source))
            .with_file_group(FileGroup::new(files.collect()))
            .build();
        let scan = DataSourceExec::from_data_source(config);
        let columns = sort_columns(bin.partition.kind)
            .into_iter()
            .filter(|name| schema.column_with_name(name).is_some())
            .map(|name| Ok(PhysicalSortExpr::new(col(name, schema)?, ORDER)))
            .collect::<Result<Vec<_>, DataFusionError>>()?;
        Ok(match LexOrdering::new(columns) {
            Some(order) => Arc::new(SortExec::new(order, scan)),
            None => scan,
        })
    }

    fn failed(&self, error: impl Into<crate::error::Cause>) -> StoreError {
        StoreError::storage("compact", &self.location, error)
    }
}

/// A file that is being written.
struct SortedFile {
    location: LakeLocation,
    partition: FilePartition,
    path: String,
    writer: ArrowWriter<Vec<u8>>,
    upload: BufWriter,
    rows: usize,
}

impl SortedFile {
    fn start(
        rewriter: &Rewriter,
        partition: FilePartition,
        schema: &SchemaRef,
    ) -> Result<SortedFile, StoreError> {
        let properties =
            writer_properties(ZSTD_LEVEL).set_sorting_columns(Some(sorting_columns(partition.kind, schema)));
        let writer =
            ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), writer_options(properties))
                .map_err(|error| StoreError::Encode(error.into()))?;
        let directory = partition_path(&partition.date, partition.kind);
        let path = format!("{directory}/{}", sorted_name(&Uuid::new_v4().to_string()));
        let upload =
            BufWriter::with_capacity(rewriter.store.clone(), StorePath::from(path.as_str()), PART_BYTES);
        Ok(SortedFile {
            location: rewriter.location.clone(),
            partition,
            path,
            writer,
            upload,
            rows: 0,
        })
    }

    /// About how long the file would be if it ended here.
    fn bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    /// Encodes on a thread for blocking work.
    async fn write(mut self, batch: RecordBatch) -> Result<SortedFile, StoreError> {
        self.rows += batch.num_rows();
        let mut writer = self.writer;
        self.writer = blocking(move || {
            writer.write(&batch)?;
            Ok(writer)
        })
        .await?;
        if self.writer.inner().len() >= PART_BYTES {
            self.send().await?;
        }
        Ok(self)
    }

    /// The encoded bytes so far go to the store.
    async fn send(&mut self) -> Result<(), StoreError> {
        let bytes = Bytes::from(std::mem::take(self.writer.inner_mut()));
        let sent = self.upload.put(bytes).await;
        sent.map_err(|error| StoreError::storage("write to", &self.location, error))
    }

    /// The file as the table's log will name it. Its rows were in the table before.
    async fn finish(mut self) -> Result<Add, StoreError> {
        let mut writer = self.writer;
        let (writer, metadata) = blocking(move || {
            let metadata = writer.finish()?;
            Ok((writer, metadata))
        })
        .await?;
        self.writer = writer;
        self.send().await?;
        self.upload
            .shutdown()
            .await
            .map_err(|error| StoreError::storage("write to", &self.location, error))?;
        let statistics = statistics_json(&EVENTS, &metadata, self.rows);
        let partition = (self.partition.date.as_str(), self.partition.kind);
        Ok(Add {
            data_change: false,
            ..add(
                self.path,
                partition,
                self.writer.bytes_written() as u64,
                statistics,
            )
        })
    }
}

/// The order of the rows as the file itself says it. The columns that rows are sorted by come before all that have more than one leaf.
fn sorting_columns(kind: Kind, schema: &SchemaRef) -> Vec<SortingColumn> {
    sort_columns(kind)
        .into_iter()
        .filter_map(|name| schema.index_of(name).ok())
        .map(|index| SortingColumn {
            column_idx: index as i32,
            descending: ORDER.descending,
            nulls_first: ORDER.nulls_first,
        })
        .collect()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ParquetError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Encode(error.into()))?
        .map_err(|error| StoreError::Encode(error.into()))
}
