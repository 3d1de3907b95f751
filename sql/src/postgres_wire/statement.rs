//! What a client's text asks for: a question for the lake, or something about its own connection. PostgreSQL's ways of writing things that
//! DataFusion has not are rewritten here. Plans nothing.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CloseCursor, ContextModifier, DiscardObject, Expr, Function, FunctionArguments, Ident, ObjectName, Query,
    Reset, SelectItem, Set, SetExpr, Statement, TransactionAccessMode, TransactionMode, Value, VisitMut,
    VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion_postgres::datafusion_pg_catalog::sql::rules::{
    FixVersionColumnName, RewriteArrayAnyAllOperation, SqlStatementRewriteRule, StripCallableQualifier,
};
use pgwire::error::PgWireResult;

use crate::catalog::{CATALOG, SCHEMA};
use crate::error::SqlError;
use crate::postgres_wire::failure::{error, of_query, state};
use crate::postgres_wire::of_catalogs::OfCatalogs;
use crate::postgres_wire::settings::cut;
use crate::{bounds, read_only};

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    /// A question.
    Query(Box<Statement>),
    /// A setting is to be another one.
    Set(Change),
    /// What a setting is.
    Show {
        name: String,
    },
    /// All settings are to be as usual.
    Reset,
    /// That, and all that is prepared and bound is to be forgotten.
    Discard,
    Begin,
    Commit,
    Rollback,
    /// A place in a transaction, to which errors can be forgotten.
    Savepoint {
        name: String,
    },
    RollbackTo {
        name: String,
    },
    Release {
        name: String,
    },
    /// Something prepared is to be forgotten, or everything.
    Forget {
        name: Option<String>,
    },
    /// What comes to nothing here, and the tag of its answer.
    Nothing {
        tag: &'static str,
    },
}

/// A change of a setting.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) name: String,
    /// `None` for what it usually is.
    pub(super) value: Option<String>,
    /// Whether it ends with the transaction.
    pub(super) is_local: bool,
}

impl Asked {
    fn set(name: impl ToString, value: Option<String>, is_local: bool) -> Asked {
        Asked::Set(Change {
            name: name.to_string(),
            value,
            is_local,
        })
    }
}

/// Reads statements.
pub(super) struct Reader {
    of_catalogs: OfCatalogs,
}

impl Reader {
    pub(super) fn new() -> Reader {
        Reader {
            of_catalogs: OfCatalogs::new(),
        }
    }

    /// The statements of a text, for a user.
    ///
    /// # Errors
    /// What cannot be read, and the first that is more than a question.
    pub(super) fn read(&self, sql: &str, user: &str) -> PgWireResult<Vec<Asked>> {
        bounds::check_text(sql).map_err(|failure| of_query(&failure, sql))?;
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql)
            .and_then(|statements| self.of_catalogs.rewrite(statements, sql))
            .map_err(|error| of_query(&syntax_error(error), sql))?;
        statements
            .into_iter()
            .map(|statement| classify(rewrite(statement, user), sql))
            .collect()
    }
}

/// How PostgreSQL writes what DataFusion writes otherwise.
fn rewrite(statement: Statement, user: &str) -> Statement {
    let rules: [&dyn SqlStatementRewriteRule; 3] = [
        &RewriteArrayAnyAllOperation,
        &StripCallableQualifier,
        &FixVersionColumnName,
    ];
    let mut statement = rules
        .iter()
        .fold(statement, |statement, rule| rule.rewrite(statement));
    let _ = statement.visit(&mut NameUser { user });
    statement
}

fn syntax_error(error: ParserError) -> SqlError {
    SqlError::from_datafusion(datafusion::error::DataFusionError::SQL(Box::new(error), None), 0)
}

fn classify(statement: Statement, sql: &str) -> PgWireResult<Asked> {
    Ok(match statement {
        Statement::Set(set) => return set_of(set),
        Statement::ShowVariable { variable } if !is_of_datafusion(&variable) => Asked::Show {
            name: setting_name(&variable),
        },
        Statement::Reset(reset) => match reset.reset {
            Reset::ALL => Asked::Reset,
            Reset::ConfigurationParameter(name) => Asked::set(name, None, false),
        },
        Statement::Discard { object_type } => discarded(&object_type),
        Statement::StartTransaction {
            modes, statements, ..
        } if statements.is_empty() => {
            check_modes(&modes)?;
            Asked::Begin
        }
        Statement::Commit { .. } => Asked::Commit,
        Statement::Rollback { savepoint: None, .. } => Asked::Rollback,
        Statement::Rollback {
            savepoint: Some(name),
            ..
        } => Asked::RollbackTo {
            name: cut(&name.value).to_owned(),
        },
        Statement::Savepoint { name } => Asked::Savepoint {
            name: cut(&name.value).to_owned(),
        },
        Statement::ReleaseSavepoint { name } => Asked::Release {
            name: cut(&name.value).to_owned(),
        },
        Statement::Deallocate { name, .. } => Asked::Forget {
            name: (!name.value.eq_ignore_ascii_case("all")).then_some(name.value),
        },
        Statement::UNLISTEN { .. } => Asked::Nothing { tag: "UNLISTEN" },
        Statement::Close {
            cursor: CloseCursor::All,
        } => Asked::Nothing {
            tag: "CLOSE CURSOR ALL",
        },
        Statement::Declare { .. } | Statement::Fetch { .. } => {
            let what = "there are no cursors in SQL; ask for rows in portions through the protocol";
            return Err(error(state::NOT_SUPPORTED, what));
        }
        statement => {
            read_only::check_parsed(&statement).map_err(|failure| of_query(&failure, sql))?;
            Asked::Query(Box::new(statement))
        }
    })
}

