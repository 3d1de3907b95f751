//! The job `events`: what the servers said of themselves in a window, row by row, with what belongs to it: slow executions, the steps of
//! prepared queries, and normalized texts. Sums are the caller's, so that a report from a lake is made as one from logs.

mod statements;

use std::collections::HashMap;

use serde::Serialize;
use slowlake_sql::{Rows, Session, Value};

use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::rollups::RollUps;
use crate::rows::{each_row, time};
use crate::window::TimeWindow;

/// What events are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventsRequest {
    /// The stretch of time by when an event was written; `None` is everything.
    pub window: Option<TimeWindow>,
    /// Which events count.
    pub filters: Filters,
}

/// One event of a server. Unknown is `None`; see the column of the same name of the view `server_events`.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "each field is the column of its name")]
pub struct EventRow<'r> {
    /// Number of its source, in the order of their names; with the offset the place of the event.
    pub source: u32,
    pub source_offset: i64,
    /// When it was written, µs since 1970 UTC.
    pub ts_us: Option<i64>,
    pub server: Option<&'r str>,
    pub dialect: Option<&'r str>,
    pub event: &'r str,
    pub severity: &'r str,
    pub sql_state: Option<&'r str>,
    pub error_code: Option<i64>,
    pub database: Option<&'r str>,
    pub user: Option<&'r str>,
    pub application: Option<&'r str>,
    pub client: Option<&'r str>,
    pub session_id: Option<i64>,
    pub duration_us: Option<i64>,
    pub size_bytes: Option<i64>,
    pub object: Option<&'r str>,
    pub message: Option<&'r str>,
    pub detail: Option<&'r str>,
    pub fingerprint: Option<i64>,
    pub plan_fingerprint: Option<i64>,
    /// JSON.
    pub plan: Option<&'r str>,
    pub attributes: Vec<(&'r str, &'r str)>,
}

/// One execution of a session that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the column of its name")]
pub struct SlowExecution<'r> {
    /// Number of its source, as that of events.
    pub source: u32,
    pub source_offset: i64,
    /// Start, µs since 1970 UTC.
    pub ts_us: i64,
    pub query_time_us: i64,
    pub session_id: i64,
    pub server: Option<&'r str>,
    pub database: Option<&'r str>,
    pub user: Option<&'r str>,
    pub application: Option<&'r str>,
    pub fingerprint: i64,
}

/// The steps of one query that are logged apart, and its executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QuerySteps {
    /// The query.
    pub fingerprint: i64,
    /// Executions before which it was parsed.
    pub parses: i64,
    /// Time of that together, µs.
    pub parse_us: i64,
    /// Executions before which its parameters were bound.
    pub binds: i64,
    /// Time of that together, µs.
    pub bind_us: i64,
    /// All executions.
    pub executes: i64,
    /// Their time together, µs.
    pub execute_us: i64,
}

/// Slow executions that are asked for: so many of the longest.
const SLOW_MAX: usize = 20_000;
/// Queries whose steps are told.
const QUERIES_MAX: usize = 1_000;
/// Fingerprints that one statement asks for.
const TEXTS_AT_ONCE: usize = 10_000;

/// Calls `each` with every event, in no order.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn events(
    session: &Session,
    request: &EventsRequest,
    mut each: impl FnMut(&EventRow<'_>),
) -> Result<(), AnalyzeError> {
    let sources = sources(session).await?;
    let result = session.query(&statements::events(request)).await?;
    each_row(result, |rows, row| each(&event(rows, row, &sources))).await
}

/// Calls `each` with the longest executions of `from_us` and more whose session is known, the longest first.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn slow_executions(
    session: &Session,
    request: &EventsRequest,
    from_us: i64,
    mut each: impl FnMut(&SlowExecution<'_>),
) -> Result<(), AnalyzeError> {
    let sources = sources(session).await?;
    let result = session
        .query(&statements::slow_executions(request, from_us, SLOW_MAX))
        .await?;
    each_row(result, |rows, row| {
        each(&SlowExecution {
            source: number_of(&sources, rows.text(row, 0)),
            source_offset: rows.integer(row, 1).unwrap_or_default(),
            ts_us: time(rows, row, 2).unwrap_or_default(),
            query_time_us: rows.integer(row, 3).unwrap_or_default(),
            session_id: rows.integer(row, 4).unwrap_or_default(),
            server: rows.text(row, 5),
            database: rows.text(row, 6),
            user: rows.text(row, 7),
            application: rows.text(row, 8),
            fingerprint: rows.integer(row, 9).unwrap_or_default(),
        });
    })
    .await
}

