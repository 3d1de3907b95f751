//! Cuts a log whose records begin with a line that tells so, and go on up to the next one. Keeps the limits and books every byte; what a line
//! is and what a record says, a [`Layout`] knows.

use crate::decoder::{Booked, Output, RECORD_BYTES_MAX, Records};
use crate::entry::{REJECT_BYTES_KEPT, RejectReason, SkipKind};
use crate::lines::Lines;
use crate::span::Span;

/// One log format of this kind.
pub(crate) trait Layout {
    /// What `line`, with its line end, is to the record that is open, if one is. Called once for each line, in order; of a line over the
    /// limit it gets the head.
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
    /// It belongs to no record.
    Apart,
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
        let head_end = end.min(start + RECORD_BYTES_MAX);
        let head = &buffer[start..head_end];
        let place = Span::within(base, start, head_end);
        let is_open = matches!(self.open, Open::Record { .. });
        match (self.layout.role(head, place, is_open), self.open) {
            (Role::Begins, _) => {
                self.close(buffer, start, base, output);
                self.open = Open::Record { start };
            }
            (Role::Continues, Open::Record { .. }) => {}
            (Role::Continues, Open::Tail(booked)) => {
                output.rest_of(booked, place);
                self.rest_of_line = (head_end < end).then_some(booked);
            }
            // What explains a line of this length would have to be in its head.
            _ if head_end < end => {
                self.close(buffer, start, base, output);
                output.reject(place, RejectReason::TooLong, head);
                self.rest_of_line = Some(Booked::Rejected(RejectReason::TooLong));
            }
            (Role::Banner, _) => {
                self.close(buffer, start, base, output);
                output.skip(SkipKind::Banner, place);
            }
            (Role::Continues | Role::Apart, _) if head.trim_ascii().is_empty() => {
                self.close(buffer, start, base, output);
                output.skip(SkipKind::Blank, place);
            }
            (Role::Continues | Role::Apart, _) => self.unknown(buffer, (start, end), base, output),
        }
        match self.open {
            Open::Record { start } if end - start > RECORD_BYTES_MAX => {
                self.overflow(buffer, start, base, output);
            }
            _ if head_end < end => self.lines.seek(head_end),
            _ => {}
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
            _ => {
                self.close(buffer, start, base, output);
                let is_first = base + start as u64 == 0;
                (
                    start,
                    if is_first {
                        RejectReason::OrphanContinuation
                    } else {
                        RejectReason::UnrecognizedLine
                    },
                )
            }
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
                self.record(&buffer[start..end], Span::within(base, start, end), false, output);
            }
            Open::Unknown { start, end, reason } => {
                output.reject(Span::within(base, start, end), reason, &buffer[start..end]);
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

    /// The open record has reached the limit: its head is booked, and the rest as it comes.
    fn overflow(&mut self, buffer: &[u8], start: usize, base: u64, output: &mut Output<'_, '_>) {
        let limit = start + RECORD_BYTES_MAX;
        let place = Span::within(base, start, limit);
        let booked = self.record(&buffer[start..limit], place, true, output);
        self.open = Open::Tail(booked);
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
        output.rest_of(booked, Span::within(base, start, end));
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
            match self.lines.next(buffer, at_end) {
                Some(line) => self.line(buffer, line, base, output),
                None if buffer.len() - self.lines.start() > RECORD_BYTES_MAX => {
                    self.line(buffer, (self.lines.start(), buffer.len()), base, output);
                }
                None => break,
            }
        }
        if at_end {
            self.close(buffer, buffer.len(), base, output);
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
