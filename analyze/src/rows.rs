//! Reading the rows of an answer. Knows no job.

use slowlake_sql::{QueryResult, Rows, Value};

use crate::error::AnalyzeError;

/// Calls `each` with every row.
pub(crate) async fn each_row(
    mut result: QueryResult,
    mut each: impl FnMut(&Rows, usize),
) -> Result<(), AnalyzeError> {
    while let Some(rows) = result.next().await? {
        for row in 0..rows.len() {
            each(&rows, row);
        }
    }
    Ok(())
}

/// A point in time, µs since 1970 UTC.
pub(crate) fn time(rows: &Rows, row: usize, column: usize) -> Option<i64> {
    match rows.value(row, column) {
        Value::Timestamp(us) => Some(us),
        _ => None,
    }
}

/// A day, counted from 1970.
pub(crate) fn day(rows: &Rows, row: usize, column: usize) -> Option<i64> {
    match rows.value(row, column) {
        Value::Date(day) => Some(day.into()),
        _ => None,
    }
}
