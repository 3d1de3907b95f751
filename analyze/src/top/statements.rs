//! The SQL of the job, statement by statement. Column positions are part of the contract with the reader in `top`.

use super::TopRequest;
use crate::filter::any_of;

/// `fingerprint, calls, total_us, min_us, max_us, latency, lock_time_us, rows_sent, rows_examined, first, last, estimated_calls,
/// estimated_total_us, nested_calls, nested_us, nested_estimated_us`, one row a query.
pub(super) fn measures(request: &TopRequest) -> String {
    format!(
        "SELECT fingerprint, count(*), sum(query_time_us), min(query_time_us), max(query_time_us), \
                latency_histogram(query_time_us), sum(lock_time_us), sum(rows_sent), sum(rows_examined), min(ts), max(ts), \
                sum({RATE}), sum(query_time_us * {RATE}), sum({RATE}) FILTER (WHERE is_nested), \
                sum(query_time_us) FILTER (WHERE is_nested), sum(query_time_us * {RATE}) FILTER (WHERE is_nested) \
         FROM executions WHERE {} GROUP BY fingerprint",
        request.filters.condition(request.window)
    )
}

/// The same as [`measures`] from roll-ups.
pub(super) fn measures_of_rollups(relation: &str) -> String {
    format!(
        "SELECT fingerprint, sum(calls), sum(total_us), min(min_us), max(max_us), \
                latency_merge(latency), sum(lock_time_us), sum(rows_sent), sum(rows_examined), min(first_ts), max(last_ts), \
                sum(estimated_calls), sum(estimated_total_us), sum(nested_calls), sum(nested_us), sum(nested_estimated_us) \
         FROM {relation} GROUP BY fingerprint"
    )
}

/// How many executions a row stands for.
const RATE: &str = "coalesce(greatest(rate_limit, 1), 1)";

/// `dimension, NULL, server, database, user, application, hour, calls, total_us, busy_us`; the dimension numbers the one of the five middle
/// columns that the row is about, from 0. Calls and times are estimates; `busy_us` leaves out what is nested.
pub(super) fn whole_breakdown(request: &TopRequest) -> String {
    format!(
        "SELECT {DIMENSION}, NULL, server, database, \"user\", application, hour, \
                sum(rate), sum(us), sum(us) FILTER (WHERE is_nested IS NOT TRUE) \
         FROM (SELECT server, database, \"user\", application, date_trunc('hour', ts) AS hour, is_nested, \
                      {RATE} AS rate, query_time_us * {RATE} AS us \
               FROM executions WHERE {}) AS counted \
         GROUP BY GROUPING SETS ((server), (database), (\"user\"), (application), (hour))",
        request.filters.condition(request.window)
    )
}

/// The same as [`whole_breakdown`] from roll-ups.
pub(super) fn whole_breakdown_of_rollups(relation: &str) -> String {
    format!(
        "SELECT {DIMENSION}, NULL, server, database, \"user\", application, hour, \
                sum(estimated_calls), sum(estimated_total_us), sum(estimated_total_us - coalesce(nested_estimated_us, 0)) \
         FROM {relation} \
         GROUP BY GROUPING SETS ((server), (database), (\"user\"), (application), (hour))"
    )
}

/// The same as [`whole_breakdown`] for some queries, the fingerprint in the second column and without hours.
pub(super) fn breakdown(request: &TopRequest, fingerprints: &[i64]) -> String {
    format!(
        "SELECT {DIMENSION}, fingerprint, server, database, \"user\", application, NULL, sum({RATE}), sum(query_time_us * {RATE}) \
         FROM executions WHERE {} AND {} \
         GROUP BY GROUPING SETS ((fingerprint, server), (fingerprint, database), (fingerprint, \"user\"), (fingerprint, application))",
        request.filters.condition(request.window),
        among(fingerprints)
    )
}

/// The same as [`breakdown`] from roll-ups.
pub(super) fn breakdown_of_rollups(relation: &str, fingerprints: &[i64]) -> String {
    format!(
        "SELECT {DIMENSION}, fingerprint, server, database, \"user\", application, NULL, sum(estimated_calls), sum(estimated_total_us) \
         FROM {relation} WHERE {} \
         GROUP BY GROUPING SETS ((fingerprint, server), (fingerprint, database), (fingerprint, \"user\"), (fingerprint, application))",
        among(fingerprints)
    )
}

/// Which of the grouping sets a row belongs to.
const DIMENSION: &str = "CASE WHEN grouping(server) = 0 THEN 0 WHEN grouping(database) = 0 THEN 1 \
                         WHEN grouping(\"user\") = 0 THEN 2 WHEN grouping(application) = 0 THEN 3 ELSE 4 END";

/// `NULL, fingerprint, dialect, normalized, verb, tables`.
pub(super) fn texts(fingerprints: &[i64]) -> String {
    format!(
        "SELECT NULL, fingerprint, dialect, normalized, verb, tables FROM queries WHERE {}",
        among(fingerprints)
    )
}

/// `NULL, fingerprint, statement` of the slowest execution in the window that kept its text.
pub(super) fn examples(request: &TopRequest, fingerprints: &[i64]) -> String {
    slowest_texts(request, fingerprints, "true")
}

/// The same of those executions alone that took so many µs or more; those of a query that has none are left out.
pub(super) fn slow_examples(request: &TopRequest, from_us: &[(i64, i64)]) -> String {
    let fingerprints: Vec<i64> = from_us.iter().map(|(fingerprint, _)| *fingerprint).collect();
    let is_slow: Vec<String> = from_us
        .iter()
        .map(|(fingerprint, us)| format!("fingerprint = {fingerprint} AND query_time_us >= {us}"))
        .collect();
    slowest_texts(request, &fingerprints, &format!("({})", is_slow.join(" OR ")))
}

fn slowest_texts(request: &TopRequest, fingerprints: &[i64], condition: &str) -> String {
    format!(
        "SELECT NULL, fingerprint, first_value(statement ORDER BY query_time_us DESC NULLS LAST, source, source_offset, source_seq) \
         FROM executions WHERE statement IS NOT NULL AND {} AND {} AND {condition} GROUP BY fingerprint",
        request.filters.condition(request.window),
        among(fingerprints)
    )
}

/// `bytes, bytes_parsed, bytes_rejected, bytes_skipped, entries_query, entries_log`, one row.
pub(super) fn ledger(request: &TopRequest) -> String {
    format!(
        "SELECT sum(bytes_in), sum(bytes_parsed), sum(bytes_rejected), sum(bytes_skipped), sum(entries_query), sum(entries_log) \
         FROM ledger WHERE {}",
        any_of("server", &request.filters.server)
    )
}

/// `reason, rejects`.
pub(super) fn rejects(request: &TopRequest) -> String {
    format!(
        "SELECT reason, count(*) FROM rejects WHERE {} GROUP BY reason",
        any_of("server", &request.filters.server)
    )
}

fn among(fingerprints: &[i64]) -> String {
    let list: Vec<String> = fingerprints.iter().map(i64::to_string).collect();
    format!("fingerprint IN ({})", list.join(", "))
}
