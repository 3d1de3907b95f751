//! What a caller says of one row, borrowed from wherever it has it. Only names and units: what is kept of it is decided by the builder.

/// What rows of every kind have. The key is (`source`, `source_offset`, `source_seq`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// The source: a file's path, a topic and partition.
    pub source: &'a str,
    /// Where the row begins in the source: a byte or an offset.
    pub source_offset: i64,
    /// Which of the rows that begin there it is.
    pub source_seq: i32,
    /// Statement or event start, in µs since 1970 UTC.
    pub ts_us: Option<i64>,
    /// The server that wrote it.
    pub server: Option<&'a str>,
    /// Its cluster.
    pub cluster: Option<&'a str>,
    /// `postgres` or `mysql`.
    pub dialect: Option<&'a str>,
}

/// One execution. Every field but the place's key may be unknown; see the column of the same name in
/// [`COLUMNS`](crate::COLUMNS) for its meaning and unit.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "each field is the column of its name")]
pub struct QueryRow<'a> {
    pub place: Place<'a>,
    pub end_ts_us: Option<i64>,
    pub fingerprint: Option<i64>,
    pub query_time_us: Option<i64>,
    pub lock_time_us: Option<i64>,
    pub rows_sent: Option<i64>,
    pub rows_examined: Option<i64>,
    pub rows_affected: Option<i64>,
    pub bytes_sent: Option<i64>,
    pub bytes_received: Option<i64>,
    pub database: Option<&'a str>,
    pub user: Option<&'a str>,
    pub application: Option<&'a str>,
    pub client: Option<&'a str>,
    pub session_id: Option<i64>,
    pub transaction_id: Option<i64>,
    pub server_query_id: Option<i64>,
    pub error_code: Option<i64>,
    pub plan_fingerprint: Option<i64>,
    pub parse_time_us: Option<i64>,
    pub bind_time_us: Option<i64>,
    pub rate_limit: Option<i64>,
    pub is_nested: Option<bool>,
    pub killed: Option<i64>,
    pub command: Option<&'a str>,
    pub full_scan: Option<bool>,
    pub full_join: Option<bool>,
    pub tmp_table: Option<bool>,
    pub tmp_table_on_disk: Option<bool>,
    pub filesort: Option<bool>,
    pub filesort_on_disk: Option<bool>,
    pub query_cache_hit: Option<bool>,
    pub tmp_tables: Option<i64>,
    pub tmp_disk_tables: Option<i64>,
    pub tmp_table_bytes: Option<i64>,
    pub merge_passes: Option<i64>,
    pub truncated: Option<bool>,
    pub trace_id: Option<&'a str>,
    /// In order, NULL when there are none. A key should not occur twice.
    pub tags: &'a [(&'a str, &'a str)],
    pub normalized: Option<&'a str>,
    pub verb: Option<&'a str>,
    pub tables: Option<&'a [&'a str]>,
    /// Cut to [`MAX_STATEMENT_BYTES`](crate::MAX_STATEMENT_BYTES).
    pub statement: Option<&'a str>,
    pub parameters: Option<&'a str>,
    /// In order, NULL when there are none. A key should not occur twice.
    pub attributes: &'a [(&'a str, &'a str)],
}

/// One event of a server. Every field but the place's key may be unknown; see the column of the same name in
/// [`COLUMNS`](crate::COLUMNS) for its meaning and unit. Long texts are cut to [`MAX_STATEMENT_BYTES`](crate::MAX_STATEMENT_BYTES).
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "each field is the column of its name")]
pub struct LogRow<'a> {
    pub place: Place<'a>,
    pub fingerprint: Option<i64>,
    pub database: Option<&'a str>,
    pub user: Option<&'a str>,
    pub application: Option<&'a str>,
    pub client: Option<&'a str>,
    pub session_id: Option<i64>,
    pub transaction_id: Option<i64>,
    pub server_query_id: Option<i64>,
    pub error_code: Option<i64>,
    pub plan_fingerprint: Option<i64>,
    pub normalized: Option<&'a str>,
    pub verb: Option<&'a str>,
    pub tables: Option<&'a [&'a str]>,
    pub statement: Option<&'a str>,
    /// In order, NULL when there are none. A key should not occur twice.
    pub attributes: &'a [(&'a str, &'a str)],
    pub event: &'a str,
    pub severity: &'a str,
    pub sql_state: Option<&'a str>,
    pub duration_us: Option<i64>,
    pub size_bytes: Option<i64>,
    pub object: Option<&'a str>,
    pub message: Option<&'a str>,
    pub detail: Option<&'a str>,
    pub hint: Option<&'a str>,
    pub context: Option<&'a str>,
    pub plan: Option<&'a str>,
    pub execution_offset: Option<i64>,
}

/// One sample of a collector: what it saw of one thing of a server at one moment. Every field but the place's key may be unknown; see the
/// column of the same name in [`COLUMNS`](crate::COLUMNS) for its meaning and unit.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "each field is the column of its name")]
pub struct MetricRow<'a> {
    pub place: Place<'a>,
    /// What was sampled, such as `replica`.
    pub event: &'a str,
    /// What of the server it is about, such as a standby; unknown where it is the server itself.
    pub object: Option<&'a str>,
    pub database: Option<&'a str>,
    pub user: Option<&'a str>,
    pub duration_us: Option<i64>,
    pub size_bytes: Option<i64>,
    /// Of the statement that it is about.
    pub fingerprint: Option<i64>,
    /// The text of that statement; cut to [`MAX_STATEMENT_BYTES`](crate::MAX_STATEMENT_BYTES).
    pub statement: Option<&'a str>,
    /// In order, NULL when there are none. A key should not occur twice.
    pub attributes: &'a [(&'a str, &'a str)],
}

/// Bytes that no parser could read.
#[derive(Debug, Clone, Copy, Default)]
pub struct RejectRow<'a> {
    /// Where they begin.
    pub place: Place<'a>,
    /// Why they could not be read.
    pub reason: &'a str,
    /// The bytes; cut to [`MAX_RAW_BYTES`](crate::MAX_RAW_BYTES).
    pub raw: &'a [u8],
}

/// The account of one range of one source. `place.source_offset` is where it begins, `place.ts_us` when it was read;
/// `place.source_seq` is not used.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "each field is the column of its name")]
pub struct LedgerRow<'a> {
    pub place: Place<'a>,
    pub app_id: &'a str,
    pub source_identity: &'a str,
    pub range_end: i64,
    pub bytes_in: i64,
    pub bytes_parsed: i64,
    pub bytes_rejected: i64,
    pub bytes_skipped: i64,
    pub entries_query: i64,
    pub entries_log: i64,
    pub rejects: i64,
    /// Counts and bytes by kind and reason, as JSON.
    pub detail: Option<&'a str>,
}
