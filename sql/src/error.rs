//! What can go wrong with a query, by who must act: the person who wrote it, the operator, or us. DataFusion's own wording stops
//! here.

use std::fmt::Write as _;

use datafusion::common::{Column, DataFusionError, SchemaError};
use slowlake_store::StoreError;

#[cfg(feature = "cluster")]
use crate::cluster::ClusterError;
use crate::functions::FUNCTIONS;
use crate::views::VIEWS;

/// Why a query gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// The query names a column that is not there.
    #[error(
        "column \"{name}\" does not exist{}{}",
        in_tables(tables),
        nearest_is(nearest)
    )]
    UnknownColumn {
        /// As written.
        name: String,
        /// The tables and aliases it was looked for in.
        tables: Vec<String>,
        /// The likeliest column that exists.
        nearest: Option<String>,
    },
    /// The query names a table that is not there.
    #[error("table \"{name}\" does not exist{}", nearest_is(nearest))]
    UnknownTable {
        /// As written.
        name: String,
        /// The likeliest view that exists.
        nearest: Option<String>,
    },
    /// The query names a function that is not there.
    #[error("function \"{name}\" does not exist{}", nearest_is(nearest))]
    UnknownFunction {
        /// As written.
        name: String,
        /// The likeliest function that exists.
        nearest: Option<String>,
    },
    /// The statement would change something.
    #[error("{statement} is refused: SQL reads the archive and never changes it")]
    ReadOnly {
        /// What kind of statement it is.
        statement: String,
    },
    /// The statement is larger than a statement may be.
    #[error("{what}")]
    TooLarge {
        /// How large it is, and the limit.
        what: String,
    },
    /// The query must be written differently.
    #[error("{0}")]
    Statement(String),
    /// The query met a value that it cannot compute with.
    #[error("{0}")]
    Value(String),
    /// The query needs more memory than it may have.
    #[error("the query needs more memory than its limit of {}: {message}", mebibytes(*limit_bytes))]
    Memory {
        /// The limit, bytes.
        limit_bytes: usize,
        /// Which part of the query asked for more.
        message: String,
    },
    /// The archive could not be read.
    #[error("cannot read the archive: {0}")]
    Storage(String),
    /// The lake itself reports an error.
    #[error(transparent)]
    Lake(#[from] StoreError),
    /// The cluster that was to execute the query did not.
    #[cfg(feature = "cluster")]
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A mistake of ours.
    #[error("internal error, please report it: {0}")]
    Internal(String),
}

impl SqlError {
    /// What to do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            SqlError::UnknownColumn { tables, .. } => {
                let view = tables
                    .iter()
                    .find(|table| VIEWS.iter().any(|view| view.name == table.as_str()));
                Some(format!(
                    "DESCRIBE {} lists the columns",
                    view.map_or("executions", String::as_str)
                ))
            }
            SqlError::UnknownTable { .. } => {
                let names: Vec<&str> = VIEWS.iter().map(|view| view.name).collect();
                Some(format!("there are {}", names.join(", ")))
            }
            SqlError::Lake(error) => error.hint(),
            #[cfg(feature = "cluster")]
            SqlError::Cluster(error) => error.hint(),
            SqlError::Memory { .. } => {
                Some("read less (a condition on ts or fewer groups) or raise the memory limit".to_owned())
            }
            _ => None,
        }
    }

    /// Translates an error of planning or execution.
    pub(crate) fn from_datafusion(error: DataFusionError, limit_bytes: usize) -> SqlError {
        #[cfg(feature = "cluster")]
        let error = match of_cluster(error) {
            Ok(of_cluster) => return SqlError::Cluster(of_cluster),
            Err(error) => error,
        };
        translate(&error, limit_bytes)
    }
}

/// The error of a cluster that it is, or itself.
#[cfg(feature = "cluster")]
fn of_cluster(error: DataFusionError) -> Result<ClusterError, DataFusionError> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<ClusterError>() {
            Ok(of_cluster) => Ok(*of_cluster),
            Err(other) => Err(DataFusionError::External(other)),
        },
        other => Err(other),
    }
}

