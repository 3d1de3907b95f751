//! One record of a slow log, whole: header block, `use`, `SET timestamp`, statement. Reads it, and carries the database and the time forward, as
//! servers print both only on change. Where records begin and end is decided in [`slow`](crate::mysql::slow).

use std::sync::Arc;

use crate::decoder::Output;
use crate::entry::{Command, Execution, LogEntry, LogKind, RejectReason};
use crate::mysql::body::Body;
use crate::mysql::header::Header;
use crate::mysql::line::{administrator_command, is_banner_of_version};
use crate::mysql::plans::Plans;
use crate::plan::Plan;
use crate::span::Span;
use crate::statement::Dialect;
use crate::timestamp::TimestampReader;

/// Reads records, one after the other: the lines of the header as they come, the rest when the record is whole.
#[derive(Debug)]
pub(crate) struct RecordReader {
    time: TimestampReader,
    header: Header,
    plans: Plans,
    /// MariaDB prints when a statement began where the others print when it ended.
    is_mariadb: bool,
    database: Vec<u8>,
    /// What the last record that had one said, µs.
    last_time_us: Option<i64>,
    server_from: Option<Span>,
    database_from: Option<Span>,
    time_from: Option<Span>,
    attributes: Vec<(&'static [u8], &'static [u8])>,
}

impl RecordReader {
    pub(crate) fn new(time: TimestampReader) -> RecordReader {
        RecordReader {
            time,
            header: Header::default(),
            plans: Plans::default(),
            is_mariadb: false,
            database: Vec::new(),
            last_time_us: None,
            server_from: None,
            database_from: None,
            time_from: None,
            attributes: Vec::new(),
        }
    }

    /// The server opened its log anew: the next record tells its database again.
    pub(crate) fn restart(&mut self, banner: &[u8], span: Span) {
        if is_banner_of_version(banner) {
            self.is_mariadb = memchr::memmem::find(banner, b"MariaDB").is_some();
            self.server_from = Some(span);
        }
        self.database.clear();
        self.database_from = None;
    }

    /// Spans of what later records need: each is read as a record or a banner of its own.
    pub(crate) fn context(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = [self.server_from, self.database_from, self.time_from]
            .into_iter()
            .flatten()
            .collect();
        spans.sort_unstable();
        spans.dedup();
        spans
    }

    /// A record begins.
    pub(crate) fn begin(&mut self) {
        self.header.clear();
    }

    /// A line of its header block, without its line end, at byte `at` of the record.
    pub(crate) fn header_line(&mut self, line: &[u8], at: usize) {
        self.header.line(line, at, &mut self.time);
    }

    /// The record is whole. Its header block, whose lines were given before, has `header_bytes`.
    pub(crate) fn record(&mut self, record: &Record<'_>, output: &mut Output<'_, '_>) {
        let Some(query_time_us) = self.header.query_time_us else {
            return output.reject(record.span(), RejectReason::MalformedHeader, record.bytes);
        };
        let body = Body::of(&record.bytes[record.header_bytes..]);
        self.carry(record, &body);
        let envelope = output.envelope(record.start);
        let mut execution = Execution::new(record.span(), Dialect::Mysql, query_time_us);
        execution.host = envelope.host;
        self.header.describe(record.bytes, &mut execution);
        (execution.start_us, execution.end_us) = self.times(&body, query_time_us);
        execution.database = match (body.database, self.header.schema) {
            (Some(database), _) => database,
            (None, Some(schema)) => schema.of(record.bytes),
            (None, None) => &self.database,
        };
        execution.truncated = record.is_truncated;
        execution.statement = body.statement;
        if let Some(command) = administrator_command(body.statement) {
            execution.statement = command;
            execution.command = Command::Administrator;
            // The server prints the counters of the statement before.
            (
                execution.rows_sent,
                execution.rows_examined,
                execution.rows_affected,
            ) = (None, None, None);
        }
        let explain = self.header.explain(record.bytes);
        let plan = explain.and_then(|block| self.plans.read(block));
        let mut attributes: Vec<(&[u8], &[u8])> = std::mem::take(&mut self.attributes);
        let places = self.header.attributes.iter();
        attributes.extend(places.map(|(name, value)| (name.of(record.bytes), value.of(record.bytes))));
        self.header.warnings.attributes(&mut attributes);
        execution.attributes = &attributes;
        execution.plan_fingerprint = plan.and_then(|plan| plan.fingerprint);
        output.execution(&mut execution);
        if let Some(plan) = plan {
            emit_plan(plan, &execution, record.start, output);
        }
        self.attributes = recycle(attributes);
    }

