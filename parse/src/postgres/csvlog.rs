//! PostgreSQL's csvlog: one CSV record an event, 23 columns up to version 12, 24 in 13, 26 since 14, more in relatives. Cuts records by
//! quotes; what an event means is decided in [`event`](crate::postgres::event).

use csv_core::ReadRecordResult;

use crate::decoder::{Output, RECORD_BYTES_MAX, Records};
use crate::entry::{RejectReason, SkipKind};
use crate::postgres::event::{Event, Sessions};
use crate::postgres::message::severity;
use crate::span::Span;
use crate::timestamp::{TimestampReader, number};

/// Columns of PostgreSQL 12; later versions add at the end.
const COLUMNS_MIN: usize = 23;
const COLUMNS_MAX: usize = 40;
/// The column of the message, from 0.
const MESSAGE: usize = 13;

/// A log in PostgreSQL's csvlog format.
#[derive(Debug)]
pub(crate) struct CsvLog {
    time: TimestampReader,
    sessions: Sessions,
    /// How far the open record was searched for its end, and whether a quoted field is open there.
    searched: usize,
    in_quotes: bool,
    lost: Lost,
    reader: csv_core::Reader,
    fields: Vec<u8>,
}

impl CsvLog {
    pub(crate) fn new(time: TimestampReader) -> CsvLog {
        CsvLog {
            time,
            sessions: Sessions::default(),
            searched: 0,
            in_quotes: false,
            lost: Lost::No,
            reader: csv_core::Reader::new(),
            fields: Vec::new(),
        }
    }

    /// The end of the record that begins the buffer.
    fn record_end(&mut self, buffer: &[u8], at_end: bool) -> RecordEnd {
        while let Some(at) = memchr::memchr2(b'"', b'\n', &buffer[self.searched..]) {
            let at = self.searched + at;
            self.searched = at + 1;
            if buffer[at] == b'\n' {
                if !self.in_quotes {
                    return RecordEnd::At(at + 1);
                }
                continue;
            }
            if self.in_quotes {
                match buffer.get(at + 1) {
                    Some(b',' | b'"' | b'\n' | b'\r') => {}
                    _ if at_end => {}
                    None => {
                        self.searched = at;
                        return RecordEnd::Later;
                    }
                    // The server closes a quote only at the end of a field: this one opens one, of another record.
                    Some(_) => {
                        if let Some(line) = record_around(buffer, at) {
                            self.in_quotes = false;
                            return RecordEnd::Lost(line);
                        }
                    }
                }
            }
            self.in_quotes = !self.in_quotes;
        }
        self.searched = buffer.len();
        RecordEnd::Later
    }

    /// Books a whole record.
    fn record(&mut self, record: &[u8], start: u64, output: &mut Output<'_, '_>) {
        let span = Span::at(start, record.len());
        if record.trim_ascii().is_empty() {
            output.skip(SkipKind::Blank, span);
        } else if !self.event(record, (span, 0), output) {
            output.reject(span, RejectReason::MalformedCsv, record);
        }
    }

    /// Books a record, or the head of one; `false` when the text is none of this format.
    fn event(&mut self, record: &[u8], (span, bytes_cut): (Span, u64), output: &mut Output<'_, '_>) -> bool {
        let mut ends = [0; COLUMNS_MAX];
        let columns = self.split(record, &mut ends);
        let columns_min = if bytes_cut > 0 { MESSAGE + 1 } else { COLUMNS_MIN };
        if !(columns_min..=COLUMNS_MAX).contains(&columns) {
            return false;
        }
        let field = |column: usize| {
            if column >= columns {
                return &b""[..];
            }
            let from = if column == 0 { 0 } else { ends[column - 1] };
            &self.fields[from..ends[column]]
        };
        let Some((time_us, _)) = self.time.postgres(field(0)) else {
            return false;
        };
        let connection = field(4);
        let host = connection
            .iter()
            .rposition(|b| *b == b':')
            .map_or(connection, |at| &connection[..at]);
        let event = Event {
            span,
            bytes_cut,
            severity: severity(field(11)),
            time_us: Some(time_us),
            pid: number(field(3)),
            user: field(1),
            database: field(2),
            application: field(22),
            client: host,
            backend: field(23),
            query_id: std::str::from_utf8(field(25))
                .ok()
                .and_then(|text| text.parse().ok()),
            transaction_id: number(field(10)),
            sql_state: field(12),
            message: field(MESSAGE),
            // In the statement of the client, or in one that the server runs for it.
            character: number(field(20)).or(number(field(17))),
            detail: field(14),
            hint: field(15),
            context: field(18),
            statement: field(19),
        };
        self.sessions.event(&event, record, output);
        true
    }

