//! A table of a lake as a DataFusion table: its files at one version, pruned by partition and by minimum and maximum, as a plain
//! Parquet scan. The plan holds nothing of Delta, so it can be sent to any executor that reaches the files. Never reads the log:
//! what it says was taken when the provider was made.

mod files;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectStore;

use crate::error::StoreError;
use crate::lake_table::LakeTable;
use crate::scan::files::Files;
use crate::schema::{EVENTS, TableShape};
use crate::table::Lake;

impl Lake {
    /// The table `events` at the version this handle sees; later commits do not show in it.
    ///
    /// Filters on `event_date` and `kind` alone are answered exactly, by leaving out files; so are those on times and numbers whose
    /// bounds show that every file has only rows that satisfy them, or none. Others leave out files, row groups and pages by minimum
    /// and maximum, and rows by the plan's own filter. Row counts are exact and need no file.
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] for files with deletion vectors, [`StoreError::Storage`] where the log's list cannot be read.
    pub fn provider(&self) -> std::result::Result<Arc<dyn TableProvider>, StoreError> {
        self.events.provider(&EVENTS)
    }
}

impl LakeTable {
    /// The table at the version this handle sees; see [`Lake::provider`].
    pub(crate) fn provider(
        &self,
        shape: &'static TableShape,
    ) -> std::result::Result<Arc<dyn TableProvider>, StoreError> {
        let table_schema = TableSchema::builder(shape.file_schema())
            .with_table_partition_cols(shape.partition_fields())
            .build();
        let files = Files::of(self, shape, &table_schema)?;
        Ok(Arc::new(TableScan {
            shape,
            table_schema,
            files,
            storage: Storage::of(self)?,
        }))
    }
}

#[derive(Debug)]
struct TableScan {
    shape: &'static TableShape,
    table_schema: TableSchema,
    files: Files,
    storage: Storage,
}

/// Where the files are.
#[derive(Debug)]
struct Storage {
    url: ObjectStoreUrl,
    /// What reaches a cloud's; local files are reached as every session does it.
    store: Option<Arc<dyn ObjectStore>>,
}

impl Storage {
    fn of(table: &LakeTable) -> std::result::Result<Storage, StoreError> {
        let is_local = table.location.directory().is_some();
        Ok(Storage {
            url: table.location.object_store_url()?,
            store: (!is_local).then(|| table.log_store().root_object_store(None)),
        })
    }

    /// The store by which a session reads, which from now on also finds it by its URL.
    fn in_session(&self, state: &dyn Session) -> Result<Arc<dyn ObjectStore>> {
        let runtime = state.runtime_env();
        if let Some(store) = &self.store {
            runtime.register_object_store(self.url.as_ref(), store.clone());
        }
        runtime.object_store(&self.url)
    }
}

#[async_trait]
impl TableProvider for TableScan {
    fn schema(&self) -> SchemaRef {
        self.table_schema.table_schema().clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let of_partition = filters.iter().filter(|filter| self.is_of_partition(filter));
        let of_partition = conjunction(of_partition.map(|filter| (*filter).clone()));
        // A filter that cannot be evaluated yet, such as one with a subquery, leaves out nothing yet.
        let kept = of_partition
            .and_then(|filter| self.files_of_partition(&filter).ok())
            .unwrap_or_else(|| self.files.all());
        let pushdown = |filter: &&Expr| {
            if self.is_of_partition(filter) || self.files.decide(filter, &kept) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(pushdown).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = DFSchema::try_from(self.schema())?;
        let (of_partition, mut of_rows): (Vec<Expr>, Vec<Expr>) = filters
            .iter()
            .cloned()
            .partition(|filter| self.is_of_partition(filter));
        // Rows are picked by one filter after the other, and numbers are compared faster than texts.
        of_rows.sort_by_key(|filter| self.compares_texts(filter));
        let physical = |filters: Vec<Expr>| {
            conjunction(filters)
                .map(|filter| state.create_physical_expr(filter, &schema))
                .transpose()
        };
        let (partition_filter, row_filter) = (physical(of_partition)?, physical(of_rows.clone())?);
        let mut kept = match &partition_filter {
            None => self.files.all(),
            Some(filter) => self.files.of_partition(filter)?,
        };
        if let Some(filter) = &row_filter {
            self.files.prune(filter, &self.schema(), &mut kept)?;
        }
        // What holds in all rows of all files that are left needs no look at a row.
        let open = physical(
            of_rows
                .into_iter()
                .filter(|filter| !self.files.decide(filter, &kept))
                .collect(),
        )?;
        let kept = self.files.take(&kept);
        if kept.is_empty() {
            let projected = projection.map_or_else(
                || Ok(self.schema()),
                |columns| self.schema().project(columns).map(Arc::new),
            )?;
            return Ok(Arc::new(EmptyExec::new(projected)));
        }
        let groups = balanced_groups(kept, state.config().target_partitions());
        let (groups, statistics) = with_statistics(groups, &self.schema())?;
        let statistics = if open.is_some() {
            statistics.to_inexact()
        } else {
            statistics
        };

        let store = self.storage.in_session(state)?;
        let footers = state.runtime_env().cache_manager.get_file_metadata_cache();
        let mut options = datafusion::config::TableParquetOptions::new();
        options.global = state.config_options().execution.parquet.clone();
        // Texts are read only of rows that are wanted. Without texts that costs more than it saves: reading the few bytes of the other
        // columns is cheaper than picking rows out of them, unless hardly any row is wanted.
        options.global.pushdown_filters |= reads_texts(&self.schema(), projection);
        let mut source = ParquetSource::new(self.table_schema.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(store, footers)));
        if let Some(filter) = open {
            source = source.with_predicate(filter);
        }
        let config = FileScanConfigBuilder::new(self.storage.url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn statistics(&self) -> Option<Statistics> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        statistics.num_rows = self.files.rows().map_or(Precision::Absent, Precision::Exact);
        Some(statistics)
    }
}

impl TableScan {
    /// Whether a filter says something about the partition columns and about nothing else, so that leaving out files answers it.
    fn is_of_partition(&self, filter: &Expr) -> bool {
        let columns = filter.column_refs();
        !columns.is_empty()
            && columns
                .iter()
                .all(|column| self.shape.is_partition(column.name()))
            && !filter.is_volatile()
            && !filter.contains_outer()
    }

