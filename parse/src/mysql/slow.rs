//! The slow query log: header block, `use`, `SET timestamp`, statement. Cuts records where a complete header block follows a finished
//! statement, never inside a literal; reads them; carries the database and the time forward, as servers print both only on change.

use crate::decoder::{Output, RECORD_BYTES_MAX, Records};
use crate::entry::{Command, Execution, REJECT_BYTES_KEPT, RejectReason, SkipKind};
use crate::lines::{Lines, without_newline};
use crate::mysql::header::{Attributes, Header, is_banner, set_timestamp_us, use_database};
use crate::mysql::text::Inside;
use crate::span::Span;
use crate::statement::Dialect;
use crate::timestamp::TimestampReader;

/// Bytes of lines that may turn out to be the next header; a longer block is text.
const CANDIDATE_BYTES_MAX: usize = 64 * 1024;

/// Headers in one literal that are more likely records after a cut statement than text.
const SUSPECTS_MANY: u32 = 3;

/// Bytes of a statement that tell it from a header line.
const STATEMENT_BYTES_KNOWN: usize = 64;

/// A slow query log.
#[derive(Debug)]
pub(crate) struct SlowLog {
    reader: RecordReader,
    lines: Lines,
    open: Open,
    /// Lines in a statement that look like a header so far: where they begin.
    candidate: Option<usize>,
    /// The rest of a line that is over the limit: where its bytes are booked.
    rest_of_line: Option<Booked>,
    /// A statement whose literal never ends was cut by a crash: up to here records are cut by their headers alone.
    ignore_quotes_until: u64,
}

/// What the lines read last belong to. Offsets are in the buffer.
#[derive(Debug)]
enum Open {
    Nothing,
    Header {
        start: usize,
        has_query_time: bool,
    },
    Statement {
        start: usize,
        text: Text,
    },
    /// The rest of a statement beyond the limit.
    Tail,
    /// Lines that nothing explains.
    Unknown {
        start: usize,
        end: usize,
        reason: RejectReason,
    },
}

/// The text of a statement so far, judged by its bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Text {
    inside: Inside,
    /// How many headers stand in an open literal or comment.
    suspects: u32,
    /// The same as `inside`, read from the first header on that stands in a literal. If the literal really holds it, the literal's end makes this
    /// reading an open one; if the statement was cut before it, this reading is the right one and ends in code.
    after_suspect: Option<Inside>,
    /// Its last line that is not empty ends as the server ends statements.
    is_finished: bool,
}

impl Text {
    fn line(&mut self, line: &[u8]) {
        // `# administrator command: Quit;` is a statement, not a comment.
        let is_command = self.inside == Inside::Code && is_administrator_command(line);
        if !is_command {
            self.inside = self.inside.after_line(line);
            self.after_suspect = self.after_suspect.map(|inside| inside.after_line(line));
        }
        let line = line.trim_ascii_end();
        if !line.is_empty() {
            self.is_finished = is_command || line.ends_with(b";");
        }
    }

    fn suspect(&mut self) {
        self.suspects = self.suspects.saturating_add(1);
        if self.inside != Inside::Comment {
            self.after_suspect.get_or_insert(Inside::Code);
        }
    }

    /// Whether the headers in it have to be taken for real: the literal never ends, or it holds so many headers that a cut explains them better,
    /// and the other reading is possible.
    fn was_cut(&self) -> bool {
        let never_ends = self.suspects > 0 && self.inside != Inside::Code;
        never_ends || (self.suspects >= SUSPECTS_MANY && self.after_suspect == Some(Inside::Code))
    }
}

#[derive(Debug, Clone, Copy)]
enum Booked {
    Parsed,
    Rejected,
}

impl SlowLog {
    pub(crate) fn new(time: TimestampReader) -> SlowLog {
        SlowLog {
            reader: RecordReader::new(time),
            lines: Lines::default(),
            open: Open::Nothing,
            candidate: None,
            rest_of_line: None,
            ignore_quotes_until: 0,
        }
    }

