//! Columns of texts hold pieces of long buffers, and whoever writes such a column to a file or a wire writes the buffers, not the pieces: a
//! sorted batch would carry the texts of all batches. So where a plan is cut for a cluster, texts are copied together first, by a function
//! that changes no value.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

/// The function, known to schedulers and executors only.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Compact {
        signature: Signature::any(1, Volatility::Immutable),
    })
}

/// The plan with its texts copied together below each node that other tasks, or the client, read from. Ballista does so by itself where rows
/// are distributed by a hash.
pub(super) fn with_compact_texts(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let function = Arc::new(function());
    let below = |node: Arc<dyn ExecutionPlan>| {
        if !node.is::<CoalescePartitionsExec>() && !node.is::<SortPreservingMergeExec>() {
            return Ok(Transformed::no(node));
        }
        let children = node.children().into_iter();
        let children: Result<Vec<_>> = children.map(|child| compact(child, &function)).collect();
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        Ok(Transformed::yes(node.replace_children(children?, options)?))
    };
    let plan = plan.transform_up(below)?.data;
    compact(&plan, &function)
}

fn compact(plan: &Arc<dyn ExecutionPlan>, function: &Arc<ScalarUDF>) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = plan.schema();
    let is_text = |data_type: &DataType| matches!(data_type, DataType::Utf8View | DataType::BinaryView);
    if !schema.fields().iter().any(|field| is_text(field.data_type())) {
        return Ok(Arc::clone(plan));
    }
    let options = Arc::new(ConfigOptions::new());
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), index));
        let expression = if is_text(field.data_type()) {
            Arc::new(ScalarFunctionExpr::new(
                function.name(),
                Arc::clone(function),
                vec![column],
                Arc::clone(field),
                Arc::clone(&options),
            ))
        } else {
            column
        };
        (expression, field.name().clone())
    });
    let columns: Vec<_> = columns.collect();
    Ok(Arc::new(ProjectionExec::try_new(columns, Arc::clone(plan))?))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Compact {
    signature: Signature,
}

impl ScalarUDFImpl for Compact {
    fn name(&self) -> &str {
        "slowlake_compact"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(given[0].clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let compact: ArrayRef = match columns[0].data_type() {
            DataType::Utf8View => Arc::new(columns[0].as_string_view().gc()),
            DataType::BinaryView => Arc::new(columns[0].as_binary_view().gc()),
            _ => Arc::clone(&columns[0]),
        };
        Ok(ColumnarValue::Array(compact))
    }
}
