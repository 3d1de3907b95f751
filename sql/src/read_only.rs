//! What SQL may do here: the kinds of statements that only read, in one list for every way in, and the same again on the plan. What is not on
//! the list is refused, whatever it is.

use std::ops::ControlFlow;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SQLOptions;
use datafusion::sql::parser::Statement as AnyStatement;
use datafusion::sql::sqlparser::ast::{Query, Statement, Visit, Visitor};

use crate::error::SqlError;

/// Refuses every statement that is not a question, wherever in the statement it stands.
///
/// # Errors
/// [`SqlError::ReadOnly`]
pub(crate) fn check_statement(statement: &AnyStatement) -> Result<(), SqlError> {
    let refused = |statement: &str| {
        let statement = statement.to_owned();
        Err(SqlError::ReadOnly { statement })
    };
    match statement {
        AnyStatement::Statement(statement) => check_parsed(statement),
        AnyStatement::Explain(explain) => check_statement(&explain.statement),
        AnyStatement::CreateExternalTable(_) => refused("CREATE EXTERNAL TABLE"),
        AnyStatement::CopyTo(_) => refused("COPY"),
        AnyStatement::Reset(_) => refused("RESET"),
    }
}

/// The same for a statement of the general grammar.
///
/// # Errors
/// [`SqlError::ReadOnly`]
pub(crate) fn check_parsed(statement: &Statement) -> Result<(), SqlError> {
    match statement.visit(&mut Changes) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(statement) => Err(SqlError::ReadOnly { statement }),
    }
}

/// Refuses every plan that does more than read, wherever in the plan it stands.
///
/// # Errors
/// [`SqlError::ReadOnly`]
pub(crate) fn check_plan(plan: &LogicalPlan, limit_bytes: usize) -> Result<(), SqlError> {
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
    // The same again by DataFusion's own rule, which learns of new kinds of plans before we do.
    let reading = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    reading.verify_plan(plan).map_err(translate)
}

/// Looks for what is no question.
struct Changes;

impl Visitor for Changes {
    type Break = String;

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<String> {
        match statement {
            Statement::Query(_)
            | Statement::Explain { .. }
            | Statement::ExplainTable { .. }
            | Statement::ShowColumns { .. }
            | Statement::ShowFunctions { .. }
            | Statement::ShowTables { .. }
            | Statement::ShowVariable { .. } => ControlFlow::Continue(()),
            other => ControlFlow::Break(name(other)),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        match query.locks.first() {
            Some(lock) => ControlFlow::Break(format!("SELECT {lock}")),
            None => ControlFlow::Continue(()),
        }
    }
}

/// What people call a statement: its first word, or with the kind of thing that it is about.
fn name(statement: &Statement) -> String {
    const BESIDE: &[&str] = &[
        "OR",
        "REPLACE",
        "TEMPORARY",
        "TEMP",
        "UNIQUE",
        "UNLOGGED",
        "MATERIALIZED",
    ];
    let text = statement.to_string().to_uppercase();
    let mut words = text.split(|c: char| !c.is_alphabetic());
    let first = words.next().unwrap_or_default();
    match first {
        "CREATE" | "DROP" | "ALTER" | "INSERT" | "MERGE" => {
            let kind = words.find(|word| !word.is_empty() && !BESIDE.contains(word));
            format!("{first} {}", kind.unwrap_or_default())
                .trim_end()
                .to_owned()
        }
        _ => first.to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[track_caller]
    fn check(sql: &str, refused: Option<&str>) {
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap();
        let found = check_parsed(&statements[0]).err().map(|error| match error {
            SqlError::ReadOnly { statement } => statement,
            other => panic!("{other}"),
        });
        assert_eq!(found.as_deref(), refused, "{sql}");
    }

    #[test]
    fn only_questions_are_let_through() {
        for sql in [
            "SELECT 1",
            "WITH a AS (SELECT 1) SELECT * FROM a UNION SELECT 2",
            "VALUES (1)",
            "EXPLAIN ANALYZE SELECT 1",
            "DESCRIBE executions",
            "SHOW TABLES",
        ] {
            check(sql, None);
        }
        check("EXPLAIN DELETE FROM a", Some("DELETE"));
        check("EXPLAIN ANALYZE INSERT INTO a VALUES (1)", Some("INSERT INTO"));
        check(
            "WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x",
            Some("DELETE"),
        );
        check("SELECT 1 FROM a FOR UPDATE", Some("SELECT FOR UPDATE"));
        check("SELECT (SELECT 1 FROM a FOR SHARE)", Some("SELECT FOR SHARE"));
        check(
            "CREATE OR REPLACE TEMPORARY VIEW a AS SELECT 1",
            Some("CREATE VIEW"),
        );
        check("COPY a FROM STDIN", Some("COPY"));
        check("VACUUM", Some("VACUUM"));
        check("TRUNCATE a", Some("TRUNCATE"));
        check("CALL f()", Some("CALL"));
        check("PREPARE p AS DELETE FROM a", Some("PREPARE"));
        check("GRANT ALL ON a TO b", Some("GRANT"));
        check("LOCK TABLE a", Some("LOCK"));
    }
}