    fn line(&mut self, buffer: &[u8], (start, end): (usize, usize), base: u64, output: &mut Output<'_, '_>) {
        let line = &buffer[start..end];
        match self.open {
            Open::Nothing | Open::Unknown { .. } => self.outside(buffer, (start, end), base, output),
            Open::Header {
                start: record,
                has_query_time,
            } => {
                if begins_header(line) && has_query_time {
                    self.reader
                        .record(&buffer[record..start], base + record as u64, false, output);
                    self.open = Open::Header {
                        start,
                        has_query_time: has_query_time_key(line),
                    };
                } else if is_header_line(line) {
                    self.open = Open::Header {
                        start: record,
                        has_query_time: has_query_time || has_query_time_key(line),
                    };
                } else if is_banner(without_newline(line)) {
                    self.close(buffer, start, base, output);
                    self.banner(line, output);
                } else if !line.trim_ascii().is_empty() {
                    self.open = Open::Statement {
                        start: record,
                        text: Text::default(),
                    };
                    self.statement_line(line);
                }
            }
            Open::Statement { .. } | Open::Tail => self.in_statement(buffer, (start, end), base, output),
        }
    }

    fn outside(
        &mut self,
        buffer: &[u8],
        (start, end): (usize, usize),
        base: u64,
        output: &mut Output<'_, '_>,
    ) {
        let line = &buffer[start..end];
        if begins_header(line)
            || has_query_time_key(line)
            || line.starts_with(b"# Thread_id:")
            || line.starts_with(b"# Schema:")
        {
            self.close(buffer, start, base, output);
            self.open = Open::Header {
                start,
                has_query_time: has_query_time_key(line),
            };
        } else if is_banner(without_newline(line)) {
            self.close(buffer, start, base, output);
            self.banner(line, output);
        } else if line.trim_ascii().is_empty() && matches!(self.open, Open::Nothing) {
            output.skip(SkipKind::Blank, line.len() as u64);
        } else {
            match &mut self.open {
                Open::Unknown { end: run_end, .. } => *run_end = end,
                open => {
                    let reason = if base + start as u64 == 0 {
                        RejectReason::OrphanContinuation
                    } else {
                        RejectReason::UnrecognizedLine
                    };
                    *open = Open::Unknown { start, end, reason };
                }
            }
            if let Open::Unknown { start, end, .. } = self.open
                && end - start >= REJECT_BYTES_KEPT
            {
                self.close(buffer, end, base, output);
            }
        }
    }

    fn in_statement(
        &mut self,
        buffer: &[u8],
        (start, end): (usize, usize),
        base: u64,
        output: &mut Output<'_, '_>,
    ) {
        let line = &buffer[start..end];
        if let Some(candidate) = self.candidate {
            if has_query_time_key(line) {
                return self.confirm(buffer, candidate, end, base, output);
            }
            if is_header_line(line) && end - candidate <= CANDIDATE_BYTES_MAX {
                return;
            }
            self.deny(buffer, start, output);
        }
        if begins_header(line) {
            if has_query_time_key(line) {
                return self.confirm(buffer, start, end, base, output);
            }
            self.candidate = Some(start);
            return;
        }
        if is_banner(without_newline(line)) && memchr::memmem::find(line, b", Version: ").is_some() {
            match &mut self.open {
                Open::Statement { text, .. }
                    if text.inside != Inside::Code && base + (start as u64) >= self.ignore_quotes_until =>
                {
                    text.suspect();
                }
                _ => {
                    self.close(buffer, start, base, output);
                    return self.banner(line, output);
                }
            }
        }
        self.statement_line(line);
        if matches!(self.open, Open::Tail) {
            output.part(line.len() as u64);
        }
    }

