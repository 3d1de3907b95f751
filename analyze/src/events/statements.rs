//! The SQL of the job, statement by statement. Column positions are part of the contract with the reader in `events`.

use super::EventsRequest;

/// `source`, every one.
pub(super) const SOURCES: &str = "SELECT DISTINCT source FROM ledger ORDER BY source";

/// The columns of [`EventRow`](super::EventRow), one row an event.
pub(super) fn events(request: &EventsRequest) -> String {
    format!(
        "SELECT source, source_offset, ts, server, dialect, event, severity, sql_state, error_code, \
                database, \"user\", application, client, session_id, duration_us, size_bytes, object, message, detail, \
                fingerprint, plan_fingerprint, plan, attributes \
         FROM server_events WHERE {}",
        counted(request)
    )
}

/// The columns of [`SlowExecution`](super::SlowExecution), the longest first.
pub(super) fn slow_executions(request: &EventsRequest, from_us: i64, limit: usize) -> String {
    format!(
        "SELECT source, source_offset, ts, query_time_us, session_id, server, database, \"user\", application, fingerprint \
         FROM executions \
         WHERE query_time_us >= {from_us} AND session_id IS NOT NULL AND ts IS NOT NULL AND fingerprint IS NOT NULL AND {} \
         ORDER BY query_time_us DESC, source, source_offset, source_seq LIMIT {limit}",
        counted(request)
    )
}

/// The columns of [`QuerySteps`](super::QuerySteps), one row a query.
pub(super) fn prepared(request: &EventsRequest, limit: usize) -> String {
    format!(
        "SELECT fingerprint, count(parse_time_us), coalesce(sum(parse_time_us), 0) AS parse_us, \
                count(bind_time_us), coalesce(sum(bind_time_us), 0) AS bind_us, count(*), sum(query_time_us) \
         FROM executions WHERE fingerprint IS NOT NULL AND {} \
         GROUP BY fingerprint HAVING count(parse_time_us) + count(bind_time_us) > 0 \
         ORDER BY parse_us + bind_us DESC, fingerprint_hex(fingerprint) LIMIT {limit}",
        counted(request)
    )
}

/// `fingerprint, normalized`.
pub(super) fn normalized_texts(fingerprints: &[i64]) -> String {
    let list: Vec<String> = fingerprints.iter().map(i64::to_string).collect();
    format!(
        "SELECT fingerprint, normalized FROM queries WHERE normalized IS NOT NULL AND fingerprint IN ({})",
        list.join(", ")
    )
}

/// The same as [`prepared`] from roll-ups.
pub(super) fn prepared_of_rollups(relation: &str, limit: usize) -> String {
    format!(
        "SELECT fingerprint, sum(parses), coalesce(sum(parse_time_us), 0) AS parse_us, \
                sum(binds), coalesce(sum(bind_time_us), 0) AS bind_us, sum(calls), sum(total_us) \
         FROM {relation} WHERE fingerprint IS NOT NULL \
         GROUP BY fingerprint HAVING sum(parses) + sum(binds) > 0 \
         ORDER BY parse_us + bind_us DESC, fingerprint_hex(fingerprint) LIMIT {limit}"
    )
}

fn counted(request: &EventsRequest) -> String {
    request.filters.condition(request.window)
}
