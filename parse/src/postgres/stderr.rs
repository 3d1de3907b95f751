//! PostgreSQL's stderr format: prefixed lines, follow-up lines with a prefix of their own, continuation lines that begin with one tab. Cuts
//! events; what an event means is decided in [`event`](crate::postgres::event).

use crate::decoder::{Booked, Output, RECORD_BYTES_MAX, Records};
use crate::entry::{REJECT_BYTES_KEPT, RejectReason, Severity, SkipKind};
use crate::lines::{Lines, without_newline};
use crate::postgres::event::{Event, Sessions};
use crate::postgres::prefix::infer::free_head;
use crate::postgres::prefix::{Head, Label, PREFIX_BYTES_MAX, Part, Prefix};
use crate::span::Span;
use crate::timestamp::TimestampReader;

/// A log in PostgreSQL's stderr format.
#[derive(Debug)]
pub(crate) struct StderrLog {
    prefix: Prefix,
    time: TimestampReader,
    sessions: Sessions,
    lines: Lines,
    open: Open,
    /// The rest of a record that was read up to the limit: where its bytes are booked.
    tail: Option<Tail>,
    scratch: Scratch,
}

/// What the lines read last belong to. Offsets are in the buffer.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one, and a box would be one allocation an event"
)]
enum Open {
    Nothing,
    Event(OpenEvent),
    /// Lines that nothing explains.
    Unknown {
        start: usize,
        end: usize,
        reason: RejectReason,
    },
}

#[derive(Debug)]
struct OpenEvent {
    start: usize,
    end: usize,
    head: Head,
    session: Session,
    /// End of the message, without follow-up lines.
    message_end: usize,
    /// The texts of its follow-up lines, in the order of [`Part`]; the first of each kind counts.
    parts: [Option<(usize, usize)>; Part::COUNT],
    /// The part that continuation lines belong to, once there is one.
    last_part: Option<Part>,
}

#[derive(Debug, Clone, Copy)]
struct Tail {
    booked: Booked,
    session: Option<Session>,
    /// The line itself is not at its end yet.
    in_line: bool,
}

/// Who wrote a line: the server, as the wrapper tells it, and the process there. A follow-up line is of the session of its event.
type Session = (u32, Option<i64>);

/// Texts without the tabs of continuation lines.
#[derive(Debug, Default)]
struct Scratch {
    message: Vec<u8>,
    parts: [Vec<u8>; Part::COUNT],
}

impl StderrLog {
    pub(crate) fn new(prefix: Prefix, time: TimestampReader) -> StderrLog {
        StderrLog {
            prefix,
            time,
            sessions: Sessions::default(),
            lines: Lines::default(),
            open: Open::Nothing,
            tail: None,
            scratch: Scratch::default(),
        }
    }

    fn line(&mut self, buffer: &[u8], (start, end): (usize, usize), base: u64, output: &mut Output<'_, '_>) {
        let line = &buffer[start..end];
        let continues = continues(line);
        if self.in_tail(line, Span::within(base, start, end), continues, output) {
            return;
        }
        if continues {
            return self.continuation(buffer, (start, end), base, output);
        }
        match self.head(line) {
            Some(head) if self.follows(&head, base + start as u64, output) => {
                self.follow_up(&head, start, end)
            }
            Some(head) => {
                self.close(buffer, base, output);
                let session = session(&head, base + start as u64, output);
                self.open = Open::Event(OpenEvent {
                    start,
                    end,
                    message_end: end,
                    parts: [None; Part::COUNT],
                    last_part: None,
                    head,
                    session,
                });
            }
            None => {
                let reason = if self.prefix.is_insisted() && free_head(line, &mut self.time).is_some() {
                    RejectReason::PrefixMismatch
                } else {
                    RejectReason::UnrecognizedLine
                };
                self.unknown(buffer, (start, end), reason, base, output);
            }
        }
    }

    fn head(&mut self, line: &[u8]) -> Option<Head> {
        let head = self.prefix.head(line, &mut self.time);
        if head.is_some() || self.prefix.is_insisted() {
            head
        } else {
            free_head(line, &mut self.time)
        }
    }

    /// Whether the line at `at` is a follow-up line of the open event.
    fn follows(&self, head: &Head, at: u64, output: &Output<'_, '_>) -> bool {
        match &self.open {
            Open::Event(event) => {
                !matches!(head.label, Label::Main(_)) && event.session == session(head, at, output)
            }
            _ => false,
        }
    }

    fn follow_up(&mut self, head: &Head, start: usize, end: usize) {
        if let Open::Event(event) = &mut self.open {
            event.end = end;
            event.last_part = match head.label {
                Label::Part(part) if event.parts[part as usize].is_none() => Some(part),
                _ => None,
            };
            if let Some(part) = event.last_part {
                event.parts[part as usize] = Some((start + head.message, end));
            }
        }
    }

