//! From one SQL statement to a stream of rows: parse, mend what SQL's grammar gets in the way of, plan, refuse what is not
//! reading, execute. Results are never collected here unless the caller asks.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, FunctionArguments, Ident, visit_expressions_mut};
use futures::StreamExt;

use crate::error::SqlError;
use crate::names::plain_names;
use crate::parameters;
use crate::value::{Column, Rows, Value};

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

pub(crate) async fn query(
    context: &SessionContext,
    limit_bytes: usize,
    sql: &str,
    parameters: &[Value<'_>],
) -> Result<QueryResult, SqlError> {
    let translate = |error: DataFusionError| SqlError::from_datafusion(error, limit_bytes);
    let state = context.state();
    let dialect = state.config_options().sql_parser.dialect;
    let mut statement = state.sql_to_statement(sql, &dialect).map_err(translate)?;
    name_user_column(&mut statement);
    let plan = state.statement_to_plan(statement).await.map_err(translate)?;
    refuse_changes(&plan, limit_bytes)?;
    let plan = parameters::bind(plan, parameters, translate)?;
    let frame = context.execute_logical_plan(plan).await.map_err(translate)?;
    let plan = frame.create_physical_plan().await.map_err(translate)?;
    let stream = execute_stream(Arc::clone(&plan), context.task_ctx()).map_err(translate)?;
    let schema = stream.schema();
    let names = plain_names(schema.fields().iter().map(|field| field.name().as_str()));
    let columns = schema
        .fields()
        .iter()
        .zip(names)
        .map(|(field, name)| Column::of(name, field.data_type()))
        .collect();
    Ok(QueryResult {
        columns,
        schema,
        stream,
        plan,
        limit_bytes,
    })
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

/// Refuses every plan that does more than read, wherever in the plan it stands.
fn refuse_changes(plan: &LogicalPlan, limit_bytes: usize) -> Result<(), SqlError> {
    let translate = |error: DataFusionError| SqlError::from_datafusion(error, limit_bytes);
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        found = match node {
            LogicalPlan::Ddl(ddl) => Some(words(&ddl.name().replace("Memory", ""))),
            LogicalPlan::Dml(dml) => Some(dml.op.to_string().to_uppercase()),
            LogicalPlan::Copy(_) => Some("COPY".to_owned()),
            LogicalPlan::Statement(statement) => Some(words(&statement.name().replace("Variable", ""))),
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        Ok(TreeNodeRecursion::Stop)
    })
    .map_err(translate)?;
    if let Some(statement) = found {
        return Err(SqlError::ReadOnly { statement });
    }
    // The same again by DataFusion's own rule, which learns of new kinds of statement before we do.
    let reading = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    reading.verify_plan(plan).map_err(translate)
}

/// `CreateView` → `CREATE VIEW`.
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() && !words.ends_with(' ') {
            words.push(' ');
        }
        words.extend(letter.to_uppercase());
    }
    words
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
