//! The columns of `events`: the reference for their names, types, units and meaning. Never touches data.
//!
//! One row is one thing that happened at one place of one source. Which columns a row can have depends on its `kind`; all others
//! are NULL, and so is everything unknown: an unknown number is never 0. Files hold only the columns that some row of theirs has.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use deltalake::kernel as delta;

use ColumnType::{
    Boolean, Bytes, Date, Integer, LargeInteger, Latency, SmallInteger, Text, TextList, TextMap, Time,
};

use crate::latency::latency_data_type;

/// The version of this schema, kept in the table property [`SCHEMA_VERSION_PROPERTY`]. Version 2 added the columns of events of a server,
/// of plans, tags and the steps of an execution, and `entries_log`; every later version keeps the columns of the ones before.
pub const SCHEMA_VERSION: i64 = 2;

/// The table property that makes a Delta table a slowlake lake.
pub const SCHEMA_VERSION_PROPERTY: &str = "slowlake.schema_version";

/// The table property with the version of the algorithm behind `fingerprint`.
pub const FINGERPRINT_VERSION_PROPERTY: &str = "slowlake.fingerprint_version";

/// The partition columns, in the order of the directory levels.
pub const PARTITION_COLUMNS: [&str; 2] = ["event_date", "kind"];

/// The columns with minimum and maximum per file in the table's log, by which whole files are left out of a query.
pub const STATISTICS_COLUMNS: [&str; 6] = [
    "ts",
    "fingerprint",
    "query_time_us",
    "server",
    "source",
    "source_offset",
];

/// What a row is about; the value of the partition column `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// One execution of a statement.
    Query,
    /// One event of a server that is not an execution: a lock wait, a deadlock, a checkpoint.
    Log,
    /// One sample of a collector.
    Metric,
    /// Bytes that no parser could read.
    Reject,
    /// The account of one range of one source: what became of every byte.
    Ledger,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 5] = [Kind::Query, Kind::Log, Kind::Metric, Kind::Reject, Kind::Ledger];

    /// The kind with this value of the partition column.
    pub fn of(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The value of the partition column.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Query => "query",
            Kind::Log => "log",
            Kind::Metric => "metric",
            Kind::Reject => "reject",
            Kind::Ledger => "ledger",
        }
    }
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// 64-bit integer (Delta `long`).
    Integer,
    /// 32-bit integer (Delta `integer`).
    SmallInteger,
    /// True or false.
    Boolean,
    /// UTF-8 text.
    Text,
    /// A moment in UTC with microseconds.
    Time,
    /// A day in UTC.
    Date,
    /// Any bytes.
    Bytes,
    /// A list of texts.
    TextList,
    /// A map of text to text.
    TextMap,
    /// A whole number of up to 38 digits.
    LargeInteger,
    /// A latency histogram: a list of pairs of `bin` and `calls`.
    Latency,
}

/// One column of `events`.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub column_type: ColumnType,
    /// What it says, with its unit.
    pub meaning: &'static str,
}

pub(crate) const fn column(name: &'static str, column_type: ColumnType, meaning: &'static str) -> Column {
    Column {
        name,
        column_type,
        meaning,
    }
}