    /// Unquotes the fields of one record into `fields`; their ends go to `ends`. Returns their number, 0 when there are too many.
    fn split(&mut self, record: &[u8], ends: &mut [usize; COLUMNS_MAX]) -> usize {
        if self.fields.len() < record.len() {
            self.fields.resize(record.len(), 0);
        }
        self.reader.reset();
        let (mut result, _, written, mut columns) = self.reader.read_record(record, &mut self.fields, ends);
        if let ReadRecordResult::InputEmpty = result {
            // The last record of a file may lack its line end: nothing more is the end of its last field.
            let (at_end, _, _, more) =
                self.reader
                    .read_record(&[], &mut self.fields[written..], &mut ends[columns..]);
            (result, columns) = (at_end, columns + more);
        }
        match result {
            ReadRecordResult::Record => columns,
            _ => 0,
        }
    }

    /// No end within the limit, or within the file: rejects up to the next line that begins like a record. Returns the bytes rejected.
    fn give_up(&mut self, buffer: &[u8], base: u64, at_end: bool, output: &mut Output<'_, '_>) -> usize {
        let (resume, lost) = resume(buffer, at_end);
        let span = Span::at(base, resume);
        if self.lost == Lost::No {
            output.reject(span, RejectReason::MalformedCsv, &buffer[..resume]);
        } else {
            output.reject_rest(RejectReason::MalformedCsv, span);
        }
        (self.lost, self.searched, self.in_quotes) = (lost, 0, false);
        resume
    }

    /// The record is longer than the limit: its head is read, and the rest is booked as it comes. Returns the bytes taken.
    fn overflow(&mut self, rest: &[u8], base: u64, is_whole: bool, output: &mut Output<'_, '_>) -> usize {
        let span = Span::at(base, RECORD_BYTES_MAX);
        let bytes_cut = (self.searched - RECORD_BYTES_MAX) as u64;
        if !self.event(&rest[..RECORD_BYTES_MAX], (span, bytes_cut), output) {
            return self.give_up(&rest[..RECORD_BYTES_MAX], base, false, output);
        }
        self.lost = if is_whole { Lost::No } else { Lost::Tail };
        std::mem::take(&mut self.searched)
    }

    /// Goes on with a record that was read up to the limit. Returns the bytes of it.
    fn tail(&mut self, rest: &[u8], base: u64, output: &mut Output<'_, '_>) -> usize {
        let mut taken = rest.len();
        for at in memchr::memchr2_iter(b'"', b'\n', rest) {
            if rest[at] == b'"' {
                self.in_quotes = !self.in_quotes;
            } else if !self.in_quotes {
                (self.lost, taken) = (Lost::No, at + 1);
                break;
            }
        }
        output.rest(Span::at(base, taken));
        taken
    }

    /// Goes on with what was cut. Returns the bytes it took; 0 when more are needed to decide.
    fn while_lost(&mut self, rest: &[u8], base: u64, at_end: bool, output: &mut Output<'_, '_>) -> usize {
        if self.lost == Lost::Tail {
            return self.tail(rest, base, output);
        }
        if self.lost == Lost::InLine {
            let end = memchr::memchr(b'\n', rest).map(|at| at + 1);
            if end.is_some() {
                self.lost = Lost::AtLine;
            }
            let taken = end.unwrap_or(rest.len());
            let span = Span::at(base, taken);
            output.reject_rest(RejectReason::MalformedCsv, span);
            return taken;
        }
        if begins_record(rest) {
            self.lost = Lost::No;
            return 0;
        }
        if rest.len() < RECORD_HEAD && !at_end {
            0
        } else {
            self.give_up(rest, base, at_end, output)
        }
    }
}