/// Names that people bring from other tools, with the column that means the same here. Compared when no name is spelled alike.
const SYNONYMS: &[(&str, &str)] = &[
    ("app", "application"),
    ("app_name", "application"),
    ("application_name", "application"),
    ("client_addr", "client"),
    ("count", "calls"),
    ("datname", "database"),
    ("date", "event_date"),
    ("day", "event_date"),
    ("db", "database"),
    ("dbname", "database"),
    ("digest", "fingerprint"),
    ("digest_text", "normalized"),
    ("duration", "query_time_us"),
    ("duration_ms", "query_time_us"),
    ("duration_us", "query_time_us"),
    ("elapsed", "query_time_us"),
    ("exec_time", "query_time_us"),
    ("executions", "calls"),
    ("host", "server"),
    ("hostname", "server"),
    ("instance", "server"),
    ("latency", "query_time_us"),
    ("latency_us", "query_time_us"),
    ("lock_time", "lock_time_us"),
    ("pid", "session_id"),
    ("query", "statement"),
    ("query_id", "fingerprint"),
    ("query_text", "statement"),
    ("query_time", "query_time_us"),
    ("queryid", "server_query_id"),
    ("role", "user"),
    ("rows", "rows_sent"),
    ("schema", "database"),
    ("sql", "statement"),
    ("sql_text", "statement"),
    ("text", "statement"),
    ("thread_id", "session_id"),
    ("time", "ts"),
    ("timestamp", "ts"),
    ("total_time", "query_time_us"),
    ("user_name", "user"),
    ("username", "user"),
    ("usename", "user"),
];

/// Below this likeness (0 to 1) two names have nothing to do with each other.
const LIKENESS_MIN: f64 = 0.55;

/// The name most like `name`: a synonym first, then by spelling.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let known: Vec<&str> = known.into_iter().collect();
    let synonym = SYNONYMS
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, column)| *column);
    if let Some(found) = known.iter().find(|candidate| Some(**candidate) == synonym) {
        return Some(found);
    }
    let likeness = |candidate: &str| strsim::normalized_damerau_levenshtein(&name, candidate);
    let mut best: Option<(f64, &str)> = None;
    for candidate in known {
        let score = likeness(candidate);
        // The first of equals wins, so that the answer does not depend on anything but the order of the columns.
        if score >= LIKENESS_MIN && best.is_none_or(|(best, _)| score > best) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn translate(error: &DataFusionError, limit_bytes: usize) -> SqlError {
    match error {
        DataFusionError::SchemaError(schema, _) => schema_error(schema),
        DataFusionError::Plan(message) | DataFusionError::NotImplemented(message) => planning_error(message),
        DataFusionError::SQL(parser, _) => {
            SqlError::Statement(format!("syntax error: {}", parser_message(&parser.to_string())))
        }
        DataFusionError::Configuration(message) => SqlError::Statement(plain(message)),
        DataFusionError::Execution(message) => SqlError::Value(plain(message)),
        DataFusionError::ArrowError(arrow, _) => SqlError::Value(plain(&arrow.to_string())),
        DataFusionError::ResourcesExhausted(message) => SqlError::Memory {
            limit_bytes,
            message: plain(message),
        },
        DataFusionError::ParquetError(parquet) => SqlError::Storage(plain(&parquet.to_string())),
        DataFusionError::ObjectStore(store) => SqlError::Storage(plain(&store.to_string())),
        DataFusionError::IoError(io) => SqlError::Storage(io.to_string()),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            translate(inner, limit_bytes)
        }
        DataFusionError::Shared(inner) => translate(inner, limit_bytes),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => translate(first, limit_bytes),
            None => SqlError::Internal("an empty list of errors".to_owned()),
        },
        DataFusionError::External(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => translate(inner, limit_bytes),
            None => SqlError::Storage(inner.to_string()),
        },
        other => SqlError::Internal(plain(&other.to_string())),
    }
}