/// Every column of `events`, in the order of the table.
pub const COLUMNS: [Column; 75] = [
    // Key: NOT NULL, and unique for ever within one kind.
    column(
        "source",
        Text,
        "the source: a file's path, a Kafka topic and partition, a collector",
    ),
    column(
        "source_offset",
        Integer,
        "where the row begins in its source: a byte or a Kafka offset",
    ),
    column(
        "source_seq",
        SmallInteger,
        "which of the rows that begin there it is, from 0; -1 in ledger rows",
    ),
    // Any kind.
    column(
        "ts",
        Time,
        "when the statement or event began; in ledger rows when the range was read",
    ),
    column(
        "end_ts",
        Time,
        "when the statement ended, where that is not ts + query_time_us",
    ),
    column("server", Text, "the database server that wrote it"),
    column("cluster", Text, "the cluster or service that server belongs to"),
    column("dialect", Text, "postgres or mysql"),
    // Query and log; metric: the first three.
    column(
        "fingerprint",
        Integer,
        "64-bit hash of the normalized text; printed as 16 hex digits",
    ),
    column("database", Text, "the default database of the session"),
    column("user", Text, "the user of the session"),
    column("application", Text, "the application name the client gave"),
    column("client", Text, "the client's host or address"),
    column(
        "session_id",
        Integer,
        "the server's number of the session: process id or thread id",
    ),
    column(
        "transaction_id",
        Integer,
        "the server's number of the transaction; unknown where there was none",
    ),
    column(
        "server_query_id",
        Integer,
        "the server's own identifier of the statement",
    ),
    column(
        "error_code",
        Integer,
        "the server's number of the error; in query rows 0 where it says there was none",
    ),
    column(
        "plan_fingerprint",
        Integer,
        "64-bit hash of the shape of the plan; printed as 16 hex digits",
    ),
    // Query.
    column(
        "query_time_us",
        Integer,
        "how long the statement took, in microseconds",
    ),
    column(
        "lock_time_us",
        Integer,
        "how long of that it waited for locks, in microseconds",
    ),
    column("rows_sent", Integer, "rows returned to the client"),
    column("rows_examined", Integer, "rows the server looked at"),
    column("rows_affected", Integer, "rows changed"),
    column("bytes_sent", Integer, "bytes sent to the client"),
    column("bytes_received", Integer, "bytes received from the client"),
    column(
        "parse_time_us",
        Integer,
        "how long the statement was parsed before, in microseconds, where that is logged apart",
    ),
    column(
        "bind_time_us",
        Integer,
        "how long its parameters were bound and it was planned before, in microseconds, where that is logged apart",
    ),
    column(
        "rate_limit",
        Integer,
        "how many executions this one stands for, where the server logs one in so many",
    ),
    column(
        "is_nested",
        Boolean,
        "it ran inside a stored routine, whose call is logged too and includes its time",
    ),
    column(
        "killed",
        Integer,
        "the error number the statement was killed with; 0 where the server says it was not",
    ),
    column(
        "command",
        Text,
        "query, execute, fetch, administrator or fastpath",
    ),
    column("full_scan", Boolean, "a table was read whole"),
    column("full_join", Boolean, "a join had no index"),
    column("tmp_table", Boolean, "a temporary table was made"),
    column("tmp_table_on_disk", Boolean, "a temporary table went to disk"),
    column("filesort", Boolean, "rows were sorted"),
    column("filesort_on_disk", Boolean, "rows were sorted on disk"),
    column("query_cache_hit", Boolean, "the answer came from the query cache"),
    column("tmp_tables", Integer, "temporary tables made"),
    column("tmp_disk_tables", Integer, "temporary tables made on disk"),
    column("tmp_table_bytes", Integer, "bytes of temporary tables"),
    column("merge_passes", Integer, "merge passes of sorts"),
    column("truncated", Boolean, "the text in the source was cut short"),
    column("trace_id", Text, "the trace that its comments say it belongs to"),
    column("tags", TextMap, "what its comments say of where it comes from"),
    // Query and log, once more: the texts.
    column(
        "normalized",
        Text,
        "the normalized text, on the first sight of the fingerprint per process and day",
    ),
    column(
        "verb",
        Text,
        "the kind of statement, such as select; with normalized only",
    ),
    column("tables", TextList, "the tables it names; with normalized only"),
    column(
        "statement",
        Text,
        "the statement as written, by the retention policy for texts, at most 16 KiB; metric: its normalized text, now and then",
    ),
    column("parameters", Text, "its parameters as logged, by the same policy"),
    column(
        "attributes",
        TextMap,
        "query: every other field the server wrote about it, verbatim; log: the numbers and names in its texts, in µs and bytes; metric: all \
         other numbers and names of the sample, in µs and bytes",
    ),
    // Log and metric.
    column(
        "event",
        Text,
        "what happened, such as error, lock_wait or checkpoint; metric: what was sampled, such as replica",
    ),
    column("severity", Text, "notice, log, warning, error, fatal or panic"),
    column("sql_state", Text, "SQLSTATE, five characters"),
    column(
        "duration_us",
        Integer,
        "how long the wait, checkpoint, vacuum, session or planned execution took, in microseconds; metric: a sampled time",
    ),
    column(
        "size_bytes",
        Integer,
        "how many bytes it was about: the size of a temporary file; metric: a sampled size",
    ),
    column(
        "object",
        Text,
        "what it was about: a table, what is locked, a file, a standby",
    ),
    column("message", Text, "the message, at most 16 KiB"),
    column("hint", Text, "what the server advises, at most 16 KiB"),
    column(
        "context",
        Text,
        "where in a function or a replay it happened, at most 16 KiB",
    ),
    column("plan", Text, "the plan, as JSON, at most 16 KiB"),
    column(
        "execution_offset",
        Integer,
        "the source_offset of the execution that the plan belongs to, where that came before",
    ),
    // Reject.
    column("reason", Text, "why the bytes could not be read"),
    column("raw", Bytes, "the bytes, at most 64 KiB of them"),
    // Ledger: source_offset is where the range begins.
    column("app_id", Text, "the unit of progress the range belongs to"),
    column(
        "source_identity",
        Text,
        "which file or partition the source was, whatever its name",
    ),
    column("range_end", Integer, "the first byte or offset after the range"),
    column(
        "bytes_in",
        Integer,
        "bytes in the range: the sum of the next three",
    ),
    column("bytes_parsed", Integer, "bytes that became entries"),
    column("bytes_rejected", Integer, "bytes that became reject rows"),
    column(
        "bytes_skipped",
        Integer,
        "bytes known to hold nothing of interest",
    ),
    column("entries_query", Integer, "executions read"),
    column("entries_log", Integer, "events of the server read"),
    column("rejects", Integer, "reject rows made"),
    // Log and ledger.
    column(
        "detail",
        Text,
        "log: what the server says more of it, at most 16 KiB; ledger: counts and bytes by kind and reason, as JSON",
    ),
];

