//! Statements that are planned once and executed often: their parameters and columns as the client is told of them. A plan is made anew when
//! the lake has a newer snapshot. Executes nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::ParamValues;
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::sql::parser::Statement as AnyStatement;
use datafusion_postgres::arrow_pg::datatypes::df::deserialize_parameters_with_server_types;
use datafusion_postgres::arrow_pg::datatypes::{PG_OID_ALIAS_KEY, into_pg_type, pg_type_for_alias_kind};
use pgwire::api::portal::{Format, Portal};
use pgwire::api::results::{FieldFormat, FieldInfo};
use pgwire::api::stmt::QueryParser;
use pgwire::api::{ClientInfo, METADATA_USER, Type};
use pgwire::error::PgWireResult;

use crate::error::SqlError;
use crate::execute::QueryResult;
use crate::postgres_wire::connection::lock;
use crate::postgres_wire::failure::{error, of_query, state};
use crate::postgres_wire::rows;
use crate::postgres_wire::settings;
use crate::postgres_wire::statement::{Asked, Reader};
use crate::session::{CurrentSession, Session};

/// A statement that waits to be executed.
#[derive(Clone)]
pub(super) struct Prepared {
    /// As it came.
    pub(super) sql: Arc<str>,
    pub(super) asked: Arc<Asked>,
    /// What a question comes to, for the newest snapshot that it was executed with.
    planned: Option<Arc<Mutex<Arc<Planned>>>>,
}

struct Planned {
    /// The session over the snapshot that it was planned for.
    session: Arc<Session>,
    plan: LogicalPlan,
    parameters: Vec<Parameter>,
}

/// A parameter as far as the statement says what it is.
#[derive(Debug, Clone, PartialEq)]
struct Parameter {
    data_type: Option<DataType>,
    wire: Type,
}

/// A question that can be executed.
pub(super) struct Ready {
    session: Arc<Session>,
    plan: LogicalPlan,
}

impl Ready {
    /// What its columns are.
    pub(super) fn schema(&self) -> &Schema {
        self.plan.schema().as_arrow()
    }

    /// Begins to execute it.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub(super) async fn start(self) -> Result<QueryResult, SqlError> {
        apart(async move { self.session.start(self.plan).await }).await
    }
}

/// Does what takes the processor rather than time in a task of its own: whoever waits for it can look at the clock.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, SqlError>> + Send + 'static,
) -> Result<T, SqlError> {
    let done = SpawnedTask::spawn(work).join().await;
    done.unwrap_or_else(|panic| Err(SqlError::Internal(panic.to_string())))
}

/// Reads and plans.
pub(super) struct Planner {
    sessions: Arc<CurrentSession>,
    reader: Reader,
}

impl Planner {
    pub(super) fn new(sessions: Arc<CurrentSession>) -> Planner {
        Planner {
            sessions,
            reader: Reader::new(),
        }
    }

    /// What the statements of a text ask for.
    ///
    /// # Errors
    /// What cannot be read or is refused.
    pub(super) fn read(&self, sql: &str, user: &str) -> PgWireResult<Vec<Asked>> {
        self.reader.read(sql, user)
    }

    /// Plans a question for the newest snapshot.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub(super) async fn plan(&self, asked: &Asked, sql: &str) -> PgWireResult<Option<Ready>> {
        let Asked::Query(statement) = asked else {
            return Ok(None);
        };
        let session = self.sessions.get();
        let statement = AnyStatement::Statement(statement.clone());
        let planned = apart({
            let session = session.clone();
            async move { session.plan(statement).await }
        });
        let plan = planned.await.map_err(|failure| of_query(&failure, sql))?;
        Ok(Some(Ready { session, plan }))
    }

    async fn prepare(&self, asked: Asked, sql: &str) -> PgWireResult<Prepared> {
        let planned = self.planned(&asked, sql).await?;
        Ok(Prepared {
            sql: sql.into(),
            asked: Arc::new(asked),
            planned: planned.map(|planned| Arc::new(Mutex::new(planned))),
        })
    }

    async fn planned(&self, asked: &Asked, sql: &str) -> PgWireResult<Option<Arc<Planned>>> {
        let Some(Ready { session, plan }) = self.plan(asked, sql).await? else {
            return Ok(None);
        };
        let parameters = parameters(&plan).map_err(|failure| of_query(&failure, sql))?;
        Ok(Some(Arc::new(Planned {
            session,
            plan,
            parameters,
        })))
    }

    /// The question of a portal with its parameters; `None` where it is no question.
    ///
    /// # Errors
    /// A parameter that cannot be read; a plan that cannot be made any more.
    pub(super) async fn bind(&self, portal: &Portal<Prepared>) -> PgWireResult<Option<Ready>> {
        let prepared = &portal.statement.statement;
        let (Some(kept), Some(mut planned)) = (&prepared.planned, prepared.planned()) else {
            return Ok(None);
        };
        if !Arc::ptr_eq(&self.sessions.get(), &planned.session) {
            let Some(anew) = self.planned(&prepared.asked, &prepared.sql).await? else {
                return Ok(None);
            };
            // The old snapshot is let go.
            *lock(kept) = anew.clone();
            planned = anew;
        }
        let (session, plan) = (planned.session.clone(), planned.plan.clone());
        if planned.parameters.is_empty() {
            return Ok(Some(Ready { session, plan }));
        }
        let values = values(portal, &planned.parameters)?;
        let plan = plan
            .replace_params_with_values(&values)
            .map_err(|error| of_query(&SqlError::from_datafusion(error, 0), &prepared.sql))?;
        Ok(Some(Ready { session, plan }))
    }
}

