//! Where a query is executed: planned for this process first, its scans summed up, and planned again for the cluster where that is worth
//! its while. `EXPLAIN` says which it is, and why. Executes nothing.

use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::optimizer::with_ballista_optimizer_rules;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::catalog::Session;
use datafusion::common::internal_datafusion_err;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Analyze, Explain, LogicalPlan};
use datafusion::physical_plan::explain::ExplainExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;

use super::Cluster;
use super::compact::with_compact_texts;
use super::scans::{Reads, unproven, without_file_statistics};
use super::submit::{SubmitExec, message_bytes};

/// Plans queries of a session that knows a cluster.
#[derive(Debug)]
pub(crate) struct Router {
    cluster: Cluster,
}

/// A query that was planned.
struct Routed {
    /// What is to be executed.
    plan: Arc<dyn ExecutionPlan>,
    /// The optimised query as the cluster's plan was made of it, where it goes there.
    for_cluster: Option<(LogicalPlan, SessionState)>,
    /// Where it goes, and why.
    place: String,
}

impl Router {
    pub(crate) fn new(cluster: Cluster) -> Router {
        Router { cluster }
    }

    async fn route(&self, query: &LogicalPlan, state: &SessionState) -> Result<Routed> {
        let local = physical(query, state).await?;
        let here = |why: String| Routed {
            plan: Arc::clone(&local),
            for_cluster: None,
            place: format!("this process: {why}"),
        };
        let threshold = self.cluster.min_bytes;
        let bytes = match Reads::of(local.as_ref()) {
            Reads::Own(what) => return Ok(here(format!("it reads {what}"))),
            Reads::Files(bytes) => bytes,
        };
        let compared = format!("its scans read {}, ", mebibytes(bytes));
        if bytes < threshold || bytes == 0 {
            return Ok(here(format!(
                "{compared}less than the cluster's {}",
                mebibytes(threshold)
            )));
        }
        let state = for_cluster(&self.cluster, state);
        let query = state.optimize(query)?;
        let remote = physical(&query, &state).await?;
        if let Some(step) = unproven(remote.as_ref()) {
            return Ok(here(format!("{compared}but {step} is only executed here")));
        }
        let remote = with_compact_texts(without_file_statistics(remote)?)?;
        if remote.schema() != local.schema() {
            return Ok(here(format!(
                "{compared}but its columns would have other types on the cluster"
            )));
        }
        if let Err(reason) = message_bytes(&remote, state.config(), &self.cluster.reader) {
            return Ok(here(format!(
                "{compared}but the cluster cannot be given it: {reason}"
            )));
        }
        let place = format!(
            "cluster {}: {compared}the threshold is {}",
            self.cluster.uri,
            mebibytes(threshold)
        );
        let plan = SubmitExec::new(self.cluster.clone(), state.config().clone(), remote, local);
        Ok(Routed {
            plan: Arc::new(plan),
            for_cluster: Some((query, state)),
            place,
        })
    }

    /// The rows of an `EXPLAIN`: of the plan that would be executed, and one that says where.
    async fn explain(&self, explain: &Explain, state: &SessionState) -> Result<Arc<dyn ExecutionPlan>> {
        let routed = self.route(&explain.plan, state).await?;
        let (query, state) = match routed.for_cluster {
            Some((query, for_cluster)) => (Arc::new(query), for_cluster),
            None => (Arc::clone(&explain.plan), state.clone()),
        };
        let explain = LogicalPlan::Explain(Explain {
            plan: query,
            ..explain.clone()
        });
        let explained = physical(&explain, &state).await?;
        let Some(plans) = explained.downcast_ref::<ExplainExec>() else {
            return Ok(explained);
        };
        let shown = plans.stringified_plans().iter();
        let shown = shown.filter(|plan| plan.should_display(plans.verbose()));
        let (mut types, mut texts): (Vec<String>, Vec<String>) = shown
            .map(|plan| (plan.plan_type.to_string(), plan.plan.to_string()))
            .unzip();
        types.push("runs_on".to_owned());
        texts.push(routed.place);
        let columns = [types, texts].map(|column| Arc::new(StringArray::from(column)) as ArrayRef);
        let rows = RecordBatch::try_new(explained.schema(), columns.into())?;
        Ok(MemorySourceConfig::try_new_exec(
            &[vec![rows]],
            explained.schema(),
            None,
        )?)
    }

    /// Measures what would be executed: on a cluster, what comes back from it.
    async fn analyze(
        &self,
        analyze: &Analyze,
        plan: &LogicalPlan,
        state: &SessionState,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let routed = self.route(&analyze.input, state).await?;
        let analyzing = physical(plan, state).await?;
        if routed.for_cluster.is_none() {
            return Ok(analyzing);
        }
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        analyzing.replace_children(vec![routed.plan], options)
    }
}

#[async_trait]
impl QueryPlanner for Router {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let state = session.as_any().downcast_ref::<SessionState>();
        let state = state.ok_or_else(|| internal_datafusion_err!("a session of an unknown kind"))?;
        match plan {
            LogicalPlan::Explain(explain) => self.explain(explain, state).await,
            LogicalPlan::Analyze(analyze) => self.analyze(analyze, plan, state).await,
            _ => Ok(self.route(plan, state).await?.plan),
        }
    }
}

async fn physical(query: &LogicalPlan, state: &SessionState) -> Result<Arc<dyn ExecutionPlan>> {
    DefaultPhysicalPlanner::default()
        .create_physical_plan(query, state)
        .await
}

/// The session as it plans for a cluster: the same tables and functions, Ballista's settings and rules.
fn for_cluster(cluster: &Cluster, state: &SessionState) -> SessionState {
    let config: SessionConfig = cluster.configure(state.config().clone());
    let rules = with_ballista_optimizer_rules(state.optimizers());
    SessionStateBuilder::new_from_existing(state.clone())
        .with_config(config)
        .with_optimizer_rules(rules)
        .build()
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}
