//! What the archive knows of a query beyond its figures: its text, what it does to which tables, an example. Counts nothing.

use std::collections::HashMap;

use serde::Serialize;
use slowlake_sql::{Session, Value};

use crate::error::AnalyzeError;
use crate::rows::each_row;

/// What a query is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QueryText {
    /// `postgres` or `mysql`.
    pub dialect: Option<String>,
    /// The text with its constants taken out; `None` if the archive never kept it.
    pub normalized: Option<String>,
    /// `SELECT`, `CREATE TABLE`, …
    pub verb: Option<String>,
    /// The tables it names, the one it writes first.
    pub tables: Vec<String>,
    /// Raw text of the slowest execution whose text was kept.
    pub example: Option<String>,
}

/// What these queries are; those that the archive does not know are left out.
pub(crate) async fn query_texts(
    session: &Session,
    fingerprints: &[i64],
) -> Result<HashMap<i64, QueryText>, AnalyzeError> {
    let mut texts = HashMap::new();
    if fingerprints.is_empty() {
        return Ok(texts);
    }
    let list: Vec<String> = fingerprints.iter().map(i64::to_string).collect();
    let statement = format!(
        "SELECT fingerprint, dialect, normalized, verb, example, tables FROM queries WHERE fingerprint IN ({})",
        list.join(", ")
    );
    each_row(session.query(&statement).await?, |rows, row| {
        let text = |column| rows.text(row, column).map(str::to_owned);
        let tables = match rows.value(row, 5) {
            Value::List(tables) => tables.iter().map(Value::to_string).collect(),
            _ => Vec::new(),
        };
        let found = QueryText {
            dialect: text(1),
            normalized: text(2),
            verb: text(3),
            tables,
            example: text(4),
        };
        texts.extend(rows.integer(row, 0).map(|fingerprint| (fingerprint, found)));
    })
    .await?;
    Ok(texts)
}
