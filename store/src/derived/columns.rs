//! The columns of the derived tables: the reference for their names, types, units and meaning. Never touches data.

use crate::schema::ColumnType::{Integer, LargeInteger, Latency, SmallInteger, Text, TextList, Time};
use crate::schema::{Column, EVENT_DATE, TableShape, column};

/// Executions of one hour, server, database, user, application and fingerprint: sums of those that were logged.
pub(crate) static ROLLUP_HOUR: TableShape = TableShape {
    name: "rollup_hour",
    columns: &ROLLUP_HOUR_COLUMNS,
    partitions: &PARTITION,
    statistics: &["hour", "fingerprint", "server"],
};

/// Statements of one fingerprint on one day, with the texts that were seen on it.
pub(crate) static QUERIES: TableShape = TableShape {
    name: "queries",
    columns: &QUERIES_COLUMNS,
    partitions: &PARTITION,
    statistics: &["fingerprint"],
};

const PARTITION: [Column; 1] = [EVENT_DATE];

const ROLLUP_HOUR_COLUMNS: [Column; 28] = [
    // The group.
    column(
        "hour",
        Time,
        "the hour in which the executions began; unknown where their time is",
    ),
    column("server", Text, "the database server"),
    column("database", Text, "the default database of the session"),
    column("user", Text, "the user of the session"),
    column("application", Text, "the application name the client gave"),
    column("fingerprint", Integer, "64-bit hash of the normalized text"),
    // Of the executions that were logged.
    column("calls", Integer, "executions"),
    column(
        "errors",
        Integer,
        "those that failed, of servers that say so with the execution",
    ),
    column("total_us", Integer, "their durations together, in microseconds"),
    column("min_us", Integer, "the shortest duration, in microseconds"),
    column("max_us", Integer, "the longest duration, in microseconds"),
    column(
        "squares_us2",
        LargeInteger,
        "the sum of the squares of the durations, in square microseconds",
    ),
    column(
        "latency",
        Latency,
        "the durations, in logarithmic bins of 1 % error",
    ),
    column("lock_time_us", Integer, "time waited for locks, in microseconds"),
    column("rows_sent", Integer, "rows returned to clients"),
    column("rows_examined", Integer, "rows the server looked at"),
    column("rows_affected", Integer, "rows changed"),
    column(
        "parses",
        Integer,
        "executions before which the statement was parsed",
    ),
    column(
        "parse_time_us",
        Integer,
        "how long that took together, in microseconds",
    ),
    column("binds", Integer, "executions before which parameters were bound"),
    column(
        "bind_time_us",
        Integer,
        "how long that took together, in microseconds",
    ),
    column("first_ts", Time, "start of the first"),
    column("last_ts", Time, "start of the last"),
    // Of those that were not logged too, where the server logs one in so many.
    column("estimated_calls", Integer, "executions"),
    column(
        "estimated_total_us",
        Integer,
        "their durations together, in microseconds",
    ),
    // Inside stored routines, whose calls are logged too and include their time.
    column(
        "nested_calls",
        Integer,
        "executions, those that were not logged too",
    ),
    column(
        "nested_us",
        Integer,
        "durations of the logged ones together, in microseconds",
    ),
    column(
        "nested_estimated_us",
        Integer,
        "durations of all together, in microseconds",
    ),
];

const QUERIES_COLUMNS: [Column; 15] = [
    column("fingerprint", Integer, "64-bit hash of the normalized text"),
    column("dialect", Text, "postgres or mysql"),
    column(
        "normalized",
        Text,
        "the normalized text, where it was seen on this day",
    ),
    column("verb", Text, "the kind of statement, such as select"),
    column("tables", TextList, "the tables it names"),
    column("calls", Integer, "executions"),
    column("first_execution", Time, "start of the first execution"),
    column("last_execution", Time, "start of the last execution"),
    column("first_event", Time, "the first event about it"),
    column("last_event", Time, "the last event about it"),
    column(
        "example",
        Text,
        "raw text of the slowest execution whose text was kept, else of an event",
    ),
    column(
        "example_time_us",
        Integer,
        "how long that execution took, in microseconds",
    ),
    column("example_source", Text, "the source of the example"),
    column("example_offset", Integer, "its source_offset"),
    column("example_seq", SmallInteger, "its source_seq"),
];
