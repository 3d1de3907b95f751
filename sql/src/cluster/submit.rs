//! The node of a plan that has the rest of it executed by a cluster: submits it when it is executed, and streams the rows that come back.
//! Dropping the stream ends the query there, for the scheduler sees the connection close. Never decides where a query goes.

use std::fmt;
use std::sync::Arc;

use ballista_core::execution_plans::execute_physical_plan;
use ballista_core::extension::SessionConfigExt;
use ballista_core::serde::protobuf::CreateUpdateSessionParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, ReplaceChildrenOptions,
    execute_stream,
};
use datafusion::prelude::SessionConfig;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::{StreamExt, TryStreamExt};
use tonic::Code;

use super::failure::failure;
use super::tls::{endpoint, innermost};
use super::{Cluster, ClusterError, MESSAGE_BYTES_MAX, SESSION};

/// A query for a cluster.
#[derive(Debug)]
pub(super) struct SubmitExec {
    pub(super) cluster: Cluster,
    /// The plan for the cluster, and the settings that it was made with.
    pub(super) remote: Arc<dyn ExecutionPlan>,
    pub(super) config: SessionConfig,
    /// The plan for this process.
    pub(super) local: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SubmitExec {
    pub(super) fn new(
        cluster: Cluster,
        config: SessionConfig,
        remote: Arc<dyn ExecutionPlan>,
        local: Arc<dyn ExecutionPlan>,
    ) -> SubmitExec {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(remote.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        SubmitExec {
            cluster,
            remote,
            config,
            local,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for SubmitExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubmitExec: cluster={}", self.cluster.uri)
    }
}

impl ExecutionPlan for SubmitExec {
    fn name(&self) -> &'static str {
        "SubmitExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    /// What is below is executed elsewhere.
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (cluster, config) = (self.cluster.clone(), self.config.clone());
        let (remote, local) = (Arc::clone(&self.remote), Arc::clone(&self.local));
        let begin = async move {
            match greet(&cluster).await {
                Ok(()) => submit(&cluster, config, remote).await,
                Err(error) if cluster.may_fall_back && error.is_before_the_query() => {
                    (cluster.warn)(&error);
                    execute_stream(local, context)
                }
                Err(error) => Err(DataFusionError::External(Box::new(error))),
            }
        };
        let counted = BaselineMetrics::new(&self.metrics, partition);
        let rows = futures::stream::once(begin).try_flatten().inspect(move |batch| {
            if let Ok(batch) = batch {
                counted.record_output(batch.num_rows());
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Opens the session, which a scheduler refuses as long as nobody is there to work.
pub(super) async fn greet(cluster: &Cluster) -> std::result::Result<(), ClusterError> {
    let scheduler = cluster.uri.to_string();
    let unreachable = |reason: String| ClusterError::Unreachable {
        scheduler: cluster.uri.to_string(),
        reason,
    };
    let endpoint =
        endpoint(&cluster.uri, cluster.tls.as_ref()).map_err(|error| unreachable(innermost(&error)))?;
    let connection = endpoint
        .connect()
        .await
        .map_err(|error| unreachable(innermost(&error)))?;
    let greeting = CreateUpdateSessionParams {
        session_id: SESSION.to_owned(),
        ..CreateUpdateSessionParams::default()
    };
    match SchedulerGrpcClient::new(connection)
        .create_update_session(greeting)
        .await
    {
        Ok(_) => Ok(()),
        Err(status) if status.code() == Code::FailedPrecondition => {
            Err(ClusterError::NoExecutor { scheduler })
        }
        // With TLS 1.3 it is only the first answer that tells that a certificate was refused.
        Err(status) => Err(unreachable(innermost(&status))),
    }
}

async fn submit(
    cluster: &Cluster,
    config: SessionConfig,
    plan: Arc<dyn ExecutionPlan>,
) -> Result<SendableRecordBatchStream> {
    let schema = plan.schema();
    let (settings, codec) = (
        config.ballista_config(),
        config.ballista_physical_extension_codec(),
    );
    let rows = execute_physical_plan::<PhysicalPlanNode>(
        cluster.uri.to_string(),
        &settings,
        plan,
        codec.as_ref(),
        SESSION.to_owned(),
        config,
    );
    let scheduler = cluster.uri.to_string();
    let failed = move |error: DataFusionError| failure(&scheduler, &error);
    let rows = rows.await.map_err(&failed)?.map_err(failed);
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
}

/// Whether a plan can be sent and understood: the bytes of its message, or why it has none. Whoever reads it knows functions by their names, of
/// which a session can have some of its own.
pub(super) fn message_bytes(
    plan: &Arc<dyn ExecutionPlan>,
    config: &SessionConfig,
    reader: &TaskContext,
) -> std::result::Result<usize, String> {
    let codec = config.ballista_physical_extension_codec();
    let mut message = Vec::new();
    PhysicalPlanNode::try_from_physical_plan(Arc::clone(plan), codec.as_ref())
        .and_then(|node| {
            node.try_encode(&mut message)?;
            node.try_into_physical_plan(reader, codec.as_ref())
        })
        .map_err(|error| error.strip_backtrace())?;
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(format!(
            "its plan has {} bytes, the limit is {MESSAGE_BYTES_MAX}",
            message.len()
        ));
    }
    Ok(message.len())
}