    fn continuation(
        &mut self,
        buffer: &[u8],
        (start, end): (usize, usize),
        base: u64,
        output: &mut Output<'_, '_>,
    ) {
        match &mut self.open {
            Open::Event(event) => {
                let in_message = event.end == event.message_end;
                event.end = end;
                if in_message {
                    event.message_end = end;
                } else if let Some(part) = event.last_part
                    && let Some(text) = &mut event.parts[part as usize]
                {
                    text.1 = end;
                }
            }
            Open::Unknown { .. } => {
                self.unknown(buffer, (start, end), RejectReason::UnrecognizedLine, base, output)
            }
            Open::Nothing if buffer[start..end].trim_ascii().is_empty() => {
                output.skip(SkipKind::Blank, Span::within(base, start, end))
            }
            Open::Nothing => self.unknown(
                buffer,
                (start, end),
                RejectReason::OrphanContinuation,
                base,
                output,
            ),
        }
    }

    /// Lines that nothing explains are one reject as long as they follow each other and fit what is kept of a reject.
    fn unknown(
        &mut self,
        buffer: &[u8],
        (start, end): (usize, usize),
        reason: RejectReason,
        base: u64,
        output: &mut Output<'_, '_>,
    ) {
        match &mut self.open {
            Open::Unknown { end: run_end, .. } => *run_end = end,
            _ => {
                self.close(buffer, base, output);
                self.open = Open::Unknown { start, end, reason };
            }
        }
        if let Open::Unknown { start, end, .. } = self.open
            && end - start >= REJECT_BYTES_KEPT
        {
            self.close(buffer, base, output);
        }
    }

    /// The rest of a record beyond the limit; `false` when `line` is the beginning of another.
    fn in_tail(&mut self, line: &[u8], place: Span, continues: bool, output: &mut Output<'_, '_>) -> bool {
        let Some(mut tail) = self.tail else { return false };
        let belongs = tail.in_line
            || continues
            || self
                .head(line)
                .filter(|head| !matches!(head.label, Label::Main(_)))
                .is_some_and(|head| tail.session == Some(session(&head, place.start, output)));
        if !belongs || (matches!(tail.booked, Booked::Rejected(_)) && !tail.in_line) {
            self.tail = None;
            return false;
        }
        output.rest_of(tail.booked, place);
        tail.in_line = !line.ends_with(b"\n");
        self.tail = Some(tail);
        true
    }

    /// Emits what is open.
    fn close(&mut self, buffer: &[u8], base: u64, output: &mut Output<'_, '_>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => {}
            Open::Event(event) => self.emit(&event, buffer, base, output),
            Open::Unknown { start, end, reason } => {
                let cut = end.min(start + RECORD_BYTES_MAX);
                output.reject(Span::within(base, start, cut), reason, &buffer[start..cut]);
                output.reject_rest(reason, Span::within(base, cut, end));
            }
        }
    }

    fn emit(&mut self, open: &OpenEvent, buffer: &[u8], base: u64, output: &mut Output<'_, '_>) {
        let cut = open.end.min(open.start + RECORD_BYTES_MAX);
        let line = &buffer[open.start..cut];
        let severity = match open.head.label {
            Label::Main(severity) => severity,
            // Follow-up lines of an event that another session's lines separate them from.
            Label::Part(_) | Label::OtherPart => Some(Severity::Log),
        };
        let message = &buffer[open.start + open.head.message..open.message_end.min(cut)];
        let mut message = without_tabs(without_newline(message), &mut self.scratch.message);
        let field = |(from, to): (u16, u16)| &line[usize::from(from)..usize::from(to)];
        let mut sql_state = field(open.head.sql_state);
        if let Some((code, rest)) = verbose_sql_state(message) {
            (sql_state, message) = (code, rest);
        }
        let mut parts: [&[u8]; Part::COUNT] = [b""; Part::COUNT];
        for ((part, range), scratch) in parts.iter_mut().zip(open.parts).zip(&mut self.scratch.parts) {
            if let Some((start, end)) = range.filter(|(start, _)| *start < cut) {
                *part = without_tabs(without_newline(&buffer[start..end.min(cut)]), scratch);
            }
        }
        let part = |part: Part| parts[part as usize];
        let event = Event {
            span: Span::within(base, open.start, cut),
            bytes_cut: (open.end - cut) as u64,
            severity,
            time_us: open.head.time_us,
            pid: open.head.pid,
            user: field(open.head.user),
            database: field(open.head.database),
            application: field(open.head.application),
            client: field(open.head.client),
            backend: field(open.head.backend),
            query_id: open.head.query_id,
            transaction_id: open.head.transaction_id,
            sql_state,
            message,
            character: None,
            detail: part(Part::Detail),
            hint: part(Part::Hint),
            context: part(Part::Context),
            statement: part(Part::Statement),
        };
        self.sessions.event(&event, line, output);
    }

    fn open_start(&self) -> usize {
        match &self.open {
            Open::Nothing => self.lines.start(),
            Open::Event(OpenEvent { start, .. }) | Open::Unknown { start, .. } => *start,
        }
    }

    /// Whether a line goes on with what is open. Its first [`PREFIX_BYTES_MAX`] bytes are enough to know.
    fn belongs(&mut self, line: &[u8], at: u64, output: &Output<'_, '_>) -> bool {
        continues(line)
            || match self.head(line) {
                Some(head) => self.follows(&head, at, output),
                None => matches!(self.open, Open::Unknown { .. }),
            }
    }

    /// The caller takes `bytes` off the front of the buffer.
    fn leave(&mut self, bytes: usize) -> usize {
        self.lines.taken(bytes);
        self.open.taken(bytes);
        bytes
    }

    /// What is open has reached the limit: emit its head, and book the rest as it comes.
    fn overflow(&mut self, buffer: &[u8], base: u64, output: &mut Output<'_, '_>) {
        let start = self.lines.start();
        let in_line = start < buffer.len();
        if in_line {
            self.line(buffer, (start, buffer.len()), base, output);
        }
        let (booked, session) = match &self.open {
            Open::Event(event) => (Booked::Parsed, Some(event.session)),
            Open::Unknown { reason, .. } => (Booked::Rejected(*reason), None),
            // `line` closed it itself: an unknown run that is full.
            Open::Nothing => (Booked::Rejected(RejectReason::UnrecognizedLine), None),
        };
        if self.tail.is_none() {
            self.tail = Some(Tail {
                booked,
                session,
                in_line,
            });
        }
        self.close(buffer, base, output);
        self.lines.seek(buffer.len());
    }
}