fn schema_error(error: &SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => unknown_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => SqlError::Statement(format!(
            "column \"{}\" is in more than one table; write table.{0}",
            field.name
        )),
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => {
            SqlError::Statement(format!("two columns are called \"{name}\"; rename one with AS"))
        }
    }
}

fn unknown_column(field: &Column, valid: &[Column]) -> SqlError {
    let wanted = field
        .relation
        .as_ref()
        .map(|relation| relation.table().to_owned());
    let mut tables: Vec<String> = Vec::new();
    for relation in valid.iter().filter_map(|column| column.relation.as_ref()) {
        if !tables.iter().any(|table| table == relation.table()) {
            tables.push(relation.table().to_owned());
        }
    }
    if let Some(wanted) = wanted {
        if !tables.is_empty() && !tables.contains(&wanted) {
            let nearest = nearest(&wanted, tables.iter().map(String::as_str)).map(str::to_owned);
            return SqlError::UnknownTable {
                name: wanted,
                nearest,
            };
        }
        tables = vec![wanted];
    }
    let names = valid
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| !name.contains('('));
    let nearest = nearest(&field.name, names).map(str::to_owned);
    SqlError::UnknownColumn {
        name: field.name.clone(),
        tables,
        nearest,
    }
}

/// Planning reports unknown tables and functions as prose only.
fn planning_error(message: &str) -> SqlError {
    if let Some(name) = between(message, "table '", "' not found") {
        let name = name.strip_prefix("slowlake.public.").unwrap_or(name).to_owned();
        let nearest = nearest(&name, VIEWS.iter().map(|view| view.name)).map(str::to_owned);
        return SqlError::UnknownTable { name, nearest };
    }
    if let Some(name) = between(message, "Invalid function '", "'") {
        let own = nearest(name, FUNCTIONS.iter().map(|function| function.name));
        let nearest = own
            .or_else(|| between(message, "Did you mean '", "'"))
            .map(str::to_owned);
        return SqlError::UnknownFunction {
            name: name.to_owned(),
            nearest,
        };
    }
    SqlError::Statement(plain(message))
}

/// `sql parser error: Expected: …, found: … at Line: 1, Column: 8` in our words.
fn parser_message(message: &str) -> String {
    let message = message
        .trim_start_matches("sql parser error: ")
        .trim_start_matches("ParserError(")
        .trim_end_matches("\")");
    plain(message)
        .replace("expected: ", "expected ")
        .replace(", found: ", ", found ")
        .replace(" at Line: ", " at line ")
        .replace(", Column: ", ", column ")
        .replace("found EOF", "found the end of the statement")
}

/// Drops the class names that DataFusion and Arrow put in front, trailing periods and capitals.
fn plain(message: &str) -> String {
    const PREFIXES: &[&str] = &[
        "Error during planning: ",
        "Schema error: ",
        "Execution error: ",
        "Optimizer rule ",
        "This feature is not implemented: ",
        "Arrow error: ",
        "Parquet error: ",
        "Parser error: ",
        "Cast error: ",
        "Compute error: ",
        "Invalid argument error: ",
        "External error: ",
        "External: ",
        "Resources exhausted: ",
    ];
    let mut text = message.trim().to_owned();
    for prefix in PREFIXES {
        text = text.replace(prefix, "");
    }
    let text = text.trim().trim_end_matches('.');
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        // "Divide by zero" yes, "SELECT list" no.
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after)?])
}

fn in_tables(tables: &[String]) -> String {
    match tables {
        [] => String::new(),
        tables => format!(" in {}", tables.join(", ")),
    }
}

fn nearest_is(nearest: &Option<String>) -> String {
    let mut text = String::new();
    if let Some(nearest) = nearest {
        // Writing to a String cannot fail.
        let _ = write!(text, "; nearest: {nearest}");
    }
    text
}

fn mebibytes(bytes: usize) -> String {
    format!("{} MiB", bytes / (1 << 20))
}
