//! The files of one version of the lake, with what the log knows of each, and which of them a query needs. Never opens one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt64Array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::cmp;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
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
    /// By column name.
    bounds: HashMap<&'static str, Bounds>,
    row_counts: ArrayRef,
}

/// What the log says of one column, one value a file.
#[derive(Debug)]
struct Bounds {
    /// At most the smallest value.
    min: ArrayRef,
    /// At least the largest value.
    max: ArrayRef,
    /// How many rows have no value.
    nulls: UInt64Array,
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

    /// Each file.
    pub(super) fn all(&self) -> Vec<bool> {
        vec![true; self.files.len()]
    }

    /// Whether each file satisfies a filter of the partition columns.
    pub(super) fn of_partition(&self, filter: &Arc<dyn PhysicalExpr>) -> Result<Vec<bool>> {
        if self.files.is_empty() {
            return Ok(Vec::new());
        }
        let filter = reassign_expr_columns(filter.clone(), self.partitions.schema_ref())?;
        let matches = filter.evaluate(&self.partitions)?.into_array(self.files.len())?;
        let matches = cast(&matches, &DataType::Boolean)?;
        Ok(matches
            .as_boolean()
            .iter()
            .map(|matches| matches == Some(true))
            .collect())
    }

    /// Leaves out the files that can have no row that satisfies the filter.
    pub(super) fn prune(
        &self,
        filter: &Arc<dyn PhysicalExpr>,
        schema: &SchemaRef,
        keep: &mut [bool],
    ) -> Result<()> {
        let builder = PruningPredicateBuilder::new().with_file_schema(schema.clone());
        if let Ok(predicate) = builder.try_build(filter.clone()) {
            keep.iter_mut()
                .zip(predicate.prune(self)?)
                .for_each(|(keep, may)| *keep &= may);
        }
        Ok(())
    }

    /// Whether the bounds of each of the files `among` all show that the filter holds in all of its rows, or in none. Understands a
    /// column compared with a constant; false for anything else.
    pub(super) fn decide(&self, filter: &Expr, among: &[bool]) -> bool {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else {
            return false;
        };
        let (Expr::Column(column), Expr::Literal(value, _)) = (left.as_ref(), right.as_ref()) else {
            return false;
        };
        let Some(bounds) = self.bounds.get(column.name()) else {
            return false;
        };
        let decided = bounds.decided(*op, value).unwrap_or_else(|_| self.none());
        among
            .iter()
            .zip(&decided)
            .all(|(among, decided)| !among || *decided)
    }

    /// The files themselves.
    pub(super) fn take(&self, keep: &[bool]) -> Vec<PartitionedFile> {
        let files = self.files.iter().zip(keep);
        files
            .filter(|(_, keep)| **keep)
            .map(|(file, _)| file.clone())
            .collect()
    }

    fn none(&self) -> Vec<bool> {
        vec![false; self.files.len()]
    }
}

impl Bounds {
    /// For each file whether `column op value` is the same for all its rows.
    fn decided(&self, op: Operator, value: &ScalarValue) -> Result<Vec<bool>> {
        let value = value.to_scalar()?;
        let (holds, fails) = match op {
            Operator::Lt => (cmp::lt(&self.max, &value)?, cmp::gt_eq(&self.min, &value)?),
            Operator::LtEq => (cmp::lt_eq(&self.max, &value)?, cmp::gt(&self.min, &value)?),
            Operator::Gt => (cmp::gt(&self.min, &value)?, cmp::lt_eq(&self.max, &value)?),
            Operator::GtEq => (cmp::gt_eq(&self.min, &value)?, cmp::lt(&self.max, &value)?),
            _ => return Ok(vec![false; self.min.len()]),
        };
        let decided = holds.iter().zip(&fails).zip(&self.nulls);
        Ok(decided
            // A comparison with NULL does not hold, whatever the bounds.
            .map(|((holds, fails), nulls)| (holds == Some(true) && nulls == Some(0)) || fails == Some(true))
            .collect())
    }
}

impl PruningStatistics for Files {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        let of_partition = || self.partitions.column_by_name(column.name()).cloned();
        self.bounds
            .get(column.name())
            .map(|bounds| bounds.min.clone())
            .or_else(of_partition)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        let of_partition = || self.partitions.column_by_name(column.name()).cloned();
        self.bounds
            .get(column.name())
            .map(|bounds| bounds.max.clone())
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

/// The bounds of the statistics columns, in the types of the table.
fn bounds_of(
    log: &impl PruningStatistics,
    shape: &TableShape,
    schema: &SchemaRef,
    files: usize,
) -> Result<HashMap<&'static str, Bounds>> {
    let mut bounds = HashMap::new();
    for name in shape.statistics.iter().copied() {
        let column = Column::from_name(name);
        let data_type = schema.field_with_name(name)?.data_type();
        if let (Some(min), Some(max)) = (log.min_values(&column), log.max_values(&column))
            && min.len() == files
            && max.len() == files
        {
            let unknown = || Arc::new(UInt64Array::new_null(files)) as ArrayRef;
            let nulls = log.null_counts(&column).filter(|nulls| nulls.len() == files);
            let nulls = cast(&nulls.unwrap_or_else(unknown), &DataType::UInt64)?;
            let nulls = nulls.as_primitive().clone();
            let (min, max) = (cast(&min, data_type)?, cast(&max, data_type)?);
            bounds.insert(name, Bounds { min, max, nulls });
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
    bounds: &HashMap<&'static str, Bounds>,
    file_schema: &SchemaRef,
) -> Result<Statistics> {
    let mut statistics = Statistics::new_unknown(file_schema);
    if row_counts.is_valid(index) {
        statistics.num_rows = Precision::Exact(row_counts.value(index) as usize);
    }
    statistics.total_byte_size = Precision::Inexact(usize::try_from(size).unwrap_or(usize::MAX));
    for (field, column) in file_schema.fields().iter().zip(&mut statistics.column_statistics) {
        let Some(Bounds { min, max, .. }) = bounds.get(field.name().as_str()) else {
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
