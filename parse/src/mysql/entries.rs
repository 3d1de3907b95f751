//! Cuts a log whose records begin with a line that tells so, and go on up to the next one. Keeps the limits and books every byte; what a line
//! is and what a record says, a [`Layout`] knows.

use crate::decoder::{Output, RECORD_BYTES_MAX, Records};
use crate::entry::{REJECT_BYTES_KEPT, RejectReason, SkipKind};
use crate::lines::Lines;
use crate::span::Span;

/// One log format of this kind.
pub(crate) trait Layout {
    /// What `line`, with its line end, is to the record that is open, if one is. Called once for each line, in order.
    fn role(&mut self, line: &[u8], span: Span, is_open: bool) -> Role;

    /// Hands out what a record says; an error says why nothing could be read, and then the record is rejected.
    fn record(&mut self, record: &Record<'_>, output: &mut Output<'_, '_>) -> Result<(), RejectReason>;

    /// Spans of lines that later records need to be understood.
    fn context(&self) -> Vec<Span>;
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A record begins.
    Begins,
    /// It belongs to the open record; without one it belongs to nothing.
    Continues,
    /// It names columns or tells of the server's start.
    Banner,
}

/// One whole record, or as much of it as is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'r> {
    pub(crate) bytes: &'r [u8],
    pub(crate) span: Span,
    pub(crate) is_truncated: bool,
}

/// A log that is cut line by line.
#[derive(Debug)]
pub(crate) struct Entries<L> {
    layout: L,
    lines: Lines,
    open: Open,
    /// The rest of a line that is over the limit: where its bytes are booked.
    rest_of_line: Option<Booked>,
}

/// What the lines read last belong to. Offsets are in the buffer.
#[derive(Debug, Clone, Copy)]
enum Open {
    Nothing,
    Record {
        start: usize,
    },
    /// The rest of a record beyond the limit.
    Tail(Booked),
    /// Lines that nothing explains.
    Unknown {
        start: usize,
        end: usize,
        reason: RejectReason,
    },
}

#[derive(Debug, Clone, Copy)]
enum Booked {
    Parsed,
    Rejected(RejectReason),
}

impl<L: Layout> Entries<L> {
    pub(crate) fn new(layout: L) -> Entries<L> {
        Entries {
            layout,
            lines: Lines::default(),
            open: Open::Nothing,
            rest_of_line: None,
        }
    }

    fn line(&mut self, buffer: &[u8], (start, end): (usize, usize), base: u64, output: &mut Output<'_, '_>) {
        let line = &buffer[start..end];
        let place = span(base, start, end);
        let is_open = matches!(self.open, Open::Record { .. });
        match (self.layout.role(line, place, is_open), self.open) {
            (Role::Begins, _) => {
                self.close(buffer, start, base, output);
                self.open = Open::Record { start };
            }
            (Role::Banner, _) => {
                self.close(buffer, start, base, output);
                output.skip(SkipKind::Banner, place);
            }
            (Role::Continues, Open::Record { .. }) => {}
            (Role::Continues, Open::Tail(booked)) => book_rest(booked, place, output),
            (Role::Continues, Open::Nothing) if line.trim_ascii().is_empty() => {
                output.skip(SkipKind::Blank, place);
            }
            (Role::Continues, _) => self.unknown(buffer, (start, end), base, output),
        }
    }

    fn unknown(
        &mut self,
        buffer: &[u8],
        (start, end): (usize, usize),
        base: u64,
        output: &mut Output<'_, '_>,
    ) {
        let (start, reason) = match self.open {
            Open::Unknown { start, reason, .. } => (start, reason),
            _ if base + start as u64 == 0 => (start, RejectReason::OrphanContinuation),
            _ => (start, RejectReason::UnrecognizedLine),
        };
        self.open = Open::Unknown { start, end, reason };
        if end - start >= REJECT_BYTES_KEPT {
            self.close(buffer, end, base, output);
        }
    }

    /// Books what is open; it ends at `end`.
    fn close(&mut self, buffer: &[u8], end: usize, base: u64, output: &mut Output<'_, '_>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing | Open::Tail(_) => {}
            Open::Record { start } => {
                self.record(&buffer[start..end], span(base, start, end), false, output);
            }
            Open::Unknown { start, end, reason } => {
                output.reject(span(base, start, end), reason, &buffer[start..end]);
            }
        }
    }

    fn record(
        &mut self,
        bytes: &[u8],
        span: Span,
        is_truncated: bool,
        output: &mut Output<'_, '_>,
    ) -> Booked {
        let record = Record {
            bytes,
            span,
            is_truncated,
        };
        match self.layout.record(&record, output) {
            Ok(()) => Booked::Parsed,
            Err(reason) => {
                output.reject(span, reason, bytes);
                Booked::Rejected(reason)
            }
        }
    }

    fn open_start(&self) -> Option<usize> {
        match self.open {
            Open::Record { start } | Open::Unknown { start, .. } => Some(start),
            Open::Nothing | Open::Tail(_) => None,
        }
    }

    /// What is open has reached the limit: its head is booked, and the rest as it comes.
    fn overflow(&mut self, buffer: &[u8], start: usize, base: u64, output: &mut Output<'_, '_>) {
        let limit = start + RECORD_BYTES_MAX;
        let (head, place) = (&buffer[start..limit], span(base, start, limit));
        let booked = match self.open {
            Open::Record { .. } => {
                let booked = self.record(head, place, true, output);
                self.open = Open::Tail(booked);
                booked
            }
            Open::Tail(booked) => {
                book_rest(booked, place, output);
                booked
            }
            Open::Nothing | Open::Unknown { .. } => {
                output.reject(place, RejectReason::TooLong, head);
                self.open = Open::Nothing;
                Booked::Rejected(RejectReason::TooLong)
            }
        };
        self.rest_of_line = Some(booked);
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
        book_rest(booked, span(base, start, end), output);
        self.lines.seek(end);
        if newline.is_some() {
            self.rest_of_line = None;
        }
        newline.is_some()
    }
}

impl<L: Layout> Records for Entries<L> {
    fn take(&mut self, buffer: &[u8], base: u64, at_end: bool, output: &mut Output<'_, '_>) -> usize {
        while self.finish_line(buffer, base, output) {
            let line_start = self.lines.start();
            let start = self.open_start().unwrap_or(line_start);
            match self.lines.next(buffer, at_end) {
                Some(line) if line.1 - start <= RECORD_BYTES_MAX => self.line(buffer, line, base, output),
                None if buffer.len() - start <= RECORD_BYTES_MAX => {
                    if at_end {
                        self.close(buffer, buffer.len(), base, output);
                    }
                    break;
                }
                _ => self.overflow(buffer, start, base, output),
            }
        }
        let taken = match self.open_start() {
            Some(start) => start,
            None if at_end => buffer.len(),
            None => self.lines.start(),
        };
        self.lines.taken(taken);
        match &mut self.open {
            Open::Record { start } => *start -= taken,
            Open::Unknown { start, end, .. } => (*start, *end) = (*start - taken, *end - taken),
            Open::Nothing | Open::Tail(_) => {}
        }
        taken
    }

    fn context(&self) -> Vec<Span> {
        self.layout.context()
    }
}

fn book_rest(booked: Booked, span: Span, output: &mut Output<'_, '_>) {
    match booked {
        Booked::Parsed => output.rest(span),
        Booked::Rejected(reason) => output.reject_rest(reason, span),
    }
}

fn span(base: u64, start: usize, end: usize) -> Span {
    Span {
        start: base + start as u64,
        end: base + end as u64,
    }
}