/// There are plans, tables and sequences that a session keeps for itself in PostgreSQL, but not here.
fn discarded(what: &DiscardObject) -> Asked {
    let tag = match what {
        DiscardObject::ALL => return Asked::Discard,
        DiscardObject::PLANS => "DISCARD PLANS",
        DiscardObject::SEQUENCES => "DISCARD SEQUENCES",
        DiscardObject::TEMP => "DISCARD TEMP",
    };
    Asked::Nothing { tag }
}

fn set_of(set: Set) -> PgWireResult<Asked> {
    Ok(match set {
        Set::SingleAssignment {
            scope,
            variable,
            values,
            ..
        } => Asked::set(variable, value_of(&values), scope == Some(ContextModifier::Local)),
        Set::SetTimeZone { value, local } => Asked::set("TimeZone", value_of(&[value]), local),
        Set::SetNames { charset_name, .. } => Asked::set("client_encoding", Some(charset_name.value), false),
        Set::SetNamesDefault {} => Asked::set("client_encoding", None, false),
        Set::SetTransaction { modes, .. } => {
            check_modes(&modes)?;
            Asked::Nothing { tag: "SET" }
        }
        other => {
            let what = format!("{other} is refused: it would be more than a setting of this connection");
            return Err(error(state::PRIVILEGE, what));
        }
    })
}

/// Transactions read the snapshot of each statement, and never write.
fn check_modes(modes: &[TransactionMode]) -> PgWireResult<()> {
    match modes.contains(&TransactionMode::AccessMode(TransactionAccessMode::ReadWrite)) {
        true => Err(error(state::READ_ONLY, "transactions can only read here")),
        false => Ok(()),
    }
}

/// `SHOW TIME ZONE` and the like are written in several words.
fn setting_name(variable: &[Ident]) -> String {
    let words: Vec<String> = variable.iter().map(|word| word.value.to_lowercase()).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["time", "zone"] => "TimeZone".to_owned(),
        ["transaction", "isolation", "level"] => "transaction_isolation".to_owned(),
        _ => words.join("."),
    }
}

/// `SHOW datafusion.…` and `SHOW ALL` are questions that the query engine answers.
fn is_of_datafusion(variable: &[Ident]) -> bool {
    variable.first().is_some_and(|word| {
        ["datafusion", "all"]
            .iter()
            .any(|name| word.value.eq_ignore_ascii_case(name))
    })
}

/// A value as it would be without quotes; `None` for `DEFAULT`.
fn value_of(values: &[Expr]) -> Option<String> {
    let texts: Vec<String> = values
        .iter()
        .map(|value| match value {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => text.clone(),
                other => other.to_string(),
            },
            Expr::Identifier(name) => name.value.clone(),
            other => other.to_string(),
        })
        .collect();
    match &texts[..] {
        [one] if one.eq_ignore_ascii_case("default") => None,
        _ => Some(texts.join(", ")),
    }
}

/// Puts the names of the user, the database and the schema where they are asked for: `current_user` and the like.
struct NameUser<'a> {
    user: &'a str,
}

impl NameUser<'_> {
    /// What a name is asked for as, if that is what an expression is, and the name.
    fn asked_as(&self, expression: &Expr) -> Option<(Ident, &str)> {
        let asked = match expression {
            Expr::Function(Function {
                name: ObjectName(parts),
                args: FunctionArguments::None,
                ..
            }) => parts.last()?.as_ident()?,
            Expr::Identifier(name) if name.quote_style.is_none() => name,
            _ => return None,
        };
        let name = match asked.value.to_ascii_lowercase().as_str() {
            "current_user" | "session_user" | "current_role" => self.user,
            "current_catalog" => CATALOG,
            "current_schema" => SCHEMA,
            _ => return None,
        };
        Some((asked.clone(), name))
    }
}

