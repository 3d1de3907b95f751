//! The files of one version of the lake, with what the log knows of each, and which of them a query needs. Never opens one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt64Array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::reassign_expr_columns;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use object_store::ObjectMeta;
use object_store::path::Path as StorePath;

use crate::error::StoreError;
use crate::lake_table::LakeTable;
use crate::schema::TableShape;

/// All files, and the bounds of their columns as arrays with one value a file.
#[derive(Debug)]
pub(super) struct Files {
    files: Vec<PartitionedFile>,
    /// One column a partition column, one row a file.
    partitions: RecordBatch,
    /// Minimum and maximum by column name.
    bounds: HashMap<&'static str, (ArrayRef, ArrayRef)>,
    row_counts: ArrayRef,
}

impl Files {
    pub(super) fn of(
        table: &LakeTable,
        shape: &TableShape,
        schema: &TableSchema,
    ) -> std::result::Result<Files, StoreError> {
        let failed =
            |error: datafusion::error::DataFusionError| StoreError::storage("read", &table.location, error);
        let log = table.files()?;
        let root = root_path(table)?;
        let partition_fields = shape.partition_fields();

        let mut files = Vec::with_capacity(log.num_files());
        let mut partition_values = vec![Vec::with_capacity(log.num_files()); partition_fields.len()];
        let mut rows = Vec::with_capacity(log.num_files());
        for view in log.iter() {
            if view.deletion_vector_descriptor().is_some() {
                return Err(StoreError::Unsupported {
                    location: table.location.clone(),
                    feature: "deletion vectors",
                });
            }
            let values =
                partition_values_of(&view.partition_values_map(), &partition_fields).map_err(failed)?;
            let path = view.object_store_path();
            let meta = ObjectMeta {
                location: root.parts().chain(path.parts()).collect::<StorePath>(),
                // A file of a lake never changes, so any time will do; but caches compare it.
                last_modified: view.modification_datetime().unwrap_or_default(),
                size: u64::try_from(view.size()).unwrap_or(0),
                e_tag: None,
                version: None,
            };
            for (column, value) in partition_values.iter_mut().zip(&values) {
                column.push(value.clone());
            }
            files.push(PartitionedFile::new_from_meta(meta).with_partition_values(values));
            rows.push(view.num_records().map(|rows| rows as u64));
        }
        let bounds = bounds_of(&log, shape, schema.table_schema(), files.len()).map_err(failed)?;
        let row_counts = UInt64Array::from(rows);
        let files = files
            .into_iter()
            .enumerate()
            .map(|(index, file)| {
                let statistics = statistics_of(
                    index,
                    file.object_meta.size,
                    &row_counts,
                    &bounds,
                    schema.file_schema(),
                )?;
                Ok(file.with_statistics(Arc::new(statistics)))
            })
            .collect::<Result<Vec<_>>>()
            .map_err(failed)?;
        let partitions = partition_batch(partition_values, partition_fields, files.len()).map_err(failed)?;
        Ok(Files {
            files,
            partitions,
            bounds,
            row_counts: Arc::new(row_counts),
        })
    }

    /// The rows of all files; none where some file's count is not known.
    pub(super) fn rows(&self) -> Option<usize> {
        let counts = self.row_counts.as_any().downcast_ref::<UInt64Array>()?;
        counts.iter().map(|rows| rows.map(|rows| rows as usize)).sum()
    }

    /// The files that satisfy the filter of the partition columns and may have rows that satisfy the other.
    pub(super) fn prune(
        &self,
        partition_filter: Option<&Arc<dyn PhysicalExpr>>,
        row_filter: Option<&Arc<dyn PhysicalExpr>>,
        schema: &SchemaRef,
    ) -> Result<Vec<PartitionedFile>> {
        let mut keep = vec![true; self.files.len()];
        if let Some(filter) = partition_filter
            && !self.files.is_empty()
        {
            let filter = reassign_expr_columns(filter.clone(), self.partitions.schema_ref())?;
            let matches = filter.evaluate(&self.partitions)?.into_array(self.files.len())?;
            let matches = cast(&matches, &DataType::Boolean)?;
            if let Some(matches) = matches.as_any().downcast_ref::<BooleanArray>() {
                keep.iter_mut()
                    .zip(matches)
                    .for_each(|(keep, matches)| *keep &= matches.unwrap_or(false));
            }
        }
        if let Some(filter) = row_filter
            && let Ok(predicate) = PruningPredicateBuilder::new()
                .with_file_schema(schema.clone())
                .try_build(filter.clone())
        {
            keep.iter_mut()
                .zip(predicate.prune(self)?)
                .for_each(|(keep, may)| *keep &= may);
        }
        Ok(self
            .files
            .iter()
            .zip(keep)
            .filter(|(_, keep)| *keep)
            .map(|(file, _)| file.clone())
            .collect())
    }
}