    /// A complete header block stands in the text of a statement: it begins a record, unless a literal or a comment is open there.
    fn confirm(
        &mut self,
        buffer: &[u8],
        candidate: usize,
        end: usize,
        base: u64,
        output: &mut Output<'_, '_>,
    ) {
        self.candidate = Some(candidate);
        let is_judged = base + (candidate as u64) >= self.ignore_quotes_until;
        if let Open::Statement { start, text } = &mut self.open
            && is_judged
        {
            if text.inside != Inside::Code {
                text.suspect();
                return self.deny(buffer, end, output);
            }
            if !text.is_finished {
                return self.deny(buffer, end, output);
            }
            if text.was_cut() {
                let start = *start;
                return self.read_again(start, base + candidate as u64);
            }
        }
        self.candidate = None;
        self.close(buffer, candidate, base, output);
        self.open = Open::Header {
            start: candidate,
            has_query_time: true,
        };
    }

    /// The candidate was text: lines up to `end` belong to the statement.
    fn deny(&mut self, buffer: &[u8], end: usize, output: &mut Output<'_, '_>) {
        let Some(candidate) = self.candidate.take() else {
            return;
        };
        let text = &buffer[candidate..end];
        for line in text.split_inclusive(|b| *b == b'\n') {
            self.statement_line(line);
        }
        if matches!(self.open, Open::Tail) {
            output.part(text.len() as u64);
        }
    }

    fn statement_line(&mut self, line: &[u8]) {
        if let Open::Statement { text, .. } = &mut self.open {
            text.line(line);
        }
    }

    fn banner(&mut self, line: &[u8], output: &mut Output<'_, '_>) {
        self.reader.restart(line);
        output.skip(SkipKind::Banner, line.len() as u64);
    }

    /// Emits what is open; it ends at `end`.
    fn close(&mut self, buffer: &[u8], end: usize, base: u64, output: &mut Output<'_, '_>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing | Open::Tail => {}
            Open::Header { start, .. } | Open::Statement { start, .. } => {
                self.reader
                    .record(&buffer[start..end], base + start as u64, false, output);
            }
            Open::Unknown { start, end, reason } => {
                let span = Span {
                    start: base + start as u64,
                    end: base + end as u64,
                };
                output.reject(span, reason, &buffer[start..end]);
            }
        }
    }

    /// At the end of the log or at the limit: headers stand in a literal that never ends, or that ends only by chance. The statement was cut by a
    /// crash, and they are real.
    /// Goes back to its beginning; `true` when there is something to read again.
    fn go_back(&mut self, base: u64, end: usize) -> bool {
        match self.open {
            Open::Statement { start, text } if text.was_cut() => {
                self.read_again(start, base + end as u64);
                true
            }
            _ => false,
        }
    }

    /// Reads from `start` on again, and cuts records by their headers alone up to stream offset `until`.
    fn read_again(&mut self, start: usize, until: u64) {
        self.ignore_quotes_until = until;
        self.open = Open::Nothing;
        self.candidate = None;
        self.lines.seek(start);
    }

    fn open_start(&self) -> usize {
        match self.open {
            Open::Header { start, .. } | Open::Statement { start, .. } | Open::Unknown { start, .. } => start,
            Open::Nothing | Open::Tail => self.candidate.unwrap_or(self.lines.start()),
        }
    }

    /// What is open has reached the limit: its head is emitted, and the rest is booked as it comes.
    fn overflow(&mut self, buffer: &[u8], base: u64, output: &mut Output<'_, '_>) {
        let start = self.open_start();
        let limit = start + RECORD_BYTES_MAX;
        if self.go_back(base, limit) {
            return;
        }
        let head = &buffer[start..limit];
        let span = Span {
            start: base + start as u64,
            end: base + limit as u64,
        };
        match self.open {
            Open::Header { .. } | Open::Statement { .. } => {
                self.reader.record(head, span.start, true, output);
                self.open = Open::Tail;
                self.rest_of_line = Some(Booked::Parsed);
            }
            Open::Nothing | Open::Unknown { .. } => {
                output.reject(span, RejectReason::TooLong, head);
                self.open = Open::Nothing;
                self.rest_of_line = Some(Booked::Rejected);
            }
            Open::Tail => {
                output.part(span.bytes());
                self.rest_of_line = Some(Booked::Parsed);
            }
        }
        self.candidate = None;
        self.lines.seek(limit);
    }

    /// Books the rest of a line that is over the limit; `false` when there may be more of it.
    fn finish_line(&mut self, buffer: &[u8], output: &mut Output<'_, '_>) -> bool {
        let Some(booked) = self.rest_of_line else {
            return true;
        };
        let start = self.lines.start();
        let newline = memchr::memchr(b'\n', &buffer[start..]);
        let end = newline.map_or(buffer.len(), |at| start + at + 1);
        match booked {
            Booked::Parsed => output.part((end - start) as u64),
            Booked::Rejected => output.reject_more(RejectReason::TooLong, (end - start) as u64),
        }
        self.lines.seek(end);
        if newline.is_some() {
            self.rest_of_line = None;
        }
        newline.is_some()
    }

    /// The caller takes `bytes` off the front of the buffer.
    fn taken(&mut self, bytes: usize) {
        self.lines.taken(bytes);
        match &mut self.open {
            Open::Header { start, .. } | Open::Statement { start, .. } => *start -= bytes,
            Open::Unknown { start, end, .. } => (*start, *end) = (*start - bytes, *end - bytes),
            Open::Nothing | Open::Tail => {}
        }
        if let Some(candidate) = &mut self.candidate {
            *candidate -= bytes;
        }
    }
}

