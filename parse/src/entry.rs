//! What the decoder makes of a log: executions, rejects and skipped records. Plain data that borrows from the log's bytes;
//! never interprets a statement.

use crate::span::Span;
use crate::statement::Dialect;

/// One thing the decoder found. The spans of all of them, in order, tile the input.
#[derive(Debug)]
pub enum Decoded<'a> {
    /// One execution of a statement.
    Execution(&'a Execution<'a>),
    /// Bytes that could not be read.
    Reject(Reject<'a>),
}

/// One execution of one statement, as its server logged it. Unknown is `None` (or empty for text), never zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution<'a> {
    /// The record's place in its source; its start is the entry's key.
    pub span: Span,
    /// Which family of servers wrote it.
    pub dialect: Dialect,
    /// How the statement reached the server.
    pub command: Command,
    /// Start of the statement, µs since 1970 UTC.
    pub start_us: Option<i64>,
    /// End of the statement, µs since 1970 UTC.
    pub end_us: Option<i64>,
    /// Duration, µs.
    pub query_time_us: i64,
    /// Time waited for locks, µs, as far as the server counts it.
    pub lock_time_us: Option<i64>,
    /// Rows returned to the client.
    pub rows_sent: Option<i64>,
    /// Rows read by the server.
    pub rows_examined: Option<i64>,
    /// Rows changed.
    pub rows_affected: Option<i64>,
    /// Bytes returned to the client.
    pub bytes_sent: Option<i64>,
    /// Bytes received from the client.
    pub bytes_received: Option<i64>,
    /// User name; empty when unknown.
    pub user: &'a [u8],
    /// Database (schema, in MySQL's words); empty when unknown.
    pub database: &'a [u8],
    /// Application name; empty when unknown.
    pub application: &'a [u8],
    /// Client host or address; empty when unknown.
    pub client: &'a [u8],
    /// Process id (PostgreSQL) or thread id (MySQL).
    pub session_id: Option<i64>,
    /// The server's own identifier of the query (PostgreSQL's queryid).
    pub server_query_id: Option<i64>,
    /// Error number of the statement (MySQL); 0 is success.
    pub error_code: Option<i64>,
    /// Error number it was killed with (MySQL); 0 is not killed.
    pub killed: Option<i64>,
    /// Yes/no answers of the server about the plan.
    pub plan: PlanFlags,
    /// Temporary tables made in memory.
    pub tmp_tables: Option<i64>,
    /// Temporary tables made on disk.
    pub tmp_disk_tables: Option<i64>,
    /// Bytes of all temporary tables.
    pub tmp_table_bytes: Option<i64>,
    /// Merge passes of its sorts.
    pub merge_passes: Option<i64>,
    /// The statement's text, verbatim bytes, without the terminator that the server appends.
    pub statement: &'a [u8],
    /// Whether the text was cut at [`RECORD_BYTES_MAX`](crate::RECORD_BYTES_MAX).
    pub truncated: bool,
    /// Parameter values as the server printed them; empty when none.
    pub parameters: &'a [u8],
    /// Every other field of the server's header, name and value, in the order of the log.
    pub attributes: &'a [(&'a [u8], &'a [u8])],
}

impl<'a> Execution<'a> {
    /// An execution of which only place, server family and duration are known.
    pub fn new(span: Span, dialect: Dialect, query_time_us: i64) -> Execution<'a> {
        Execution {
            span,
            dialect,
            command: Command::Query,
            start_us: None,
            end_us: None,
            query_time_us,
            lock_time_us: None,
            rows_sent: None,
            rows_examined: None,
            rows_affected: None,
            bytes_sent: None,
            bytes_received: None,
            user: b"",
            database: b"",
            application: b"",
            client: b"",
            session_id: None,
            server_query_id: None,
            error_code: None,
            killed: None,
            plan: PlanFlags::default(),
            tmp_tables: None,
            tmp_disk_tables: None,
            tmp_table_bytes: None,
            merge_passes: None,
            statement: b"",
            truncated: false,
            parameters: b"",
            attributes: &[],
        }
    }
}

