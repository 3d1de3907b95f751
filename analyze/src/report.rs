//! What jobs find, as plain data: numbers with units in their names, nothing formatted. Serialised as it stands for `--output json`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::filter::Filters;
use crate::rollups::ReadFrom;
use crate::top::TopOrder;
use crate::window::TimeWindow;

/// Where the time of the executions of a window went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopReport {
    /// The stretch of time that was asked for; `None` is everything.
    pub window: Option<TimeWindow>,
    /// What was left out.
    pub filters: Filters,
    /// What the queries are ordered by.
    pub order: TopOrder,
    /// What it was computed from.
    pub read_from: ReadFrom,
    /// All executions together.
    pub totals: TopTotals,
    /// The first queries in that order.
    pub queries: Vec<TopQuery>,
    /// All executions by who ran them where.
    pub breakdown: Breakdown,
    /// All executions by the hour they started in, rising; hours without any are left out.
    pub hours: Vec<HourLoad>,
    /// What became of every byte that was ever read from these servers, whatever the window.
    pub ledger: LedgerCoverage,
}

/// All executions of a report together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TopTotals {
    /// Different queries.
    pub queries: i64,
    /// Different servers, those without a name as one.
    pub servers: i64,
    /// Executions that were logged.
    pub calls: i64,
    /// Their durations together, µs.
    pub total_us: i64,
    /// Executions as they were, where the server logs one in so many.
    pub estimated_calls: i64,
    /// Their durations together, µs, without what is nested.
    pub estimated_total_us: i64,
    /// Executions, as they were, inside a stored routine whose call is logged too and includes their time.
    pub nested_calls: i64,
    /// Durations of those of them that were logged, µs.
    pub nested_us: i64,
    /// Durations of all of them, µs.
    pub nested_estimated_us: i64,
    /// Median duration, µs, within 1 %.
    pub p50_us: Option<i64>,
    /// 95th percentile, µs, within 1 %.
    pub p95_us: Option<i64>,
    /// 99th percentile, µs, within 1 %.
    pub p99_us: Option<i64>,
    /// Longest duration, µs, exact.
    pub max_us: Option<i64>,
    /// Start of the first execution, µs since 1970 UTC.
    pub first_us: Option<i64>,
    /// Start of the last execution, µs since 1970 UTC.
    pub last_us: Option<i64>,
}

/// One query of a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopQuery {
    /// Place in the order, from 1.
    pub rank: usize,
    /// 16 hexadecimal digits.
    pub fingerprint: String,
    /// `postgres` or `mysql`.
    pub dialect: Option<String>,
    /// The text with its constants taken out; `None` if the archive never kept it.
    pub normalized: Option<String>,
    /// `SELECT`, `CREATE TABLE`, …
    pub verb: Option<String>,
    /// The tables it names, the one it writes first.
    pub tables: Vec<String>,
    /// Executions that were logged.
    pub calls: i64,
    /// Their durations together, µs.
    pub total_us: i64,
    /// Executions as they were, where the server logs one in so many.
    pub estimated_calls: i64,
    /// Their durations together, µs.
    pub estimated_total_us: i64,
    /// Those of them inside a stored routine whose call is logged too and includes their time.
    pub nested_calls: i64,
    /// Part of the estimated total time of the report, 0 to 1.
    pub share: f64,
    /// Mean duration, µs, rounded to the nearest.
    pub mean_us: Option<i64>,
    /// Shortest duration, µs, exact.
    pub min_us: Option<i64>,
    /// Median duration, µs, within 1 %.
    pub p50_us: Option<i64>,
    /// 95th percentile, µs, within 1 %.
    pub p95_us: Option<i64>,
    /// 99th percentile, µs, within 1 %.
    pub p99_us: Option<i64>,
    /// Longest duration, µs, exact.
    pub max_us: Option<i64>,
    /// Time waited for locks, µs; `None` if no server said.
    pub lock_time_us: Option<i64>,
    /// Rows returned; `None` if no server said.
    pub rows_sent: Option<i64>,
    /// Rows read; `None` if no server said.
    pub rows_examined: Option<i64>,
    /// Rows read for each row returned, a query that returned none counted as one.
    pub rows_examined_per_row_sent: Option<f64>,
    /// Durations in logarithmic bins, rising.
    pub latency: Vec<LatencyBin>,
    /// Start of the first execution in the window, µs since 1970 UTC.
    pub first_us: Option<i64>,
    /// Start of the last execution in the window, µs since 1970 UTC.
    pub last_us: Option<i64>,
    /// Raw text of the slowest execution in the window whose text was kept.
    pub example: Option<String>,
    /// Its executions by who ran them where.
    pub breakdown: Breakdown,
}

/// Executions of about the same duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LatencyBin {
    /// Number of the bin: the durations above γ^(bin-1) µs up to γ^bin µs, with γ = 1.01 / 0.99; -1 is zero.
    pub bin: i32,
    /// The duration that stands for the bin, µs.
    pub us: i64,
    /// Executions in it.
    pub calls: i64,
}

/// Executions by each of the things that tell who ran them where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Breakdown {
    /// By server.
    pub server: Dimension,
    /// By database.
    pub database: Dimension,
    /// By user.
    pub user: Dimension,
    /// By application.
    pub application: Dimension,
}

/// Executions by one thing, the largest total time first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Dimension {
    /// The first names.
    pub parts: Vec<Part>,
    /// All further names together.
    pub others: Option<Others>,
}

/// The executions of one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `None` is unknown.
    pub name: Option<String>,
    /// Executions.
    pub calls: i64,
    /// Their durations together, µs.
    pub total_us: i64,
}

/// The executions of all names that are not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Others {
    /// How many names.
    pub names: usize,
    /// Executions.
    pub calls: i64,
    /// Their durations together, µs.
    pub total_us: i64,
}

/// The executions that started in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HourLoad {
    /// Begin of the hour, µs since 1970 UTC.
    pub hour_us: i64,
    /// Executions, as they were.
    pub calls: i64,
    /// Their durations together, µs, without what is nested; by 3.6e9 they are the average active sessions.
    pub total_us: i64,
}

/// The fate of every byte read: `bytes = bytes_parsed + bytes_rejected + bytes_skipped`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LedgerCoverage {
    /// Bytes read.
    pub bytes: i64,
    /// Bytes that became entries.
    pub bytes_parsed: i64,
    /// Bytes that could not be read.
    pub bytes_rejected: i64,
    /// Bytes that are known and not wanted.
    pub bytes_skipped: i64,
    /// Entries by kind.
    pub entries: Entries,
    /// Rejects by reason.
    pub rejects: BTreeMap<String, i64>,
}

/// Entries by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Entries {
    /// Executions.
    pub query: i64,
    /// Events of the servers.
    pub log: i64,
}