impl Records for StderrLog {
    fn take(&mut self, buffer: &[u8], base: u64, at_end: bool, output: &mut Output<'_, '_>) -> usize {
        while let Some(line) = self.lines.next(buffer, at_end) {
            self.line(buffer, line, base, output);
        }
        if at_end {
            self.close(buffer, base, output);
        }
        let mut open_start = self.open_start();
        let in_tail_line = self.tail.is_some_and(|tail| tail.in_line);
        if !at_end && buffer.len() - open_start > RECORD_BYTES_MAX && open_start < self.lines.start() {
            // What reaches over the limit may be the first line of another record.
            let start = self.lines.start();
            let line = &buffer[start..];
            if (1..PREFIX_BYTES_MAX).contains(&line.len()) {
                return self.leave(open_start);
            }
            if !line.is_empty() && !self.belongs(line, base + start as u64, output) {
                self.close(buffer, base, output);
                open_start = self.open_start();
            }
        }
        let taken = if !at_end
            && (buffer.len() - open_start > RECORD_BYTES_MAX || (in_tail_line && open_start < buffer.len()))
        {
            self.overflow(buffer, base, output);
            buffer.len()
        } else {
            open_start
        };
        self.leave(taken)
    }

    fn context(&self) -> Vec<Span> {
        self.sessions.context()
    }
}

impl Open {
    /// The caller takes `bytes` off the front of the buffer.
    fn taken(&mut self, bytes: usize) {
        match self {
            Open::Nothing => {}
            Open::Event(event) => {
                event.start -= bytes;
                event.end -= bytes;
                event.message_end -= bytes;
                for text in event.parts.iter_mut().flatten() {
                    *text = (text.0 - bytes, text.1 - bytes);
                }
            }
            Open::Unknown { start, end, .. } => {
                *start -= bytes;
                *end -= bytes;
            }
        }
    }
}

/// Who wrote the line at `at`: the prefix may not say the process, and never says the server.
fn session(head: &Head, at: u64, output: &Output<'_, '_>) -> Session {
    let envelope = output.envelope(at);
    (envelope.stream, head.pid.or(envelope.pid))
}

/// The server writes one tab; a log that went through an editor may have spaces, or nothing on an empty line.
fn continues(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'\t' | b' ' | b'\n' | b'\r'))
}

/// `log_error_verbosity = verbose` puts the SQLSTATE before the message: the code and the rest.
fn verbose_sql_state(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (code, rest) = message.split_at_checked(5)?;
    let rest = rest.strip_prefix(b": ")?;
    code.iter()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        .then_some((code, rest))
}

/// Removes the one tab that the server puts after every line end inside a message.
fn without_tabs<'t>(text: &'t [u8], scratch: &'t mut Vec<u8>) -> &'t [u8] {
    let Some(first) = memchr::memchr(b'\n', text) else {
        return text;
    };
    scratch.clear();
    let mut rest = text;
    let mut line_end = first;
    loop {
        scratch.extend_from_slice(&rest[..=line_end]);
        rest = &rest[line_end + 1..];
        rest = rest.strip_prefix(b"\t").unwrap_or(rest);
        match memchr::memchr(b'\n', rest) {
            Some(end) => line_end = end,
            None => break,
        }
    }
    scratch.extend_from_slice(rest);
    scratch
}
