//! The slow query log: cuts records where a complete header block follows a finished statement, never inside a literal. What a record says is
//! read in [`record`](crate::mysql::record).

use crate::decoder::{Booked, Output, RECORD_BYTES_MAX, Records};
use crate::entry::{REJECT_BYTES_KEPT, RejectReason, SkipKind};
use crate::lines::{Lines, without_newline};
use crate::mysql::line::{
    begins_header, has_query_time_key, is_administrator_command, is_banner, is_banner_of_version,
    is_header_line,
};
use crate::mysql::record::{Record, RecordReader};
use crate::mysql::text::Inside;
use crate::span::Span;
use crate::timestamp::TimestampReader;

/// Bytes of lines that may turn out to be the next header; a longer block is text.
const CANDIDATE_BYTES_MAX: usize = 64 * 1024;

/// Headers in one literal that are more likely records after a cut statement than text.
const SUSPECTS_MANY: u32 = 3;

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
        header_bytes: usize,
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
        match self.open {
            Open::Nothing | Open::Unknown { .. } => self.outside(buffer, (start, end), base, output),
            Open::Header { has_query_time, .. } => {
                self.in_header(buffer, (start, end), has_query_time, base, output);
            }
            Open::Statement { .. } | Open::Tail => self.in_statement(buffer, (start, end), base, output),
        }
    }

    fn in_header(
        &mut self,
        buffer: &[u8],
        (start, end): (usize, usize),
        has_query_time: bool,
        base: u64,
        output: &mut Output<'_, '_>,
    ) {
        let line = &buffer[start..end];
        if is_header_line(line) {
            if has_query_time && begins_header(line) {
                self.close(buffer, start, base, output);
                self.begin(start);
            }
            self.header_line(line, start);
        } else if is_banner(line) {
            self.close(buffer, start, base, output);
            self.banner(line, base + start as u64, output);
        } else if !line.trim_ascii().is_empty() {
            let record = self.open_start();
            self.open = Open::Statement {
                start: record,
                header_bytes: start - record,
                text: Text::default(),
            };
            self.statement_line(line);
        }
    }

    /// A record begins at `start` of the buffer.
    fn begin(&mut self, start: usize) {
        self.reader.begin();
        self.open = Open::Header {
            start,
            has_query_time: false,
        };
    }

    /// A line of the open header block, which begins at `at` of the buffer.
    fn header_line(&mut self, line: &[u8], at: usize) {
        if let Open::Header {
            start,
            has_query_time,
        } = &mut self.open
        {
            *has_query_time = *has_query_time || has_query_time_key(line);
            self.reader.header_line(without_newline(line), at - *start);
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
            self.begin(start);
            self.header_line(line, start);
        } else if is_banner(line) {
            self.close(buffer, start, base, output);
            self.banner(line, base + start as u64, output);
        } else if line.trim_ascii().is_empty() && matches!(self.open, Open::Nothing) {
            output.skip(SkipKind::Blank, Span::at(base + start as u64, line.len()));
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
            self.deny(buffer, start, base, output);
        }
        if begins_header(line) {
            if has_query_time_key(line) {
                return self.confirm(buffer, start, end, base, output);
            }
            self.candidate = Some(start);
            return;
        }
        if is_banner_of_version(line) {
            match &mut self.open {
                Open::Statement { text, .. }
                    if text.inside != Inside::Code && base + (start as u64) >= self.ignore_quotes_until =>
                {
                    text.suspect();
                }
                _ => {
                    self.close(buffer, start, base, output);
                    return self.banner(line, base + start as u64, output);
                }
            }
        }
        self.statement_line(line);
        if matches!(self.open, Open::Tail) {
            output.rest(Span::at(base + start as u64, line.len()));
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
        if let Open::Statement { start, text, .. } = &mut self.open
            && is_judged
        {
            if text.inside != Inside::Code {
                text.suspect();
                return self.deny(buffer, end, base, output);
            }
            if !text.is_finished {
                return self.deny(buffer, end, base, output);
            }
            if text.was_cut() {
                let start = *start;
                return self.read_again(start, base + candidate as u64);
            }
        }
        self.candidate = None;
        self.close(buffer, candidate, base, output);
        self.begin(candidate);
        let mut at = candidate;
        while at < end {
            let line_end = memchr::memchr(b'\n', &buffer[at..end]).map_or(end, |newline| at + newline + 1);
            self.header_line(&buffer[at..line_end], at);
            at = line_end;
        }
    }

    /// The candidate was text: lines up to `end` belong to the statement.
    fn deny(&mut self, buffer: &[u8], end: usize, base: u64, output: &mut Output<'_, '_>) {
        let Some(candidate) = self.candidate.take() else {
            return;
        };
        let text = &buffer[candidate..end];
        for line in text.split_inclusive(|b| *b == b'\n') {
            self.statement_line(line);
        }
        if matches!(self.open, Open::Tail) {
            output.rest(Span::at(base + candidate as u64, text.len()));
        }
    }

    fn statement_line(&mut self, line: &[u8]) {
        if let Open::Statement { text, .. } = &mut self.open {
            text.line(line);
        }
    }

    fn banner(&mut self, line: &[u8], at: u64, output: &mut Output<'_, '_>) {
        let span = Span::at(at, line.len());
        self.reader.restart(line, span);
        output.skip(SkipKind::Banner, span);
    }

    /// Emits what is open; it ends at `end`.
    fn close(&mut self, buffer: &[u8], end: usize, base: u64, output: &mut Output<'_, '_>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing | Open::Tail => {}
            Open::Header { start, .. } => self.record(buffer, (start, end), end - start, base, output),
            Open::Statement {
                start, header_bytes, ..
            } => {
                self.record(buffer, (start, end), header_bytes, base, output);
            }
            Open::Unknown { start, end, reason } => {
                let unknown = &buffer[start..end];
                output.reject(Span::at(base + start as u64, unknown.len()), reason, unknown);
            }
        }
    }

    fn record(
        &mut self,
        buffer: &[u8],
        (start, end): (usize, usize),
        header_bytes: usize,
        base: u64,
        output: &mut Output<'_, '_>,
    ) {
        let record = Record {
            bytes: &buffer[start..end],
            start: base + start as u64,
            header_bytes,
            is_truncated: false,
        };
        self.reader.record(&record, output);
    }

    /// At the end of the log or at the limit: headers stand in a literal that never ends, or that ends only by chance. The statement was cut by a
    /// crash, and they are real.
    /// Goes back to its beginning; `true` when there is something to read again.
    fn go_back(&mut self, base: u64, end: usize) -> bool {
        match self.open {
            Open::Statement { start, text, .. } if text.was_cut() => {
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
        let span = Span::at(base + start as u64, head.len());
        match self.open {
            Open::Header { .. } | Open::Statement { .. } => {
                let header_bytes = match self.open {
                    Open::Statement { header_bytes, .. } => header_bytes,
                    _ => head.len(),
                };
                let record = Record {
                    bytes: head,
                    start: span.start,
                    header_bytes,
                    is_truncated: true,
                };
                self.reader.record(&record, output);
                self.open = Open::Tail;
                self.rest_of_line = Some(Booked::Parsed);
            }
            Open::Nothing | Open::Unknown { .. } => {
                output.reject(span, RejectReason::TooLong, head);
                self.open = Open::Nothing;
                self.rest_of_line = Some(Booked::Rejected(RejectReason::TooLong));
            }
            Open::Tail => {
                output.rest(span);
                self.rest_of_line = Some(Booked::Parsed);
            }
        }
        self.candidate = None;
        self.lines.seek(limit);
    }

    /// Books the rest of a line that is over the limit; `false` when there may be more of it.
    fn finish_line(&mut self, buffer: &[u8], base: u64, output: &mut Output<'_, '_>) -> bool {
        let Some(booked) = self.rest_of_line else {
            return true;
        };
        let start = self.lines.start();
        let newline = memchr::memchr(b'\n', &buffer[start..]);
        let end = newline.map_or(buffer.len(), |at| start + at + 1);
        let rest = Span::at(base + start as u64, end - start);
        output.rest_of(booked, rest);
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
        while self.finish_line(buffer, base, output) {
            match self.lines.next(buffer, at_end) {
                Some(line) if line.1 - self.open_start().min(line.0) <= RECORD_BYTES_MAX => {
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
                    self.deny(buffer, buffer.len(), base, output);
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

#[cfg(test)]
mod tests;