impl PruningStatistics for Files {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        let of_partition = || self.partitions.column_by_name(column.name()).cloned();
        self.bounds
            .get(column.name())
            .map(|bounds| bounds.0.clone())
            .or_else(of_partition)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        let of_partition = || self.partitions.column_by_name(column.name()).cloned();
        self.bounds
            .get(column.name())
            .map(|bounds| bounds.1.clone())
            .or_else(of_partition)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(self.row_counts.clone())
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// The table's directory as a path of the object store that queries read from.
fn root_path(table: &LakeTable) -> std::result::Result<StorePath, StoreError> {
    StorePath::from_url_path(table.delta.table_url().path())
        .map_err(|error| StoreError::storage("reach", &table.location, error))
}

/// The log's texts as typed values, in the order of the partition columns.
fn partition_values_of(
    texts: &HashMap<String, Option<String>>,
    fields: &[Arc<Field>],
) -> Result<Vec<ScalarValue>> {
    let value = |field: &Arc<Field>| match texts.get(field.name()).and_then(Option::as_ref) {
        Some(text) => ScalarValue::try_from_string(text.clone(), field.data_type()),
        None => ScalarValue::try_from(field.data_type()),
    };
    fields.iter().map(value).collect()
}

fn partition_batch(
    values: Vec<Vec<ScalarValue>>,
    fields: Vec<Arc<Field>>,
    rows: usize,
) -> Result<RecordBatch> {
    let arrays = values.into_iter().zip(&fields).map(|(values, field)| {
        if values.is_empty() {
            Ok(datafusion::arrow::array::new_empty_array(field.data_type()))
        } else {
            ScalarValue::iter_to_array(values)
        }
    });
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        Arc::new(Schema::new(fields)),
        arrays,
        &options,
    )?)
}

/// Minimum and maximum of the statistics columns, in the types of the table.
fn bounds_of(
    log: &impl PruningStatistics,
    shape: &TableShape,
    schema: &SchemaRef,
    files: usize,
) -> Result<HashMap<&'static str, (ArrayRef, ArrayRef)>> {
    let mut bounds = HashMap::new();
    for name in shape.statistics.iter().copied() {
        let column = Column::from_name(name);
        let data_type = schema.field_with_name(name)?.data_type();
        if let (Some(min), Some(max)) = (log.min_values(&column), log.max_values(&column))
            && min.len() == files
            && max.len() == files
        {
            bounds.insert(name, (cast(&min, data_type)?, cast(&max, data_type)?));
        }
    }
    Ok(bounds)
}

/// What the planner may know of one file. Integers have exact bounds, so that `max(source_offset)` needs no file; times and texts
/// are bounded from outside.
fn statistics_of(
    index: usize,
    size: u64,
    row_counts: &UInt64Array,
    bounds: &HashMap<&'static str, (ArrayRef, ArrayRef)>,
    file_schema: &SchemaRef,
) -> Result<Statistics> {
    let mut statistics = Statistics::new_unknown(file_schema);
    if row_counts.is_valid(index) {
        statistics.num_rows = Precision::Exact(row_counts.value(index) as usize);
    }
    statistics.total_byte_size = Precision::Inexact(usize::try_from(size).unwrap_or(usize::MAX));
    for (field, column) in file_schema.fields().iter().zip(&mut statistics.column_statistics) {
        let Some((min, max)) = bounds.get(field.name().as_str()) else {
            continue;
        };
        let is_exact = min.as_any().is::<Int64Array>();
        let bound = |array: &ArrayRef| -> Result<Precision<ScalarValue>> {
            Ok(match ScalarValue::try_from_array(array, index)? {
                value if value.is_null() => Precision::Absent,
                value if is_exact => Precision::Exact(value),
                value => Precision::Inexact(value),
            })
        };
        *column = ColumnStatistics {
            min_value: bound(min)?,
            max_value: bound(max)?,
            ..ColumnStatistics::new_unknown()
        };
    }
    Ok(statistics)
}
