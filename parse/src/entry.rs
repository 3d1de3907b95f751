//! What the decoder makes of a log: executions, events of the server, rejects and skipped records. Plain data that borrows from the
//! log's bytes; never interprets a statement.

use std::sync::Arc;

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
    pub plan: Option<&'a Arc<Plan>>,
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
    ///
    /// Values are text. Numbers are decimal integers: µs where the name ends in `_us`, bytes in `_bytes`, thousandths in `_permille`, else
    /// counts; lists are separated by commas; a flag is `1` and absent when it is not so; a number that the log does not have is absent.
    LogKind {
        /// A statement or session failed; SQLSTATE says how. `character` (of the statement, from 1, where the server points). The object is the
        /// constraint, table or other object that the server names.
        Error = "error",
        /// A warning or notice; as an error.
        Warning = "warning",
        /// A statement or session was ended from outside; `cause`: `statement_timeout`, `lock_timeout`, `user_request`, `administrator`,
        /// `idle_in_transaction`, `idle_session`, `transaction_timeout`, `recovery_conflict`, `autovacuum_task`, `authentication_timeout`,
        /// `crash` (of another process), `connection_lost`, `database_dropped`, `timeout` or `unknown`; `conflict` as in a recovery conflict.
        Canceled = "canceled",
        /// Two or more sessions waited for each other; `processes`, and of each process `statement_<pid>`, `mode_<pid>`, `object_<pid>` and
        /// `holder_<pid>`. `relation` is the table's name, where the server says it. MySQL: of each thread `statement_<thread>` and
        /// `transaction_<thread>`; `rolled_back` is the thread that lost, whose statement the entry has; the object is a table.
        Deadlock = "deadlock",
        /// A session waits for a lock; `process`, `mode`, `holders`, `queue`, `lock_type` (`relation`, `transaction`, `tuple`, …),
        /// `relation_oid`, `database_oid`, `relation` (a name), `reason` (`avoided_deadlock`). The object is what is locked; the duration is
        /// the wait so far.
        LockWait = "lock_wait",
        /// A session got the lock that it waited for; as a wait, without `holders`, `queue` and `reason`.
        LockAcquired = "lock_acquired",
        /// A session did not get a lock; as a wait, `reason` is `deadlock`, `failed` or `not_available`.
        LockFailed = "lock_failed",
        /// A temporary file was removed. The object is its path.
        TemporaryFile = "temporary_file",
        /// A checkpoint began; `reasons`.
        CheckpointStart = "checkpoint_start",
        /// A checkpoint ended; `reasons`, `buffers`, `buffers_permille` (of shared buffers), `slru_buffers`, `wal_added`, `wal_removed`,
        /// `wal_recycled`, `write_us`, `sync_us`, `sync_files`, `sync_longest_us`, `sync_average_us`, `distance_bytes`, `estimate_bytes`,
        /// `lsn`, `redo_lsn`.
        Checkpoint = "checkpoint",
        /// A restartpoint began; as a checkpoint.
        RestartpointStart = "restartpoint_start",
        /// A restartpoint ended; as a checkpoint.
        Restartpoint = "restartpoint",
        /// Checkpoints come too often; `interval_us`.
        CheckpointsTooFrequent = "checkpoints_too_frequent",
        /// A table was vacuumed by the server itself. The object is the table. Flags `aggressive`, `wraparound`; `index_scans`,
        /// `pages_removed`, `pages_remain`, `pages_scanned`, `pages_scanned_permille`, `pages_eagerly_scanned`, `pages_skipped_pins`,
        /// `pages_skipped_frozen`, `tuples_removed`, `tuples_remain`, `tuples_dead`, `tuples_missed`, `tuples_missed_pages`, `cutoff_xid`,
        /// `cutoff_age`, `relfrozenxid`, `relfrozenxid_advance`, `relminmxid`, `relminmxid_advance`, `frozen_pages`, `frozen_tuples`,
        /// `all_visible_pages`, `all_frozen_pages`, `were_all_visible_pages`, `index_scan` (`needed`, `not_needed`, `bypassed`, `failsafe`),
        /// `dead_item_pages`, `dead_items`, of each index `index_pages_<name>`, `index_newly_deleted_<name>`, `index_deleted_<name>` and
        /// `index_reusable_<name>`, and `delay_us`, `read_us`, `write_us`, `read_bytes_per_s`, `write_bytes_per_s`, `buffer_hits`,
        /// `buffer_reads`, `buffer_dirtied`, `wal_records`, `wal_images`, `wal_bytes`, `wal_buffers_full`, `cpu_user_us`, `cpu_system_us`.
        Autovacuum = "autovacuum",
        /// A table was analyzed by the server itself. The object is the table; attributes as of a vacuum from `delay_us` on.
        Autoanalyze = "autoanalyze",
        /// A connection came in; `port`. From PgBouncer also the flag `ssl`, and, here and in all that it says of a connection, `side`: `client`,
        /// or `server` for a connection that the pooler opens itself.
        ConnectionReceived = "connection_received",
        /// A client proved who it is; `identity`, `method`, `hba_line`.
        ConnectionAuthenticated = "connection_authenticated",
        /// A session began. Flags `replication`, `ssl`, `gss`; `ssl_protocol`, `ssl_cipher`, `ssl_bits`.
        ConnectionAuthorized = "connection_authorized",
        /// A session can take its first statement; `fork_us`, `authentication_us`. The duration is all of its set-up.
        ConnectionReady = "connection_ready",
        /// A session ended; its duration is how long it was; `port`, `reason` (PgBouncer; MySQL where the
        /// server ended or lost it).
        Disconnection = "disconnection",
        /// A client was not let in; `reason`: `password`, `not_permitted`, `no_user`, `no_database`, `too_many`, `not_ready`, `protocol`,
        /// `ssl`, `authentication`, `pool`, `blocked`; `hba_line`.
        ConnectionFailed = "connection_failed",
        /// A client went away without a word, or the connection to it broke.
        ConnectionLost = "connection_lost",
        /// A process of the server crashed; `process`, `signal`, `exit_code`. The object is what kind of process. MySQL: the detail is the stack.
        Crash = "crash",
        /// The server started; `phase` (`starting`, `listening`, `not_listening`, `was_shut_down`, `worker_started`, `ready`), `version`, `port`.
        Startup = "startup",
        /// The server was asked to stop or stopped; `phase` (`requested`, `stopping`, `worker_stopped`, `stopped`), `mode` (`smart`, `fast`,
        /// `immediate`), `exit_code` of a worker.
        Shutdown = "shutdown",
        /// The server recovers, or a standby replays; `phase` (`interrupted`, `started`, `redo_started`, `consistent`, `progress`,
        /// `end_of_wal`, `redo_done`, `promoted`, `paused`, `complete`, `failed`), `lsn`, `timeline`. The object is a file of WAL.
        Recovery = "recovery",
        /// A query on a standby stood in the way of the replay; `phase` (`waiting`, `finished`), `conflict` (`snapshot`, `lock`, `buffer_pin`,
        /// `tablespace`, `database`, `logical_slot`, `deadlock`), `processes`. The duration is how long the replay has waited.
        RecoveryConflict = "recovery_conflict",
        /// Replication began, stopped, or lost what it needs; `phase` (`command`, `started`, `stopped`, `failed`, `timeout`, `wal_removed`,
        /// `slot_created`, `slot_invalidated`, `slot_released`, `synchronous`, `waiting`), `slot`, `lsn`, `timeline`, `priority`, `process` (that
        /// held a slot). The object is the slot, the standby, the subscription or the file of WAL. MySQL: `channel`, `position`, `gtid`; the
        /// object is the file of the source's log.
        Replication = "replication",
        /// Archiving of WAL failed; `exit_code`, `signal`. The object is the file.
        Archive = "archive",
        /// A setting changed, or the configuration was read; `phase` (`reload`, `changed`, `removed`, `needs_restart`, `failed`), `value`. The
        /// object is the setting.
        Configuration = "configuration",
        /// The plan of an execution; the numbers are in the plan.
        Plan = "plan",
        /// A duration whose statement was never logged.
        Duration = "duration",
        /// A command of MySQL's general log. The object is its name; from a table it has `server_id`.
        Command = "command",
        /// Averages that PgBouncer prints about itself; `xacts_per_s`, `queries_per_s`, `client_parses_per_s`, `server_parses_per_s`,
        /// `binds_per_s`, `in_bytes_per_s`, `out_bytes_per_s`, `xact_us`, `query_us`, `wait_us`.
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