/// The partition column that every table has.
pub(crate) const EVENT_DATE: Column = column(
    "event_date",
    Date,
    "the day of ts in UTC; 1970-01-01 where ts is unknown",
);

/// The partition columns as the others; they are in the table but not in its files.
const PARTITION: [Column; 2] = [
    EVENT_DATE,
    column("kind", Text, "query, log, metric, reject or ledger"),
];

/// The names of the key columns: with the partition columns the only ones that are never NULL.
pub const KEY_COLUMNS: [&str; 3] = ["source", "source_offset", "source_seq"];

impl Column {
    /// Whether a row may have no value here.
    pub fn is_nullable(&self) -> bool {
        !KEY_COLUMNS.contains(&self.name) && !PARTITION_COLUMNS.contains(&self.name)
    }
}

/// What one table of a lake is made of.
#[derive(Debug)]
pub(crate) struct TableShape {
    /// Its name, which is also that of its directory.
    pub(crate) name: &'static str,
    /// The columns in its files, in the order of the table.
    pub(crate) columns: &'static [Column],
    /// The columns that are in the table but not in its files, in the order of the directory levels.
    pub(crate) partitions: &'static [Column],
    /// The columns with minimum and maximum per file in the table's log.
    pub(crate) statistics: &'static [&'static str],
}

/// The table that all rows go into.
pub(crate) static EVENTS: TableShape = TableShape {
    name: "events",
    columns: &COLUMNS,
    partitions: &PARTITION,
    statistics: &STATISTICS_COLUMNS,
};

