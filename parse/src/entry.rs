//! What the decoder makes of a log: executions, events of the server, rejects and skipped records. Plain data that borrows from the
//! log's bytes; never interprets a statement.

use crate::plan::{Plan, PlanFingerprint};
use crate::span::Span;
use crate::statement::Dialect;

/// One thing the decoder found. The spans of all of them, in order, tile the input.
#[derive(Debug)]
pub enum Decoded<'a> {
    /// One execution of a statement.
    Execution(&'a Execution<'a>),
    /// One event of a server that is no execution.
    Log(&'a LogEntry<'a>),
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
    /// The server, as the log's wrapper names it; empty without one.
    pub host: &'a [u8],
    /// Process id (PostgreSQL) or thread id (MySQL).
    pub session_id: Option<i64>,
    /// Transaction id (PostgreSQL's xid, InnoDB's trx id); `None` where the statement had none.
    pub transaction_id: Option<i64>,
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
    /// How long the statement was parsed before, µs, where the server logs it apart.
    pub parse_time_us: Option<i64>,
    /// How long its parameters were bound (and it was planned) before, µs, where the server logs it apart.
    pub bind_time_us: Option<i64>,
    /// How many executions this one stands for, where the server logs one in so many.
    pub rate_limit: Option<i64>,
    /// It ran inside a stored routine, whose call is logged as well and includes its time.
    pub is_nested: bool,
    /// The shape of its plan, where the log showed the plan before it.
    pub plan_fingerprint: Option<PlanFingerprint>,
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
            host: b"",
            session_id: None,
            transaction_id: None,
            server_query_id: None,
            error_code: None,
            killed: None,
            plan: PlanFlags::default(),
            tmp_tables: None,
            tmp_disk_tables: None,
            tmp_table_bytes: None,
            merge_passes: None,
            parse_time_us: None,
            bind_time_us: None,
            rate_limit: None,
            is_nested: false,
            plan_fingerprint: None,
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

/// One event of a server that is not an execution. Unknown is `None` (or empty for text), never zero.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry<'a> {
    /// The record's place in its source; its start is the entry's key.
    pub span: Span,
    /// Which family of servers wrote it.
    pub dialect: Dialect,
    /// What happened.
    pub kind: LogKind,
    /// How bad the server finds it.
    pub severity: Severity,
    /// When it was written, µs since 1970 UTC.
    pub time_us: Option<i64>,
    /// User name; empty when unknown.
    pub user: &'a [u8],
    /// Database; empty when unknown.
    pub database: &'a [u8],
    /// Application name; empty when unknown.
    pub application: &'a [u8],
    /// Client host or address; empty when unknown.
    pub client: &'a [u8],
    /// The server, as the log's wrapper names it; empty without one.
    pub host: &'a [u8],
    /// Process id (PostgreSQL) or thread id (MySQL).
    pub session_id: Option<i64>,
    /// Transaction id; `None` where there was none.
    pub transaction_id: Option<i64>,
    /// The server's own identifier of the query (PostgreSQL's queryid).
    pub server_query_id: Option<i64>,
    /// SQLSTATE, five characters; empty when unknown.
    pub sql_state: &'a [u8],
    /// The server's number of the message (MySQL).
    pub error_code: Option<i64>,
    /// How long it took, µs: a wait for a lock, a checkpoint, a vacuum, a session, an execution with a plan.
    pub duration_us: Option<i64>,
    /// How many bytes it was about: the size of a temporary file.
    pub size_bytes: Option<i64>,
    /// What it was about: a table, the object of a lock, a file, a standby.
    pub object: &'a [u8],
    /// The message, whole.
    pub message: &'a [u8],
    /// What the server says more of it; empty when nothing.
    pub detail: &'a [u8],
    /// What the server advises.
    pub hint: &'a [u8],
    /// Where in a function or a replay it happened.
    pub context: &'a [u8],
    /// The statement that was running; empty when there was none.
    pub statement: &'a [u8],
    /// The numbers and names in its texts, by name, in base units (µs, bytes): which, is said at [`LogKind`].
    pub attributes: &'a [(&'a [u8], &'a [u8])],
    /// The plan, if it is one.
    pub plan: Option<&'a Plan>,
    /// Where in the source the execution is that the plan belongs to, if it stands before the plan.
    pub execution_offset: Option<u64>,
}

