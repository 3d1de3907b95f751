//! What goes wrong, as PostgreSQL says it: an SQLSTATE, a sentence, where in the statement, and what to do. Decides nothing.

use pgwire::error::{ErrorInfo, PgWireError};

use crate::error::SqlError;

/// SQLSTATEs that are not those of a statement's own mistakes.
pub(super) mod state {
    pub(in crate::postgres_wire) const NOT_SUPPORTED: &str = "0A000";
    pub(in crate::postgres_wire) const PROTOCOL: &str = "08P01";
    pub(in crate::postgres_wire) const VALUE: &str = "22023";
    pub(in crate::postgres_wire) const FAILED_TRANSACTION: &str = "25P02";
    pub(in crate::postgres_wire) const NO_TRANSACTION: &str = "25P01";
    pub(in crate::postgres_wire) const READ_ONLY: &str = "25006";
    pub(in crate::postgres_wire) const NO_STATEMENT: &str = "26000";
    pub(in crate::postgres_wire) const LOGIN: &str = "28000";
    pub(in crate::postgres_wire) const PASSWORD: &str = "28P01";
    pub(in crate::postgres_wire) const NO_PORTAL: &str = "34000";
    pub(in crate::postgres_wire) const NO_SAVEPOINT: &str = "3B001";
    pub(in crate::postgres_wire) const NO_DATABASE: &str = "3D000";
    pub(in crate::postgres_wire) const SYNTAX: &str = "42601";
    pub(in crate::postgres_wire) const PRIVILEGE: &str = "42501";
    pub(in crate::postgres_wire) const NO_SETTING: &str = "42704";
    pub(in crate::postgres_wire) const CONNECTIONS: &str = "53300";
    pub(in crate::postgres_wire) const LIMIT: &str = "54000";
    pub(in crate::postgres_wire) const CANCELED: &str = "57014";
    pub(in crate::postgres_wire) const SHUTDOWN: &str = "57P01";
    pub(in crate::postgres_wire) const IDLE: &str = "57P05";
}

/// An error after which the connection goes on.
pub(super) fn error(state: &str, message: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(info("ERROR", state, message.into())))
}

/// The same with what to do about it.
pub(super) fn error_with_hint(state: &str, message: impl Into<String>, hint: &str) -> PgWireError {
    let mut info = info("ERROR", state, message.into());
    info.hint = Some(hint.to_owned());
    PgWireError::UserError(Box::new(info))
}

/// An error that ends the connection.
pub(super) fn fatal(state: &str, message: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(info("FATAL", state, message.into())))
}

/// Something to know beside an answer.
pub(super) fn notice(message: &str) -> ErrorInfo {
    info("NOTICE", "00000", message.to_owned())
}

/// An error of a query, with its place in the statement where that can be told.
pub(super) fn of_query(failure: &SqlError, sql: &str) -> PgWireError {
    let mut info = info("ERROR", state_of(failure), failure.to_string());
    info.hint = failure.hint();
    info.position = position(failure, sql).map(|at| at.to_string());
    PgWireError::UserError(Box::new(info))
}

/// The same failure of a statement that has so many characters in front of it.
pub(super) fn moved(failure: PgWireError, n_chars: usize) -> PgWireError {
    match failure {
        PgWireError::UserError(mut info) => {
            let position = info.position.and_then(|at| at.parse::<usize>().ok());
            info.position = position.map(|at| (at + n_chars).to_string());
            PgWireError::UserError(info)
        }
        other => other,
    }
}

fn info(severity: &str, state: &str, message: String) -> ErrorInfo {
    let mut info = ErrorInfo::new(severity.to_owned(), state.to_owned(), message);
    info.severity_nonlocalized = Some(severity.to_owned());
    info
}

fn state_of(failure: &SqlError) -> &'static str {
    match failure {
        SqlError::UnknownColumn { .. } => "42703",
        SqlError::UnknownTable { .. } => "42P01",
        SqlError::UnknownFunction { .. } => "42883",
        SqlError::ReadOnly { .. } => state::READ_ONLY,
        SqlError::Statement(what) if what.starts_with(SYNTAX_ERROR) => state::SYNTAX,
        SqlError::Statement(_) => "42000",
        SqlError::TooLarge { .. } => "54001",
        SqlError::Value(what) if what.contains("divide by zero") => "22012",
        SqlError::Value(what) if what.contains("cannot cast") => "22P02",
        SqlError::Value(_) => "22000",
        SqlError::Memory { .. } => "53200",
        SqlError::Storage(_) => "58030",
        SqlError::Lake(_) => "58000",
        #[cfg(feature = "cluster")]
        SqlError::Cluster(_) => "58000",
        SqlError::Internal(_) => "XX000",
    }
}

/// How errors of the grammar begin, and how they say where.
const SYNTAX_ERROR: &str = "syntax error";
const AT_LINE: &str = " at line ";
const COLUMN: &str = ", column ";

/// Where in the statement, in characters from 1.
fn position(failure: &SqlError, sql: &str) -> Option<usize> {
    match failure {
        SqlError::Statement(what) => {
            let (line, column) = what.split_once(AT_LINE)?.1.split_once(COLUMN)?;
            let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let line: usize = line.parse().ok()?;
            let column: usize = column[..digits(column)].parse().ok()?;
            let before = sql.split_inclusive('\n').take(line.checked_sub(1)?);
            Some(before.map(|line| line.chars().count()).sum::<usize>() + column)
        }
        SqlError::UnknownColumn { name, .. }
        | SqlError::UnknownTable { name, .. }
        | SqlError::UnknownFunction { name, .. } => {
            let at = word(sql, name)?;
            Some(sql[..at].chars().count() + 1)
        }
        _ => None,
    }
}

/// Where a name stands as a word of its own, whatever its case.
fn word(sql: &str, name: &str) -> Option<usize> {
    let lower = sql.to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    lower.match_indices(&name).map(|(at, _)| at).find(|at| {
        !is_part(lower[..*at].chars().next_back()) && !is_part(lower[at + name.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(failure: SqlError, sql: &str, state: &str, position: Option<&str>) {
        let PgWireError::UserError(info) = of_query(&failure, sql) else {
            panic!("an error of ours");
        };
        assert_eq!((info.code.as_str(), info.position.as_deref()), (state, position));
    }

    #[test]
    fn errors_have_their_states_and_places() {
        let column = |name: &str| SqlError::UnknownColumn {
            name: name.to_owned(),
            tables: Vec::new(),
            nearest: None,
        };
        check(column("b"), "SELECT ab, é, B FROM x", "42703", Some("15"));
        check(column("c"), "SELECT ab, b FROM x", "42703", None);
        let syntax = |what: &str| SqlError::Statement(format!("syntax error: {what}"));
        check(
            syntax("expected x at line 2, column 3"),
            "SELECT é\n  FROM",
            "42601",
            Some("12"),
        );
        check(syntax("found the end of the statement"), "SELECT", "42601", None);
        check(SqlError::Value("divide by zero".to_owned()), "", "22012", None);
    }
}