/// Queries whose steps are logged apart, those whose steps took longest first.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn prepared(session: &Session, request: &EventsRequest) -> Result<Vec<QuerySteps>, AnalyzeError> {
    let statement = match RollUps::choose(session, request.window, &request.filters) {
        Some(rollups) => statements::prepared_of_rollups(&rollups.relation, QUERIES_MAX),
        None => statements::prepared(request, QUERIES_MAX),
    };
    let result = session.query(&statement).await?;
    let mut list = Vec::new();
    each_row(result, |rows, row| {
        let number = |column| rows.integer(row, column).unwrap_or_default();
        list.push(QuerySteps {
            fingerprint: number(0),
            parses: number(1),
            parse_us: number(2),
            binds: number(3),
            bind_us: number(4),
            executes: number(5),
            execute_us: number(6),
        });
    })
    .await?;
    Ok(list)
}

/// The normalized texts of queries, as far as the lake has them.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn normalized_texts(
    session: &Session,
    fingerprints: &[i64],
) -> Result<HashMap<i64, String>, AnalyzeError> {
    let mut texts = HashMap::new();
    for some in fingerprints.chunks(TEXTS_AT_ONCE) {
        let result = session.query(&statements::normalized_texts(some)).await?;
        each_row(result, |rows, row| {
            if let (Some(fingerprint), Some(text)) = (rows.integer(row, 0), rows.text(row, 1)) {
                texts.insert(fingerprint, text.to_owned());
            }
        })
        .await?;
    }
    Ok(texts)
}

/// Every source by its number: the order of their names, so that it does not depend on that of the rows.
async fn sources(session: &Session) -> Result<HashMap<String, u32>, AnalyzeError> {
    let mut numbers = HashMap::new();
    let result = session.query(statements::SOURCES).await?;
    each_row(result, |rows, row| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        numbers.extend(rows.text(row, 0).map(|name| (name.to_owned(), next)));
    })
    .await?;
    Ok(numbers)
}

/// Every source of a row has books; one without comes last.
fn number_of(sources: &HashMap<String, u32>, name: Option<&str>) -> u32 {
    name.and_then(|name| sources.get(name))
        .copied()
        .unwrap_or(u32::MAX)
}

fn event<'r>(rows: &'r Rows, row: usize, sources: &HashMap<String, u32>) -> EventRow<'r> {
    let text = |column| rows.text(row, column);
    EventRow {
        source: number_of(sources, text(0)),
        source_offset: rows.integer(row, 1).unwrap_or_default(),
        ts_us: time(rows, row, 2),
        server: text(3),
        dialect: text(4),
        event: text(5).unwrap_or_default(),
        severity: text(6).unwrap_or_default(),
        sql_state: text(7),
        error_code: rows.integer(row, 8),
        database: text(9),
        user: text(10),
        application: text(11),
        client: text(12),
        session_id: rows.integer(row, 13),
        duration_us: rows.integer(row, 14),
        size_bytes: rows.integer(row, 15),
        object: text(16),
        message: text(17),
        detail: text(18),
        fingerprint: rows.integer(row, 19),
        plan_fingerprint: rows.integer(row, 20),
        plan: text(21),
        attributes: match rows.value(row, 22) {
            Value::Map(pairs) => pairs.into_iter().filter_map(texts_of).collect(),
            _ => Vec::new(),
        },
    }
}

fn texts_of<'r>(pair: (Value<'r>, Value<'r>)) -> Option<(&'r str, &'r str)> {
    match pair {
        (Value::Text(name), Value::Text(value)) => Some((name, value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
