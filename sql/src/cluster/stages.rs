//! Stages of queries as an executor executes them: Ballista's, but that the scheduler is not told what each step of the plan has measured. It
//! takes for granted that all tasks of a stage have the same steps; where a part of a union has nothing to read a task has fewer, and its end
//! would be refused: rows are lost then, or the query never ends. And the executor knows when a task is over, to tell of it at once.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::serde::protobuf::{
    RuntimeStatsReport, ShuffleWritePartition, TaskColumnStats, WindowStateReport,
};
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor};
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::prelude::SessionConfig;
use tokio::sync::Notify;

use super::connections::Connections;

/// Makes stages of plans.
pub(super) struct Stages {
    ballista: DefaultExecutionEngine,
    /// It is time to speak to the scheduler.
    ask: Arc<Notify>,
}

impl Stages {
    pub(super) fn new(ask: &Arc<Notify>) -> Stages {
        Stages {
            ballista: DefaultExecutionEngine::with_client_pool(Arc::new(Connections::default())),
            ask: Arc::clone(ask),
        }
    }
}

impl ExecutionEngine for Stages {
    fn create_query_stage_exec(
        &self,
        job_id: JobId,
        stage_id: usize,
        task_id: usize,
        global_output_partition_ids: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        work_dir: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        let stage = self.ballista.create_query_stage_exec(
            job_id,
            stage_id,
            task_id,
            global_output_partition_ids,
            plan,
            work_dir,
            config,
        )?;
        Ok(Arc::new(Stage {
            stage,
            ask: Arc::clone(&self.ask),
        }))
    }
}

/// A stage, as one task has it. Dropped when the task is over and what is to be told of it lies ready.
#[derive(Debug)]
struct Stage {
    stage: Arc<dyn QueryStageExecutor>,
    ask: Arc<Notify>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.ask.notify_one();
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stage.fmt(f)
    }
}

#[async_trait]
impl QueryStageExecutor for Stage {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        self.stage.execute_query_stage(task_id, context).await
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        Vec::new()
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.stage.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        self.stage.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.stage.collect_column_stats()
    }
}