    /// Remembers what later records leave out, and where it was said.
    fn carry(&mut self, record: &Record<'_>, body: &Body<'_>) {
        if self.header.is_mariadb && !self.is_mariadb {
            self.is_mariadb = true;
            // Without its body: the database that the body names may not be the last one.
            self.server_from = Some(record.head(record.header_bytes));
        }
        let known = record.head(record.header_bytes + body.known_at);
        if let Some(database) = body.database {
            self.database.clear();
            self.database.extend_from_slice(database);
            self.database_from = Some(known);
        }
        if let Some(time_us) = self.header.time_us {
            (self.last_time_us, self.time_from) = (Some(time_us), Some(known));
        }
    }

    /// Start and end. `SET timestamp` counts seconds of UTC, so it beats a local time; which of both ends it is depends on the server.
    fn times(&self, body: &Body<'_>, query_time_us: i64) -> (Option<i64>, Option<i64>) {
        let header = &self.header;
        if let (Some(start), Some(end)) = (header.start_us, header.end_us) {
            return (Some(start), Some(end));
        }
        let from_end = |end: i64| (end.checked_sub(query_time_us), Some(end));
        match (header.time_us, body.timestamp_us) {
            (Some(end), _) if header.time_is_iso => from_end(end),
            (time, timestamp) => match timestamp.or(time).or(self.last_time_us) {
                Some(start) if self.is_mariadb => (Some(start), start.checked_add(query_time_us)),
                Some(end) => from_end(end),
                None => (None, None),
            },
        }
    }
}

/// The plan that the record of an execution shows: an entry of its own at the place of the execution, of no bytes of its own.
fn emit_plan(plan: &Arc<Plan>, execution: &Execution<'_>, start: u64, output: &mut Output<'_, '_>) {
    let place = Span { start, end: start };
    let mut entry = LogEntry::new(place, Dialect::Mysql, LogKind::Plan);
    entry.time_us = execution.end_us;
    entry.user = execution.user;
    entry.database = execution.database;
    entry.client = execution.client;
    entry.host = execution.host;
    entry.session_id = execution.session_id;
    entry.duration_us = Some(execution.query_time_us);
    entry.statement = execution.statement;
    entry.plan = Some(plan);
    entry.execution_offset = Some(output.offset(start));
    output.attached_log(&mut entry);
}

/// The bytes of one record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'r> {
    pub(crate) bytes: &'r [u8],
    /// Where it begins in the stream.
    pub(crate) start: u64,
    /// How long its header block is.
    pub(crate) header_bytes: usize,
    /// There is more of it than `bytes`.
    pub(crate) is_truncated: bool,
}

impl Record<'_> {
    fn span(&self) -> Span {
        self.head(self.bytes.len())
    }

    /// Its first bytes.
    fn head(&self, bytes: usize) -> Span {
        Span::at(self.start, bytes)
    }
}

/// The allocation of a list of borrowed pairs, without the pairs.
fn recycle<'a>(mut attributes: Vec<(&[u8], &[u8])>) -> Vec<(&'a [u8], &'a [u8])> {
    attributes.clear();
    attributes.into_iter().map(|_| (&b""[..], &b""[..])).collect()
}