impl Prepared {
    fn planned(&self) -> Option<Arc<Planned>> {
        self.planned.as_ref().map(|planned| lock(planned).clone())
    }

    /// How many parameters it takes.
    pub(super) fn n_parameters(&self) -> usize {
        self.planned().map_or(0, |planned| planned.parameters.len())
    }

    /// The columns of its answer, none where it has no rows.
    pub(super) fn fields(&self, format: &Format) -> Vec<FieldInfo> {
        match (self.planned(), &*self.asked) {
            (Some(planned), _) => rows::fields(planned.plan.schema().as_arrow(), format),
            (None, Asked::Show { name }) => show_fields(name, format),
            (None, _) => Vec::new(),
        }
    }

    /// How many columns its answer has.
    pub(super) fn n_columns(&self) -> usize {
        match (self.planned(), &*self.asked) {
            (Some(planned), _) => planned.plan.schema().fields().len(),
            (None, Asked::Show { .. }) => 1,
            (None, _) => 0,
        }
    }
}

/// The one column of `SHOW`.
pub(super) fn show_fields(name: &str, format: &Format) -> Vec<FieldInfo> {
    let format = match format {
        Format::UnifiedBinary => FieldFormat::Binary,
        _ => FieldFormat::Text,
    };
    let name = settings::spelled(name).to_owned();
    vec![FieldInfo::new(name, None, None, Type::TEXT, format)]
}

#[async_trait]
impl QueryParser for Planner {
    type Statement = Prepared;

    async fn parse_sql<C>(
        &self,
        client: &C,
        sql: &str,
        _types: &[Option<Type>],
    ) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let user = client.metadata().get(METADATA_USER).map_or("", String::as_str);
        let mut asked = self.read(sql, user)?;
        match (asked.pop(), asked.is_empty()) {
            (None, _) => Ok(None),
            (Some(asked), true) => self.prepare(asked, sql).await.map(Some),
            (Some(_), false) => {
                let what = "several statements cannot be prepared as one";
                Err(error(state::SYNTAX, what))
            }
        }
    }

    fn get_parameter_types(&self, prepared: &Prepared) -> PgWireResult<Vec<Type>> {
        let planned = prepared.planned();
        let parameters = planned.iter().flat_map(|planned| &planned.parameters);
        Ok(parameters.map(|parameter| parameter.wire.clone()).collect())
    }

    fn get_result_schema(
        &self,
        prepared: &Prepared,
        format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        Ok(prepared.fields(format.unwrap_or(&Format::UnifiedText)))
    }
}