    fn compares_texts(&self, filter: &Expr) -> bool {
        let schema = self.table_schema.table_schema();
        let is_text = |name: &str| {
            let field = schema.field_with_name(name);
            field.is_ok_and(|field| field.data_type().is_string())
        };
        filter.column_refs().iter().any(|column| is_text(column.name()))
    }

    /// Whether each file satisfies a filter of the partition columns.
    fn files_of_partition(&self, filter: &Expr) -> Result<Vec<bool>> {
        let schema = DFSchema::try_from(self.schema())?;
        let (now, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
        self.files
            .of_partition(&create_physical_expr(filter, &schema, &now, &context)?)
    }
}

/// The columns that take most of a row's bytes wherever they have a value.
const TEXTS: [&str; 13] = [
    "normalized",
    "statement",
    "parameters",
    "tags",
    "attributes",
    "message",
    "detail",
    "hint",
    "context",
    "plan",
    "raw",
    "example",
    "latency",
];

fn reads_texts(schema: &SchemaRef, projection: Option<&Vec<usize>>) -> bool {
    let is_text = |column: usize| TEXTS.contains(&schema.field(column).name().as_str());
    match projection {
        None => (0..schema.fields().len()).any(is_text),
        Some(columns) => columns.iter().copied().any(is_text),
    }
}

/// The groups with the merged statistics of their files, and those of all groups.
fn with_statistics(groups: Vec<FileGroup>, schema: &SchemaRef) -> Result<(Vec<FileGroup>, Statistics)> {
    let mut with = Vec::with_capacity(groups.len());
    let mut of_groups = Vec::with_capacity(groups.len());
    for group in groups {
        let merged =
            Statistics::try_merge_iter(group.iter().filter_map(|file| file.statistics.as_deref()), schema)?;
        of_groups.push(merged.clone());
        with.push(group.with_statistics(Arc::new(merged)));
    }
    let total = Statistics::try_merge_iter(&of_groups, schema)?;
    Ok((with, total))
}

/// The files in `count` groups of about equal size, fewer where there are fewer files: the largest first, each into the group that
/// has least.
fn balanced_groups(mut files: Vec<PartitionedFile>, count: usize) -> Vec<FileGroup> {
    let count = count.clamp(1, files.len().max(1));
    files.sort_by(|a, b| {
        b.object_meta
            .size
            .cmp(&a.object_meta.size)
            .then_with(|| a.path().cmp(b.path()))
    });
    let mut groups: Vec<(u64, FileGroup)> = (0..count).map(|_| (0, FileGroup::new(Vec::new()))).collect();
    for file in files {
        if let Some((size, group)) = groups.iter_mut().min_by_key(|(size, _)| *size) {
            // An empty file still costs an open.
            *size += file.object_meta.size.max(1);
            group.push(file);
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests;