impl VisitorMut for NameUser<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_mut() {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expression) = item
                    && let Some((alias, _)) = self.asked_as(expression)
                {
                    *item = SelectItem::ExprWithAlias {
                        expr: expression.clone(),
                        alias,
                    };
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Some((_, name)) = self.asked_as(expression) {
            let name = Value::SingleQuotedString(name.to_owned());
            *expression = Expr::Value(name.with_empty_span());
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use pgwire::error::PgWireError;

    use super::*;

    fn read(sql: &str) -> Result<Vec<Asked>, String> {
        Reader::new().read(sql, "ann").map_err(|error| match error {
            PgWireError::UserError(info) => info.code.clone(),
            other => panic!("{other}"),
        })
    }

    #[track_caller]
    fn check(sql: &str, expected: Result<Asked, &str>) {
        let found = read(sql).map(|mut asked| asked.remove(0));
        assert_eq!(found, expected.map_err(str::to_owned), "{sql}");
    }

    fn set(name: &str, value: Option<&str>) -> Result<Asked, &'static str> {
        Ok(Asked::set(name, value.map(str::to_owned), false))
    }

    #[test]
    fn what_is_about_the_connection_is_told_from_questions() {
        check("SET application_name TO 'x'", set("application_name", Some("x")));
        check(
            "SET SESSION statement_timeout = 100",
            set("statement_timeout", Some("100")),
        );
        check("SET search_path = a, \"b\"", set("search_path", Some("a, b")));
        check("SET TIME ZONE 'UTC'", set("TimeZone", Some("UTC")));
        check("SET NAMES 'UTF8'", set("client_encoding", Some("UTF8")));
        check("SET statement_timeout TO DEFAULT", set("statement_timeout", None));
        check("RESET statement_timeout", set("statement_timeout", None));
        check("SET ROLE other", Err("42501"));
        check("SET SESSION AUTHORIZATION other", Err("42501"));
        let show = |name: &str| {
            Ok(Asked::Show {
                name: name.to_owned(),
            })
        };
        check("SHOW TIME ZONE", show("TimeZone"));
        check("SHOW transaction_isolation", show("transaction_isolation"));
        check("SHOW TRANSACTION ISOLATION LEVEL", show("transaction_isolation"));
        check("BEGIN", Ok(Asked::Begin));
        check(
            "START TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY",
            Ok(Asked::Begin),
        );
        check("BEGIN READ WRITE", Err("25006"));
        check("COMMIT", Ok(Asked::Commit));
        check("END", Ok(Asked::Commit));
        check("ROLLBACK", Ok(Asked::Rollback));
        let name = "a".to_owned();
        check("SAVEPOINT a", Ok(Asked::Savepoint { name: name.clone() }));
        check(
            "ROLLBACK TO SAVEPOINT a",
            Ok(Asked::RollbackTo { name: name.clone() }),
        );
        check("RELEASE a", Ok(Asked::Release { name }));
        check("RESET ALL", Ok(Asked::Reset));
        check("DISCARD ALL", Ok(Asked::Discard));
        check("DEALLOCATE ALL", Ok(Asked::Forget { name: None }));
        check("DECLARE c CURSOR FOR SELECT 1", Err("0A000"));
        check("COPY executions TO STDOUT", Err("25006"));
        check("DO $$ BEGIN END $$", Err("42601"));
        check("SELEC 1", Err("42601"));
    }

    #[test]
    fn what_is_local_is_told_from_what_stays() {
        let local = |name: &str, value: &str| Ok(Asked::set(name, Some(value.to_owned()), true));
        check(
            "SET LOCAL statement_timeout = 100",
            local("statement_timeout", "100"),
        );
        check("SET LOCAL TIME ZONE 'UTC'", local("TimeZone", "UTC"));
    }

    #[test]
    fn discarding_plans_is_not_discarding_all() {
        for tag in ["DISCARD PLANS", "DISCARD SEQUENCES", "DISCARD TEMP"] {
            check(tag, Ok(Asked::Nothing { tag }));
        }
    }

    #[test]
    fn names_of_savepoints_are_cut() {
        let name = "x".repeat(63);
        let long = "x".repeat(1 << 10);
        check(
            &format!("SAVEPOINT {long}"),
            Ok(Asked::Savepoint { name: name.clone() }),
        );
        check(
            &format!("ROLLBACK TO {long}"),
            Ok(Asked::RollbackTo { name: name.clone() }),
        );
        check(&format!("RELEASE {long}"), Ok(Asked::Release { name }));
    }

    #[test]
    fn questions_are_as_datafusion_writes_them() {
        let text = |sql: &str| match read(sql).unwrap().remove(0) {
            Asked::Query(statement) => statement.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text("SELECT current_user"), "SELECT 'ann' AS current_user");
        assert_eq!(text("SELECT pg_catalog.version()"), "SELECT version() AS version");
        assert_eq!(
            text("SELECT (SELECT max(a.x) FROM b WHERE b.y = a.y) FROM a"),
            "SELECT (SELECT max(a.x) FROM b WHERE b.y = a.y) FROM a"
        );
        assert_eq!(
            text("SELECT 1 WHERE x = ANY($1)"),
            "SELECT 1 WHERE array_contains($1, x)"
        );
        assert_eq!(read("SELECT 1; SELECT 2;").unwrap().len(), 2);
        assert_eq!(read(" -- nothing\n").unwrap(), []);
    }
}