/// The parameters of a plan by their numbers, with the types that the statement gives them.
fn parameters(plan: &LogicalPlan) -> Result<Vec<Parameter>, SqlError> {
    let translate = |error: DataFusionError| SqlError::from_datafusion(error, 0);
    let mut found: BTreeMap<usize, Parameter> = BTreeMap::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|expression| {
                let Some((placeholder, of_use)) = used(expression, node) else {
                    return Ok(TreeNodeRecursion::Continue);
                };
                let number = placeholder
                    .id
                    .trim_start_matches('$')
                    .parse::<usize>()
                    .unwrap_or(0);
                let field = placeholder.field.as_ref();
                let data_type = field.map(|field| field.data_type().clone()).or(of_use);
                let alias = field
                    .and_then(|field| field.metadata().get(PG_OID_ALIAS_KEY))
                    .and_then(|kind| pg_type_for_alias_kind(kind));
                let of_type = || data_type.as_ref().and_then(|it| into_pg_type(it).ok());
                let parameter = Parameter {
                    wire: alias.or_else(of_type).unwrap_or(Type::UNKNOWN),
                    data_type,
                };
                let known = found.entry(number).or_insert_with(|| parameter.clone());
                if known.data_type.is_none() {
                    *known = parameter;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(translate)?;
    let n = found.keys().max().copied().unwrap_or(0);
    if n > PARAMETERS_MAX || found.contains_key(&0) {
        let what = format!("parameters are $1 to ${PARAMETERS_MAX}");
        return Err(SqlError::Statement(what));
    }
    let unused = Parameter {
        data_type: None,
        wire: Type::TEXT,
    };
    Ok((1..=n)
        .map(|i| found.remove(&i).unwrap_or(unused.clone()))
        .collect())
}

/// A parameter, and what its use says of its type: a cast, a number of rows, or the search for something in it (`= ANY($1)`).
fn used<'e>(expression: &'e Expr, node: &LogicalPlan) -> Option<(&'e Placeholder, Option<DataType>)> {
    match expression {
        Expr::Placeholder(placeholder) => {
            let is_count = matches!(node, LogicalPlan::Limit(_));
            Some((placeholder, is_count.then_some(DataType::Int64)))
        }
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Placeholder(placeholder) => Some((placeholder, Some(cast.field.data_type().clone()))),
            _ => None,
        },
        Expr::ScalarFunction(function) if function.name() == "array_has" => match &function.args[..] {
            [Expr::Placeholder(placeholder), item] => {
                let item = node
                    .inputs()
                    .first()
                    .and_then(|input| item.get_type(input.schema()).ok())?;
                let list = DataType::List(Arc::new(Field::new_list_field(item, true)));
                Some((placeholder, Some(list)))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The protocol counts parameters in 16 bits.
const PARAMETERS_MAX: usize = u16::MAX as usize;

/// The values of a portal's parameters, each of the type that the statement wants.
fn values(portal: &Portal<Prepared>, parameters: &[Parameter]) -> PgWireResult<ParamValues> {
    let data_types: Vec<_> = parameters.iter().map(|it| it.data_type.as_ref()).collect();
    let wire_types: Vec<_> = parameters.iter().map(|it| Some(&it.wire)).collect();
    let values = deserialize_parameters_with_server_types(portal, &data_types, &wire_types)?;
    let ParamValues::List(values) = values else {
        return Ok(values);
    };
    let values = values
        .into_iter()
        .zip(parameters)
        .map(|(value, parameter)| match &parameter.data_type {
            Some(wanted) if value.value.data_type() != *wanted => {
                let cast = value
                    .value
                    .cast_to(wanted)
                    .map_err(|failure| of_query(&SqlError::from_datafusion(failure, 0), ""))?;
                Ok(ScalarAndMetadata::new(cast, value.metadata))
            }
            _ => Ok(value),
        });
    Ok(ParamValues::List(values.collect::<PgWireResult<_>>()?))
}

#[cfg(test)]
mod tests {
    use pgwire::api::stmt::StoredStatement;
    use pgwire::messages::extendedquery::Bind;

    use super::*;
    use crate::fixture::{MONDAY_US, Row, events};
    use crate::session::SessionSettings;

    async fn sessions() -> Arc<CurrentSession> {
        let settings = SessionSettings {
            memory_limit_bytes: 64 << 20,
            threads: 1,
        };
        let rows = [Row::execution(0, MONDAY_US, 1, 5_000)];
        let session = Session::from_provider(events(&rows, 1), settings).await;
        Arc::new(CurrentSession::new(session.expect("a session")))
    }

    #[tokio::test]
    async fn a_statement_is_planned_once_for_each_snapshot_and_keeps_no_older_one() {
        let sql = "SELECT query_time_us FROM executions";
        let planner = Planner::new(sessions().await);
        let asked = planner.read(sql, "ann").unwrap().remove(0);
        let prepared = planner.prepare(asked, sql).await.unwrap();
        let older = Arc::downgrade(&planner.sessions.get());
        drop(planner);

        let planner = Planner::new(sessions().await);
        let statement = StoredStatement::new(String::new(), prepared.clone(), Vec::new());
        let bind = Bind::new(None, None, Vec::new(), Vec::new(), Vec::new());
        let portal = Portal::try_new(&bind, Arc::new(statement)).unwrap();
        planner.bind(&portal).await.unwrap().expect("a question");
        let planned = prepared.planned().expect("a question");
        assert!(Arc::ptr_eq(&planned.session, &planner.sessions.get()));
        assert!(older.upgrade().is_none(), "the older snapshot is let go");
        planner.bind(&portal).await.unwrap().expect("a question");
        let again = prepared.planned().expect("a question");
        assert!(Arc::ptr_eq(&planned, &again), "nothing is planned anew");
    }
}
