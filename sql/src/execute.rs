//! From one SQL statement to a stream of rows: parse, mend what SQL's grammar gets in the way of, plan, refuse what is not
//! reading, execute. Results are never collected here unless the caller asks.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, FunctionArguments, Ident, visit_expressions_mut};
use futures::StreamExt;

use crate::error::SqlError;
use crate::names::plain_names;
use crate::value::{Column, Rows, Value};
use crate::{bounds, parameters, read_only};

/// A statement in execution. Dropping it stops the work.
pub struct QueryResult {
    columns: Vec<Column>,
    schema: SchemaRef,
    stream: SendableRecordBatchStream,
    plan: Arc<dyn ExecutionPlan>,
    limit_bytes: usize,
}

/// How far a statement in execution has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Rows read from the lake so far.
    pub rows: usize,
    /// Bytes read from the lake so far.
    pub bytes: usize,
}

impl QueryResult {
    /// Names and types of the columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The Arrow schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next rows, `None` at the end.
    ///
    /// # Errors
    /// Whatever stops the execution.
    pub async fn next(&mut self) -> Result<Option<Rows>, SqlError> {
        Ok(self.next_batch().await?.map(Rows::new))
    }

    /// The next rows as an Arrow batch, `None` at the end.
    ///
    /// # Errors
    /// Whatever stops the execution.
    pub async fn next_batch(&mut self) -> Result<Option<RecordBatch>, SqlError> {
        let next = self.stream.next().await.transpose();
        next.map_err(|error| SqlError::from_datafusion(error, self.limit_bytes))
    }

    /// All remaining rows.
    ///
    /// # Errors
    /// Whatever stops the execution.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>, SqlError> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next_batch().await? {
            if batch.num_rows() > 0 {
                batches.push(batch);
            }
        }
        Ok(batches)
    }

    /// What has been read so far.
    pub fn progress(&self) -> Progress {
        let mut progress = Progress::default();
        add_progress(self.plan.as_ref(), &mut progress);
        progress
    }
}

/// Plans one statement and begins to execute it.
pub(crate) async fn query(
    context: &SessionContext,
    limit_bytes: usize,
    sql: &str,
    parameters: &[Value<'_>],
) -> Result<QueryResult, SqlError> {
    bounds::check_text(sql)?;
    let state = context.state();
    let dialect = state.config_options().sql_parser.dialect;
    let statement = state
        .sql_to_statement(sql, &dialect)
        .map_err(|error| SqlError::from_datafusion(error, limit_bytes))?;
    let plan = plan(context, limit_bytes, statement).await?;
    let plan = parameters::bind(plan, parameters, limit_bytes)?;
    start(context, limit_bytes, plan).await
}

/// Plans a statement, if it is one that only reads.
pub(crate) async fn plan(
    context: &SessionContext,
    limit_bytes: usize,
    mut statement: Statement,
) -> Result<LogicalPlan, SqlError> {
    read_only::check_statement(&statement)?;
    bounds::check_statement(&statement)?;
    name_user_column(&mut statement);
    let plan = context.state().statement_to_plan(statement).await;
    let plan = plan.map_err(|error| SqlError::from_datafusion(error, limit_bytes))?;
    bounds::check_plan(&plan)?;
    read_only::check_plan(&plan, limit_bytes)?;
    Ok(plan)
}

/// Begins to execute a plan.
pub(crate) async fn start(
    context: &SessionContext,
    limit_bytes: usize,
    plan: LogicalPlan,
) -> Result<QueryResult, SqlError> {
    let translate = |error: DataFusionError| SqlError::from_datafusion(error, limit_bytes);
    let frame = context.execute_logical_plan(plan).await.map_err(translate)?;
    let plan = frame.create_physical_plan().await.map_err(translate)?;
    let stream = execute_stream(Arc::clone(&plan), context.task_ctx()).map_err(translate)?;
    let stream = apart(stream);
    let schema = stream.schema();
    let columns = column_names(&schema)
        .into_iter()
        .zip(schema.fields())
        .map(|(name, field)| Column::of(name, field.data_type()))
        .collect();
    Ok(QueryResult {
        columns,
        schema,
        stream,
        plan,
        limit_bytes,
    })
}

/// Batches that are waiting for whoever asked.
const BATCHES_AHEAD: usize = 2;

/// A stream whose work is done in a task of its own, until it is dropped: whoever waits for it can look at other things, too.
fn apart(mut stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let mut receiver = RecordBatchReceiverStream::builder(stream.schema(), BATCHES_AHEAD);
    let sender = receiver.tx();
    receiver.spawn(async move {
        while let Some(batch) = stream.next().await {
            // Who does not listen any more wants nothing more.
            if sender.send(batch).await.is_err() {
                break;
            }
        }
        Ok(())
    });
    receiver.build()
}

/// The names of an answer's columns as people would write them.
pub(crate) fn column_names(schema: &Schema) -> Vec<String> {
    plain_names(schema.fields().iter().map(|field| field.name().as_str()))
}

/// SQL reads a bare `user` as the function that names the current user, which means nothing here: it is the column.
fn name_user_column(statement: &mut Statement) {
    match statement {
        Statement::Statement(statement) => {
            let _ = visit_expressions_mut(statement.as_mut(), |expression| {
                if let Expr::Function(function) = expression
                    && matches!(function.args, FunctionArguments::None)
                    && function.name.to_string().eq_ignore_ascii_case("user")
                {
                    *expression = Expr::Identifier(Ident::new("user"));
                }
                ControlFlow::<()>::Continue(())
            });
        }
        Statement::Explain(explain) => name_user_column(&mut explain.statement),
        _ => {}
    }
}

/// Adds what the leaves of a plan have read.
fn add_progress(plan: &dyn ExecutionPlan, progress: &mut Progress) {
    let children = plan.children();
    if children.is_empty()
        && let Some(metrics) = plan.metrics()
    {
        progress.rows += metrics.output_rows().unwrap_or(0);
        progress.bytes += metrics
            .sum_by_name("bytes_scanned")
            .map_or(0, |value| value.as_usize());
    }
    for child in children {
        add_progress(child.as_ref(), progress);
    }
}
