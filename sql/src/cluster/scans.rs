//! What a physical plan reads: how many bytes, whether an executor can read it, and the plan without what only the planner needs to know of
//! files. Changes nothing else in a plan.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;

/// What the leaves of a plan read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// Files of lakes, so many bytes of them at most.
    Files(u64),
    /// Something that only this process has, by the name of the plan's node.
    Own(&'static str),
}

impl Reads {
    pub(super) fn of(plan: &dyn ExecutionPlan) -> Reads {
        let children = plan.children();
        if children.is_empty() {
            return Reads::of_leaf(plan);
        }
        let mut bytes = 0;
        for child in children {
            match Reads::of(child.as_ref()) {
                Reads::Files(of_child) => bytes += of_child,
                own @ Reads::Own(_) => return own,
            }
        }
        Reads::Files(bytes)
    }

    fn of_leaf(plan: &dyn ExecutionPlan) -> Reads {
        if let Some(source) = plan.downcast_ref::<DataSourceExec>() {
            if let Some((config, _)) = source.downcast_to_file_source::<ParquetSource>() {
                return Reads::Files(bytes_of(config));
            }
            if source.data_source().is::<MemorySourceConfig>() {
                return Reads::Files(0);
            }
        }
        if plan.is::<EmptyExec>() || plan.is::<PlaceholderRowExec>() {
            return Reads::Files(0);
        }
        Reads::Own(match plan.name() {
            "StreamingTableExec" => "the names of tables and columns",
            _ => "what only this process knows",
        })
    }
}

/// The steps whose results on a cluster were found to be those here, by `tests/cluster`.
const PROVEN: [&str; 26] = [
    "AggregateExec",
    "BoundedWindowAggExec",
    "CoalesceBatchesExec",
    "CoalescePartitionsExec",
    "CooperativeExec",
    "CrossJoinExec",
    "DataSourceExec",
    "EmptyExec",
    "FilterExec",
    "GlobalLimitExec",
    "HashJoinExec",
    "InterleaveExec",
    "LocalLimitExec",
    "NestedLoopJoinExec",
    "PartialSortExec",
    "PlaceholderRowExec",
    "ProjectionExec",
    "RepartitionExec",
    "ScalarSubqueryExec",
    "SortExec",
    "SortExec(TopK)",
    "SortMergeJoinExec",
    "SortPreservingMergeExec",
    "UnionExec",
    "UnnestExec",
    "WindowAggExec",
];

/// The first step of a plan that is not to be executed on a cluster.
pub(super) fn unproven(plan: &dyn ExecutionPlan) -> Option<String> {
    // `NOT IN` has to see all rows of both sides to know of NULL, which no task does.
    if plan
        .downcast_ref::<HashJoinExec>()
        .is_some_and(|join| join.null_aware)
    {
        return Some("NOT IN".to_owned());
    }
    if !PROVEN.contains(&plan.name()) {
        return Some(plan.name().to_owned());
    }
    plan.children()
        .into_iter()
        .find_map(|child| unproven(child.as_ref()))
}

/// The files' bytes, or the share of them that is read until there are as many rows as are wanted.
fn bytes_of(config: &FileScanConfig) -> u64 {
    let files = config.file_groups.iter().flat_map(FileGroup::iter);
    let bytes: u64 = files
        .map(|file| match &file.range {
            Some(range) => u64::try_from(range.end - range.start).unwrap_or(0),
            None => file.object_meta.size,
        })
        .sum();
    let rows = config.statistics().num_rows.get_value().copied();
    match (config.limit, rows) {
        (Some(limit), Some(rows)) if limit < rows => (bytes as f64 * limit as f64 / rows as f64) as u64,
        _ => bytes,
    }
}

/// The plan without the statistics of single files: they chose the files, and would be most of the message.
pub(super) fn without_file_statistics(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let without = |node: Arc<dyn ExecutionPlan>| {
        let Some(source) = node.downcast_ref::<DataSourceExec>() else {
            return Ok(Transformed::no(node));
        };
        let Some((config, _)) = source.downcast_to_file_source::<ParquetSource>() else {
            return Ok(Transformed::no(node));
        };
        let groups = config.file_groups.iter().map(bare).collect();
        let statistics = config.statistics();
        let config = FileScanConfigBuilder::from(config.clone())
            .with_file_groups(groups)
            .with_statistics(statistics)
            .build();
        Ok(Transformed::yes(DataSourceExec::from_data_source(config) as _))
    };
    Ok(plan.transform_up(without)?.data)
}

fn bare(group: &FileGroup) -> FileGroup {
    let files = group.iter().map(|file| {
        let mut file = file.clone();
        file.statistics = None;
        file
    });
    FileGroup::new(files.collect())
}