impl TableShape {
    /// Every column of the table: those of the files, then the partition columns.
    pub(crate) fn all_columns(&self) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().chain(self.partitions)
    }

    pub(crate) fn is_partition(&self, name: &str) -> bool {
        self.partitions.iter().any(|column| column.name == name)
    }

    /// The Arrow schema of the table as a query sees it. Texts are views.
    pub(crate) fn query_schema(&self) -> SchemaRef {
        let fields = self.all_columns().map(|column| self.query_field(column));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The Arrow schema of the files' columns as a query sees it.
    pub(crate) fn file_schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|column| self.query_field(column));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The Arrow fields of the partition columns as a query sees them.
    pub(crate) fn partition_fields(&self) -> Vec<Arc<Field>> {
        let fields = self.partitions.iter().map(|column| self.query_field(column));
        fields.map(Arc::new).collect()
    }

    /// The table's schema in the words of the Delta protocol.
    pub(crate) fn delta_fields(&self) -> Vec<delta::StructField> {
        self.all_columns()
            .map(|column| {
                delta::StructField::new(column.name, delta_type(column.column_type), column.is_nullable())
            })
            .collect()
    }

    fn query_field(&self, column: &Column) -> Field {
        let data_type = match column.column_type {
            // Texts in files are decoded without a copy into views. One value for a whole file needs no view.
            Text if !self.is_partition(column.name) => DataType::Utf8View,
            other => arrow_type(other),
        };
        Field::new(column.name, data_type, column.is_nullable())
    }
}

/// Every column of `events`: those of the files, then the partition columns.
pub fn columns() -> impl Iterator<Item = &'static Column> {
    EVENTS.all_columns()
}

/// The Arrow schema of `events` as a query sees it: the columns of the files, then the partition columns. Texts are views.
pub fn events_schema() -> SchemaRef {
    EVENTS.query_schema()
}

/// The Arrow type in which rows are written.
pub(crate) fn arrow_type(column_type: ColumnType) -> DataType {
    match column_type {
        Integer => DataType::Int64,
        SmallInteger => DataType::Int32,
        Boolean => DataType::Boolean,
        Text => DataType::Utf8,
        Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Date => DataType::Date32,
        Bytes => DataType::Binary,
        TextList => DataType::List(list_element()),
        TextMap => DataType::Map(map_entries(), false),
        LargeInteger => DataType::Decimal128(LARGE_DIGITS, 0),
        Latency => latency_data_type(),
    }
}

/// The digits of a large integer: as many as the protocol has.
const LARGE_DIGITS: u8 = 38;

/// The field of a list's elements, named as Parquet wants it.
pub(crate) fn list_element() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Utf8, true))
}

/// The names of a map's entries, keys and values, as Parquet wants them.
pub(crate) const MAP_NAMES: [&str; 3] = ["key_value", "key", "value"];

fn map_entries() -> Arc<Field> {
    let [entries, key, value] = MAP_NAMES;
    let fields = vec![
        Field::new(key, DataType::Utf8, false),
        Field::new(value, DataType::Utf8, true),
    ];
    Arc::new(Field::new(entries, DataType::Struct(fields.into()), false))
}

fn delta_type(column_type: ColumnType) -> delta::DataType {
    match column_type {
        Integer => delta::DataType::LONG,
        SmallInteger => delta::DataType::INTEGER,
        Boolean => delta::DataType::BOOLEAN,
        Text => delta::DataType::STRING,
        Time => delta::DataType::TIMESTAMP,
        Date => delta::DataType::DATE,
        Bytes => delta::DataType::BINARY,
        TextList => delta::ArrayType::new(delta::DataType::STRING, true).into(),
        TextMap => delta::MapType::new(delta::DataType::STRING, delta::DataType::STRING, true).into(),
        // Fails for a precision above 38 or a scale above the precision.
        LargeInteger => delta::DataType::decimal(LARGE_DIGITS, 0).expect("a decimal of the protocol"),
        Latency => {
            let pair = [
                ("bin", delta::DataType::INTEGER),
                ("calls", delta::DataType::LONG),
            ]
            .map(|(name, data_type)| delta::StructField::new(name, data_type, true));
            // Fails where two names are the same.
            let pair = delta::DataType::try_struct_type(pair).expect("two names");
            delta::ArrayType::new(pair, true).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_lists_name_columns() {
        let mut names: Vec<&str> = columns().map(|column| column.name).collect();
        assert_eq!(names.len(), COLUMNS.len() + PARTITION_COLUMNS.len());
        for name in STATISTICS_COLUMNS.iter().chain(&KEY_COLUMNS) {
            assert!(COLUMNS.iter().any(|column| column.name == *name), "{name}");
        }
        assert_eq!(PARTITION.map(|column| column.name), PARTITION_COLUMNS);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COLUMNS.len() + PARTITION_COLUMNS.len());
    }
}