impl Records for CsvLog {
    fn take(&mut self, buffer: &[u8], base: u64, at_end: bool, output: &mut Output<'_, '_>) -> usize {
        let taken = self.records(buffer, base, at_end, output);
        if at_end {
            // What follows, if anything does, begins anew.
            (self.lost, self.searched, self.in_quotes) = (Lost::No, 0, false);
        }
        taken
    }

    fn context(&self) -> Vec<Span> {
        self.sessions.context()
    }
}

impl CsvLog {
    fn records(&mut self, buffer: &[u8], base: u64, at_end: bool, output: &mut Output<'_, '_>) -> usize {
        let mut start = 0;
        loop {
            let rest = &buffer[start..];
            if self.lost != Lost::No {
                let taken = self.while_lost(rest, base + start as u64, at_end, output);
                start += taken;
                if taken == 0 && self.lost != Lost::No || start == buffer.len() {
                    return start;
                }
                continue;
            }
            let at = base + start as u64;
            match self.record_end(rest, at_end) {
                RecordEnd::At(end) if end <= RECORD_BYTES_MAX => {
                    self.record(&rest[..end], at, output);
                    (start, self.searched) = (start + end, 0);
                }
                RecordEnd::Lost(line) if line <= RECORD_BYTES_MAX => {
                    let span = Span::at(at, line);
                    output.reject(span, RejectReason::MalformedCsv, &rest[..line]);
                    (start, self.searched, self.in_quotes) = (start + line, 0, false);
                }
                end if self.searched > RECORD_BYTES_MAX => {
                    start += self.overflow(rest, at, matches!(end, RecordEnd::At(_)), output);
                }
                _ if at_end && rest.is_empty() => return start,
                _ if at_end && !self.in_quotes => {
                    self.record(rest, at, output);
                    return buffer.len();
                }
                _ if at_end => start += self.give_up(rest, at, true, output),
                _ => return start,
            }
        }
    }
}

/// What the search for the end of a record found.
#[derive(Debug, Clone, Copy)]
enum RecordEnd {
    /// It ends here.
    At(usize),
    /// A quote in it never closes: here begins the next record.
    Lost(usize),
    /// The end is not in the buffer.
    Later,
}

/// Whether a quote never closed, so that everything up to the next line that begins like a record is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    No,
    /// The next byte begins a line.
    AtLine,
    /// The next byte is inside a line that begins no record.
    InLine,
    /// The next byte is in a record of which the head was read.
    Tail,
}

/// Where in `buffer`, after its first line, a record begins; without one, how much of it certainly begins none.
fn resume(buffer: &[u8], at_end: bool) -> (usize, Lost) {
    let mut line = None;
    for newline in memchr::memchr_iter(b'\n', buffer) {
        if begins_record(&buffer[newline + 1..]) {
            return (newline + 1, Lost::No);
        }
        line = Some(newline + 1);
    }
    match line {
        Some(line) if buffer.len() - line < RECORD_HEAD && !at_end => (line, Lost::AtLine),
        _ if buffer.ends_with(b"\n") => (buffer.len(), Lost::AtLine),
        _ => (buffer.len(), Lost::InLine),
    }
}

/// Where the line of `at` begins, if it is not the first and, before `at`, begins like a record.
fn record_around(buffer: &[u8], at: usize) -> Option<usize> {
    let near = at.saturating_sub(FIRST_QUOTE_MAX);
    let line = near + memchr::memrchr(b'\n', &buffer[near..at])? + 1;
    begins_record(&buffer[line..at]).then_some(line)
}

/// A record has a quote within this many bytes: around the user, the host or the message.
const FIRST_QUOTE_MAX: usize = 1024;
/// Bytes that [`begins_record`] looks at.
const RECORD_HEAD: usize = 20;

/// Whether a line begins with a time, quoted or not.
fn begins_record(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\"").unwrap_or(line);
    line.len() >= RECORD_HEAD - 1
        && line[..10].iter().enumerate().all(|(at, b)| {
            if at == 4 || at == 7 {
                *b == b'-'
            } else {
                b.is_ascii_digit()
            }
        })
        && line[10] == b' '
        && line[13] == b':'
}