/// Yes/no answers about how a statement was executed; `None` when the server does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanFlags {
    /// A table was read without an index.
    pub full_scan: Option<bool>,
    /// A join was done without an index.
    pub full_join: Option<bool>,
    /// A temporary table was made.
    pub tmp_table: Option<bool>,
    /// A temporary table went to disk.
    pub tmp_table_on_disk: Option<bool>,
    /// A sort was done.
    pub filesort: Option<bool>,
    /// A sort went to disk.
    pub filesort_on_disk: Option<bool>,
    /// The answer came from the query cache.
    pub query_cache_hit: Option<bool>,
}

/// How a statement reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Text sent and executed at once.
    Query,
    /// A prepared statement executed.
    Execute,
    /// More rows fetched from a portal or cursor.
    Fetch,
    /// A command of the protocol (`administrator command: Ping`).
    Administrator,
    /// PostgreSQL's function call interface.
    Fastpath,
}

impl Command {
    /// The name in the archive.
    pub fn name(self) -> &'static str {
        match self {
            Command::Query => "query",
            Command::Execute => "execute",
            Command::Fetch => "fetch",
            Command::Administrator => "administrator",
            Command::Fastpath => "fastpath",
        }
    }
}

/// Bytes that could not be read, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reject<'a> {
    /// Their place in the source.
    pub span: Span,
    /// Why.
    pub reason: RejectReason,
    /// The bytes, at most [`REJECT_BYTES_KEPT`].
    pub raw: &'a [u8],
}

/// How many bytes of a reject are kept for a person to look at.
pub const REJECT_BYTES_KEPT: usize = 64 * 1024;

macro_rules! names {
    ($(#[$doc:meta])* $enum:ident { $($(#[$item_doc:meta])* $item:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $enum { $($(#[$item_doc])* $item,)* }

        impl $enum {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [$enum] = &[$($enum::$item,)*];

            /// The name in the ledger and in the archive.
            pub fn name(self) -> &'static str {
                match self { $($enum::$item => $name,)* }
            }
        }
    };
}

names! {
    /// Why bytes could not be read.
    RejectReason {
        /// A line that no rule of the format knows.
        UnrecognizedLine = "unrecognized_line",
        /// The end of a record whose beginning is not in the source.
        OrphanContinuation = "orphan_continuation",
        /// A line that looks like a record, but not with the `log_line_prefix` that was given.
        PrefixMismatch = "prefix_mismatch",
        /// A duration that is not a number or is out of range.
        MalformedDuration = "malformed_duration",
        /// A CSV record with an unknown number of columns, or a quote that never closes.
        MalformedCsv = "malformed_csv",
        /// A line that is not one JSON object with the keys of the format.
        MalformedJson = "malformed_json",
        /// A header block without the fields that make it one.
        MalformedHeader = "malformed_header",
        /// The record is longer than the limit and nothing could be read from its head.
        TooLong = "too_long",
    }
}

names! {
    /// Records that were understood and hold no execution.
    SkipKind {
        /// `parse` and `bind` steps of an execution that is counted by its `execute`.
        ParseBind = "parse_bind",
        /// Plans of auto_explain.
        Plan = "plan",
        /// A duration whose statement was never logged.
        DurationWithoutText = "duration_without_text",
        /// Errors, fatal errors and panics.
        Error = "error",
        /// Warnings and notices.
        Warning = "warning",
        /// Connections received, authorized and closed.
        Connection = "connection",
        /// Checkpoints and restartpoints.
        Checkpoint = "checkpoint",
        /// Autovacuum and autoanalyze.
        Autovacuum = "autovacuum",
        /// Lock waits and deadlocks.
        Lock = "lock",
        /// Temporary files.
        TemporaryFile = "temporary_file",
        /// Replication and recovery.
        Replication = "replication",
        /// The server's start-up banner.
        Banner = "banner",
        /// Empty lines between records.
        Blank = "blank",
        /// Any other message of the server.
        Message = "message",
    }
}