impl Records for SlowLog {
    fn take(&mut self, buffer: &[u8], base: u64, at_end: bool, output: &mut Output<'_, '_>) -> usize {
        while self.finish_line(buffer, output) {
            match self.lines.next(buffer, at_end) {
                Some(line) if line.1 - self.open_start() <= RECORD_BYTES_MAX => {
                    self.line(buffer, line, base, output)
                }
                Some(line) => {
                    self.lines.seek(line.0);
                    self.overflow(buffer, base, output);
                }
                None if buffer.len() - self.open_start() > RECORD_BYTES_MAX => {
                    self.overflow(buffer, base, output)
                }
                None if at_end => {
                    self.deny(buffer, buffer.len(), output);
                    if !self.go_back(base, buffer.len()) {
                        self.close(buffer, buffer.len(), base, output);
                        break;
                    }
                }
                None => break,
            }
        }
        let taken = if at_end { buffer.len() } else { self.open_start() };
        self.taken(taken);
        taken
    }

    fn context(&self) -> Vec<Span> {
        self.reader.context()
    }
}

/// Reads whole records, one after the other.
#[derive(Debug)]
struct RecordReader {
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
    fn new(time: TimestampReader) -> RecordReader {
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
    fn restart(&mut self, banner: &[u8]) {
        if memchr::memmem::find(banner, b", Version: ").is_some() {
            self.is_mariadb = memchr::memmem::find(banner, b"MariaDB").is_some();
        }
        self.database.clear();
        self.database_from = None;
    }

    fn context(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = [self.database_from, self.time_from]
            .into_iter()
            .flatten()
            .collect();
        spans.sort_unstable();
        spans.dedup();
        spans
    }

    fn record(&mut self, record: &[u8], start: u64, truncated: bool, output: &mut Output<'_, '_>) {
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
        let mut execution = Execution::new(span, Dialect::Mysql, query_time_us);
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
        output.execution(&execution);
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

fn begins_header(line: &[u8]) -> bool {
    line.starts_with(b"# Time:") || line.starts_with(b"# User@Host:")
}

fn is_header_line(line: &[u8]) -> bool {
    line.starts_with(b"#") && !is_administrator_command(line)
}

fn is_administrator_command(line: &[u8]) -> bool {
    line.starts_with(b"# administrator command: ")
}

fn has_query_time_key(line: &[u8]) -> bool {
    line.starts_with(b"# Query_time:")
        || (line.starts_with(b"#") && memchr::memmem::find(line, b" Query_time: ").is_some())
}

#[cfg(test)]
mod tests;
