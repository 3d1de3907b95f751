//! The log of PgBouncer: one line an event, `time [pid] LEVEL text`, or `time pid LEVEL text` up to version 1.8. Cuts events; what one says
//! is read in `event`.

mod event;

use crate::decoder::{Output, RECORD_BYTES_MAX, Records};
use crate::entry::{LogEntry, LogKind, RejectReason, Severity, SkipKind};
use crate::lines::{Lines, without_newline};
use crate::pgbouncer::event::EventReader;
use crate::span::Span;
use crate::statement::Dialect;
use crate::timestamp::{TimestampReader, number};

/// A log of PgBouncer.
#[derive(Debug)]
pub(crate) struct PgBouncerLog {
    time: TimestampReader,
    lines: Lines,
    events: EventReader,
    /// An event that more lines may belong to.
    open: Option<Open>,
    /// What lines that continue one over the limit are booked as.
    tail: Option<Booked>,
    /// The line itself that is over the limit is not at its end yet.
    in_line: bool,
}

#[derive(Debug, Clone, Copy)]
enum Booked {
    Parsed,
    Rejected,
}

/// An event and its continuation lines, as offsets in the buffer.
#[derive(Debug)]
struct Open {
    start: usize,
    end: usize,
    head: Head,
}

/// The beginning of one line, read.
#[derive(Debug, Clone, Copy)]
struct Head {
    time_us: i64,
    pid: i64,
    severity: Severity,
    /// Where in the line its text begins.
    text: usize,
}

impl PgBouncerLog {
    pub(crate) fn new(time: TimestampReader) -> PgBouncerLog {
        PgBouncerLog {
            time,
            lines: Lines::default(),
            events: EventReader::default(),
            open: None,
            tail: None,
            in_line: false,
        }
    }

    fn line(&mut self, buffer: &[u8], (start, end): (usize, usize), base: u64, output: &mut Output<'_, '_>) {
        let line = &buffer[start..end];
        let place = span(base, start, end);
        if self.in_line {
            self.in_line = !line.ends_with(b"\n");
            return book(self.tail, place, output);
        }
        let is_blank = line.trim_ascii().is_empty();
        if !is_blank && matches!(line[0], b' ' | b'\t') {
            match (&mut self.open, self.tail) {
                (Some(open), _) => open.end = end,
                (None, Some(_)) => book(self.tail, place, output),
                (None, None) => output.reject(place, RejectReason::OrphanContinuation, line),
            }
            return;
        }
        self.close(buffer, base, output);
        self.tail = None;
        if is_blank {
            output.skip(SkipKind::Blank, place);
        } else if let Some(head) = self.head(line) {
            self.open = Some(Open { start, end, head });
        } else {
            let cut = line.len().min(RECORD_BYTES_MAX);
            let reason = RejectReason::UnrecognizedLine;
            output.reject(span(base, start, start + cut), reason, line);
            output.reject_rest(reason, span(base, start + cut, end));
            self.tail = (line.len() > RECORD_BYTES_MAX).then_some(Booked::Rejected);
        }
    }

    /// Emits what is open.
    fn close(&mut self, buffer: &[u8], base: u64, output: &mut Output<'_, '_>) {
        let Some(Open { start, end, head }) = self.open.take() else {
            return;
        };
        let cut = end.min(start + RECORD_BYTES_MAX);
        let place = span(base, start, cut);
        let envelope = output.envelope(place.start);
        let mut entry = LogEntry::new(place, Dialect::Postgres, LogKind::Message);
        entry.time_us = Some(head.time_us);
        entry.session_id = Some(head.pid);
        entry.severity = head.severity;
        entry.host = envelope.host;
        entry.message = without_newline(&buffer[start + head.text..cut]);
        self.events.describe(&mut entry, |entry| output.log(entry));
        output.rest(span(base, cut, end));
    }

    fn head(&mut self, line: &[u8]) -> Option<Head> {
        let (time_us, read) = match self.time.postgres(line) {
            Some(read) => read,
            None => self.time.local_time(line)?,
        };
        let rest = line[read..].strip_prefix(b" ")?;
        let (pid, rest) = word(rest)?;
        let (level, text) = word(rest)?;
        let bare = pid.strip_prefix(b"[").and_then(|pid| pid.strip_suffix(b"]"));
        let pid = number(bare.unwrap_or(pid))?;
        let severity = match level {
            b"LOG" => Severity::Log,
            b"DEBUG" | b"NOISE" => Severity::Notice,
            b"WARNING" => Severity::Warning,
            b"ERROR" => Severity::Error,
            b"FATAL" => Severity::Fatal,
            _ => return None,
        };
        Some(Head {
            time_us,
            pid,
            severity,
            text: line.len() - text.len(),
        })
    }

    fn open_start(&self) -> usize {
        self.open.as_ref().map_or(self.lines.start(), |open| open.start)
    }

    /// What is open, or the line that has begun, has reached the limit: emit what is there, and book the rest as it comes.
    fn overflow(&mut self, buffer: &[u8], base: u64, output: &mut Output<'_, '_>) {
        let start = self.lines.start();
        if buffer.len() - start > RECORD_BYTES_MAX {
            self.line(buffer, (start, buffer.len()), base, output);
            self.lines.seek(buffer.len());
            self.in_line = true;
        }
        if self.open.is_some() {
            self.close(buffer, base, output);
            self.tail = Some(Booked::Parsed);
        }
        self.tail.get_or_insert(Booked::Rejected);
    }
}

impl Records for PgBouncerLog {
    fn take(&mut self, buffer: &[u8], base: u64, at_end: bool, output: &mut Output<'_, '_>) -> usize {
        while let Some(line) = self.lines.next(buffer, at_end) {
            self.line(buffer, line, base, output);
        }
        let start = self.open_start();
        if at_end {
            self.close(buffer, base, output);
        } else if self.in_line {
            book(self.tail, span(base, start, buffer.len()), output);
            self.lines.seek(buffer.len());
        } else if buffer.len() - start > RECORD_BYTES_MAX {
            self.overflow(buffer, base, output);
        }
        let taken = self.open_start();
        self.lines.taken(taken);
        if let Some(open) = &mut self.open {
            (open.start, open.end) = (open.start - taken, open.end - taken);
        }
        taken
    }

    fn context(&self) -> Vec<Span> {
        Vec::new()
    }
}

/// The first word, and what follows the space after it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', &text[..text.len().min(40)])?;
    Some((&text[..space], &text[space + 1..]))
}

fn book(booked: Option<Booked>, place: Span, output: &mut Output<'_, '_>) {
    match booked {
        Some(Booked::Rejected) => output.reject_rest(RejectReason::UnrecognizedLine, place),
        Some(Booked::Parsed) | None => output.rest(place),
    }
}

fn span(base: u64, start: usize, end: usize) -> Span {
    Span {
        start: base + start as u64,
        end: base + end as u64,
    }
}

#[cfg(test)]
mod tests;