impl<'a> LogEntry<'a> {
    /// An event of which only place, server family and kind are known.
    pub fn new(span: Span, dialect: Dialect, kind: LogKind) -> LogEntry<'a> {
        LogEntry {
            span,
            dialect,
            kind,
            severity: Severity::Log,
            time_us: None,
            user: b"",
            database: b"",
            application: b"",
            client: b"",
            host: b"",
            session_id: None,
            transaction_id: None,
            server_query_id: None,
            sql_state: b"",
            error_code: None,
            duration_us: None,
            size_bytes: None,
            object: b"",
            message: b"",
            detail: b"",
            hint: b"",
            context: b"",
            statement: b"",
            attributes: &[],
            plan: None,
            execution_offset: None,
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
    /// How bad the server finds an event.
    Severity {
        /// `DEBUG`, `INFO`, `NOTICE`; MySQL's `Note`.
        Notice = "notice",
        /// `LOG`, MySQL's `System`, and words of other languages.
        Log = "log",
        /// `WARNING`.
        Warning = "warning",
        /// `ERROR`.
        Error = "error",
        /// `FATAL`: the session ends.
        Fatal = "fatal",
        /// `PANIC`: all sessions end.
        Panic = "panic",
    }
}

names! {
    /// What an event of a server is. The items name the attributes that an entry of the kind can have beside the fields of its own.
    LogKind {
        /// A statement or session failed; SQLSTATE says how.
        Error = "error",
        /// A warning or notice.
        Warning = "warning",
        /// A statement or session was ended from outside: by a timeout or by somebody; `cause`.
        Canceled = "canceled",
        /// Two or more sessions waited for each other; `processes` and each one's statement. MySQL: `processes` are threads, of each
        /// `statement_<thread>` and `transaction_<thread>`, and `rolled_back` is the thread that lost, whose statement the entry has.
        Deadlock = "deadlock",
        /// A session waits for a lock; `mode`, `holders`, `queue`. The object is what is locked.
        LockWait = "lock_wait",
        /// A session got the lock that it waited for; `mode`.
        LockAcquired = "lock_acquired",
        /// A session did not get a lock; `mode`, `holders`, `queue`.
        LockFailed = "lock_failed",
        /// A temporary file was removed. The object is its path.
        TemporaryFile = "temporary_file",
        /// A checkpoint began; `reasons`.
        CheckpointStart = "checkpoint_start",
        /// A checkpoint ended; `buffers`, `buffers_percent`, `wal_added`, `wal_removed`, `wal_recycled`, `write_us`, `sync_us`, `sync_files`,
        /// `sync_longest_us`, `sync_average_us`, `distance_bytes`, `estimate_bytes`.
        Checkpoint = "checkpoint",
        /// A restartpoint began; as a checkpoint.
        RestartpointStart = "restartpoint_start",
        /// A restartpoint ended; as a checkpoint.
        Restartpoint = "restartpoint",
        /// Checkpoints come too often; `interval_us`.
        CheckpointsTooFrequent = "checkpoints_too_frequent",
        /// A table was vacuumed by the server itself. The object is the table.
        Autovacuum = "autovacuum",
        /// A table was analyzed by the server itself. The object is the table.
        Autoanalyze = "autoanalyze",
        /// A connection came in; `port`.
        ConnectionReceived = "connection_received",
        /// A client proved who it is; `identity`, `method`.
        ConnectionAuthenticated = "connection_authenticated",
        /// A session began; `ssl`.
        ConnectionAuthorized = "connection_authorized",
        /// A session ended; its duration is how long it was. MySQL: `reason`, where the server ended it or lost it.
        Disconnection = "disconnection",
        /// A client was not let in: wrong password, no such user or database, too many clients. MySQL: `reason` (`password`, `not_permitted`,
        /// `too_many`, `blocked`).
        ConnectionFailed = "connection_failed",
        /// A process of the server crashed; `signal`. MySQL: the detail is the stack.
        Crash = "crash",
        /// The server started. MySQL: `phase` (`starting`, `ready`), `version`, `port`.
        Startup = "startup",
        /// The server was asked to stop or stopped. MySQL: `phase` (`requested`, `stopped`).
        Shutdown = "shutdown",
        /// The server recovers, or a standby replays.
        Recovery = "recovery",
        /// A query on a standby stood in the way of the replay; `conflict`, `processes`.
        RecoveryConflict = "recovery_conflict",
        /// Replication began, stopped, or lost what it needs; `slot`, `lsn`, `timeline`. MySQL: `phase` (`started`, `stopped`, `failed`),
        /// `channel`, `position`, `gtid`; the object is the file of the source's log.
        Replication = "replication",
        /// Archiving of WAL failed.
        Archive = "archive",
        /// A setting changed, or the configuration was read.
        Configuration = "configuration",
        /// The plan of an execution; the numbers are in the plan.
        Plan = "plan",
        /// A duration whose statement was never logged.
        Duration = "duration",
        /// A command of MySQL's general log. The object is its name; from a table it has `server_id`.
        Command = "command",
        /// Averages that a server prints about itself (PgBouncer); one attribute each.
        Statistics = "statistics",
        /// Any other message of the server. MySQL's messages of every kind have `subsystem`, where the server tells it.
        Message = "message",
    }
}

names! {
    /// Bytes that were understood and are nothing to keep.
    SkipKind {
        /// The server's start-up banner, or the header of a table.
        Banner = "banner",
        /// Empty lines between records.
        Blank = "blank",
        /// What other programs wrote into the same log.
        OtherProgram = "other_program",
        /// What a log shipper says about itself.
        Shipper = "shipper",
    }
}
