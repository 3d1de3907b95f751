//! One record of a slow log, whole: header block, `use`, `SET timestamp`, statement. Reads it, and carries the database and the time forward, as
//! servers print both only on change. Where records begin and end is decided in [`slow`](crate::mysql::slow).

use crate::decoder::Output;
use crate::entry::{Command, Execution, RejectReason};
use crate::lines::without_newline;
use crate::mysql::header::{
    Attributes, Header, is_administrator_command, is_header_line, set_timestamp_us, use_database,
};
use crate::span::Span;
use crate::statement::Dialect;
use crate::timestamp::TimestampReader;

/// Bytes of a statement that tell it from a header line.
const STATEMENT_BYTES_KNOWN: usize = 64;

/// Reads whole records, one after the other.
#[derive(Debug)]
pub(crate) struct RecordReader {
    time: TimestampReader,
    /// MariaDB prints when a statement began where the others print when it ended.
    is_mariadb: bool,
    database: Vec<u8>,
    /// What the last record that had one said, µs.
    last_time_us: Option<i64>,
    database_from: Option<Span>,
    time_from: Option<Span>,
    attributes: Attributes<'static>,
}

impl RecordReader {
    pub(crate) fn new(time: TimestampReader) -> RecordReader {
        RecordReader {
            time,
            is_mariadb: false,
            database: Vec::new(),
            last_time_us: None,
            database_from: None,
            time_from: None,
            attributes: Vec::new(),
        }
    }

    /// The server opened its log anew: the next record tells its database again.
    pub(crate) fn restart(&mut self, banner: &[u8]) {
        if memchr::memmem::find(banner, b", Version: ").is_some() {
            self.is_mariadb = memchr::memmem::find(banner, b"MariaDB").is_some();
        }
        self.database.clear();
        self.database_from = None;
    }

    pub(crate) fn context(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = [self.database_from, self.time_from]
            .into_iter()
            .flatten()
            .collect();
        spans.sort_unstable();
        spans.dedup();
        spans
    }

    pub(crate) fn record(&mut self, record: &[u8], start: u64, truncated: bool, output: &mut Output<'_, '_>) {
        let span = Span {
            start,
            end: start + record.len() as u64,
        };
        let mut attributes: Attributes<'_> = std::mem::take(&mut self.attributes);
        let mut header = Header::default();
        let header_bytes = self.header(record, &mut header, &mut attributes);
        let Some(query_time_us) = header.query_time_us else {
            output.reject(span, RejectReason::MalformedHeader, record);
            self.attributes = recycle(attributes);
            return;
        };
        self.is_mariadb |= header.is_mariadb;
        let body = Body::of(&record[header_bytes..]);
        let context = Span {
            start,
            end: start + (header_bytes + body.known_at) as u64,
        };
        if let Some(database) = body.database {
            self.database.clear();
            self.database.extend_from_slice(database);
            self.database_from = Some(context);
        }
        if let Some(time_us) = header.time_us {
            (self.last_time_us, self.time_from) = (Some(time_us), Some(context));
        }
        let envelope = output.envelope(start);
        let mut execution = Execution::new(span, Dialect::Mysql, query_time_us);
        execution.host = envelope.host;
        header.describe(&mut execution);
        (execution.start_us, execution.end_us) = self.times(&header, &body, query_time_us);
        execution.database = match (body.database, header.schema) {
            (Some(database), _) | (None, Some(database)) => database,
            (None, None) => &self.database,
        };
        execution.attributes = &attributes;
        execution.truncated = truncated;
        execution.statement = body.statement;
        if is_administrator_command(body.statement) {
            execution.statement = &body.statement[2..];
            execution.command = Command::Administrator;
            // The server prints the counters of the statement before.
            (
                execution.rows_sent,
                execution.rows_examined,
                execution.rows_affected,
            ) = (None, None, None);
        }
        output.execution(&mut execution);
        self.attributes = recycle(attributes);
    }

    /// Reads the header block and returns its length.
    fn header<'a>(
        &mut self,
        record: &'a [u8],
        header: &mut Header<'a>,
        attributes: &mut Attributes<'a>,
    ) -> usize {
        let mut at = 0;
        while at < record.len() {
            let end = memchr::memchr(b'\n', &record[at..]).map_or(record.len(), |newline| at + newline + 1);
            let line = &record[at..end];
            if !is_header_line(line) && !line.trim_ascii().is_empty() {
                break;
            }
            if !line.starts_with(b"# explain:") && !line.starts_with(b"# Warning") {
                header.line(without_newline(line), &mut self.time, attributes);
            }
            at = end;
        }
        at
    }

    /// Start and end. `SET timestamp` counts seconds of UTC, so it beats a local time; which of both ends it is depends on the server.
    fn times(&self, header: &Header<'_>, body: &Body<'_>, query_time_us: i64) -> (Option<i64>, Option<i64>) {
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

/// What follows a header block.
struct Body<'a> {
    database: Option<&'a [u8]>,
    timestamp_us: Option<i64>,
    statement: &'a [u8],
    /// Where in the body enough is read to know the same of what stands before the statement.
    known_at: usize,
}

impl<'a> Body<'a> {
    fn of(body: &'a [u8]) -> Body<'a> {
        let mut read = Body {
            database: None,
            timestamp_us: None,
            statement: b"",
            known_at: 0,
        };
        let mut at = 0;
        for attempt in 0..2 {
            let end = memchr::memchr(b'\n', &body[at..]).map_or(body.len(), |newline| at + newline + 1);
            let line = without_newline(&body[at..end]);
            let is_last = body[end..].trim_ascii().is_empty();
            // A line that the server adds is followed by a statement; a client's own `use` is one.
            if is_last {
                break;
            }
            if attempt == 0
                && let Some(database) = use_database(line)
            {
                read.database = Some(database);
            } else if let Some(us) = set_timestamp_us(line) {
                read.timestamp_us = Some(us);
                at = end;
                break;
            } else {
                break;
            }
            at = end;
        }
        let statement = body[at..].trim_ascii_end();
        // A `use` counts only before a statement, so some of it belongs to what is to be read again.
        let blank = statement.len() - statement.trim_ascii_start().len();
        read.known_at = at + statement.len().min(blank + STATEMENT_BYTES_KNOWN);
        read.statement = statement.strip_suffix(b";").unwrap_or(statement).trim_ascii_end();
        read
    }
}

/// The allocation of a list of borrowed pairs, without the pairs.
fn recycle(mut attributes: Attributes<'_>) -> Attributes<'static> {
    attributes.clear();
    attributes.into_iter().map(|_| (&b""[..], &b""[..])).collect()
}
